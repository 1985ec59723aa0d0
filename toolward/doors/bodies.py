"""Bodies of requests, read under bounds: each of them, and all that are on their way together, since many slow
senders of large bodies would otherwise fill the memory before any of them calls anything."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from toolward.errors import Overloaded, TooLarge

MAX_TOGETHER = 256 * 1024 * 1024
"""Bytes of unfinished bodies."""

RETRY_AFTER = 1.0

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Bodies:
    """Those of one door; each has at most `most` bytes."""

    def __init__(self, most: int, together: int = MAX_TOGETHER) -> None:
        self._most, self._together = most, together
        self._held = 0

    async def read(self, receive: Receive) -> bytes | None:
        """The whole body; None when the client went away before it came. Raises TooLarge, Overloaded."""
        chunks: list[bytes] = []
        size = 0
        try:
            while True:
                event = await receive()
                if event["type"] == "http.disconnect":
                    return None
                chunk = event.get("body", b"")
                chunks.append(chunk)
                size += len(chunk)
                self._held += len(chunk)
                self._check(size)
                if not event.get("more_body", False):
                    return b"".join(chunks) if len(chunks) > 1 else chunk
        finally:
            self._held -= size

    def _check(self, size: int) -> None:
        if size > self._most:
            raise TooLarge(f"The request is over {self._most:,} bytes.", hint="Send less.")
        if self._held > self._together:
            raise Overloaded(
                "Too many large requests are on their way here.",
                hint=f"Try again in {RETRY_AFTER:g} s.",
                retry_after=RETRY_AFTER,
            )
