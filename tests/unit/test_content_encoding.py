"""Replies that come packed although nobody asked for that."""

import gzip
import zlib
from collections.abc import AsyncIterator

import pytest

from gateway.models.content_encoding import decoded
from toolward.errors import InvalidResult

WORDS = b'{"choices": []} ' * 100_000


async def in_pieces(body: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [(WORDS, ""), (WORDS, "identity"), (gzip.compress(WORDS), "GZIP"), (zlib.compress(WORDS), "deflate")],
)
async def test_it_is_unpacked_a_little_at_a_time(packed: bytes, encoding: str):
    pieces = [piece async for piece in decoded(in_pieces(packed), encoding)]
    assert b"".join(pieces) == WORDS
    assert max(map(len, pieces)) <= 256 * 1024


@pytest.mark.parametrize(
    ("packed", "encoding", "said"),
    [
        (b"no gzip", "gzip", "broken"),
        (gzip.compress(WORDS)[:-20], "gzip", "broken"),
        (WORDS, "br", "'br'"),
    ],
)
async def test_what_cannot_be_unpacked_is_said(packed: bytes, encoding: str, said: str):
    with pytest.raises(InvalidResult, match=said):
        async for _ in decoded(in_pieces(packed), encoding):
            pass
