"""Replies that come packed although we ask for them as they are: some gateways in between do that."""

import zlib
from collections.abc import AsyncIterable, AsyncIterator

from toolward.errors import InvalidResult

_PIECE = 256 * 1024  # bytes that are unpacked at once, however much a small piece says it holds
_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def decoded(pieces: AsyncIterable[bytes], encoding: str) -> AsyncIterable[bytes]:
    """Raises InvalidResult, while it is read, for what is broken or packed in another way."""
    name = encoding.strip().lower()
    return pieces if name in ("", "identity") else _unpacked(pieces, name)


async def _unpacked(pieces: AsyncIterable[bytes], name: str) -> AsyncIterator[bytes]:
    if name not in _WINDOW:
        raise InvalidResult(f"its content encoding is {name[:40]!r}, which is not known")
    unpacking = zlib.decompressobj(_WINDOW[name])
    try:
        async for piece in pieces:
            while piece:
                if found := unpacking.decompress(piece, _PIECE):
                    yield found
                piece = unpacking.unconsumed_tail  # noqa: PLW2901 -- what is left of it
    except zlib.error:
        raise InvalidResult("its content encoding is broken") from None
    if not unpacking.eof:
        raise InvalidResult("its content encoding is broken")
