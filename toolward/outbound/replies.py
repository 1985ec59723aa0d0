"""What a request gives: a whole response, or one that is read as it comes."""

import asyncio
from collections import deque

import msgspec

from toolward.errors import DeadlineExceeded
from toolward.outbound.connection import Connection

HIGH_WATER = 256 * 1024
"""Bytes of a streamed body that wait unread before the far end is made to wait too."""


class Response(msgspec.Struct, frozen=True):
    """A whole reply. Header names are in lower case; a repeated header's values are joined by `, `."""

    status: int
    headers: dict[str, str]
    body: bytes


class Whole:
    """Collects a reply; `ready` gives it, or raises what went wrong."""

    __slots__ = ("_chunks", "_headers", "_status", "ready")

    def __init__(self, connection: Connection, source: str) -> None:
        self.ready: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._chunks: list[bytes] = []

    def head(self, status: int, headers: dict[str, str]) -> None:
        self._status = status
        self._headers = headers

    def data(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def end(self) -> None:
        if not self.ready.done():
            body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            self.ready.set_result(Response(self._status, self._headers, body))

    def fail(self, error: Exception) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)


class StreamedResponse:
    """A reply whose head is there: `async for chunk in response` gives the body as it comes, once, to one
    reader. Iterating raises Interrupted when the connection is lost, InvalidResult for a malformed or too
    large body, DeadlineExceeded when nothing comes for `idle_timeout` seconds."""

    status: int
    headers: dict[str, str]

    def __init__(self, connection: Connection, source: str) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[StreamedResponse] = self._loop.create_future()
        self.idle_timeout: float | None = None
        self._connection = connection
        self._source = source
        self._chunks: deque[bytes] = deque()
        self._waiting = 0  # bytes
        self._news: asyncio.Future[None] | None = None
        self._ended = False
        self._error: Exception | None = None

    def __aiter__(self) -> "StreamedResponse":
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            await self._wait()
        chunk = self._chunks.popleft()
        self._waiting -= len(chunk)
        if self._waiting <= HIGH_WATER // 2:
            self._connection.resume()
        return chunk

    async def _wait(self) -> None:
        self._news = self._loop.create_future()
        try:
            async with asyncio.timeout(self.idle_timeout):
                await self._news
        except TimeoutError:
            raise DeadlineExceeded(
                f"{self._source} has sent nothing for {self.idle_timeout:g} s in the middle of its reply."
            ) from None
        finally:
            self._news = None

    # --- called by the connection ------------------------------------------------------------------------

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.headers = headers
        if not self.ready.done():
            self.ready.set_result(self)

    def data(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._waiting += len(chunk)
        if self._waiting > HIGH_WATER:
            self._connection.pause()
        self._tell()

    def end(self) -> None:
        self._ended = True
        self._tell()

    def fail(self, error: Exception) -> None:
        self._error = error
        if not self.ready.done():
            self.ready.set_exception(error)
        self._tell()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
