"""The last words on a connection over HTTP that is not served, or no longer: one answer, made once, and the end."""

import asyncio
import math

import msgspec

from toolward.errors import ToolwardError
from toolward.wire.errors import to_problem

LINGER = 1.0
"""Seconds in which a client may take the answer. Who closes while the client still sends takes it back (RFC 9112,
section 9.6)."""

MOST = 64
"""Farewells at once; beyond that, connections are cut without a word."""

_REASONS = {
    408: "Request Timeout",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


def last_words(error: ToolwardError, status: int | None = None) -> bytes:
    """The error as a whole HTTP/1.1 response, a problem (RFC 9457), after which the connection closes."""
    number, problem = to_problem(error)
    number = status or number
    body = msgspec.json.encode(problem | {"status": number})
    head = f"HTTP/1.1 {number} {_REASONS[number]}\r\ncontent-type: application/problem+json\r\n"
    if error.retry_after is not None:
        head += f"retry-after: {math.ceil(error.retry_after)}\r\n"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


class Farewell(asyncio.Protocol):
    """In the place of the `served` protocol: it says `words`, listens to nothing, and waits a little for the client
    to close."""

    open = 0

    def __init__(self, served: asyncio.Protocol, transport: asyncio.Transport, words: bytes) -> None:
        self._served, self._transport = served, transport
        Farewell.open += 1
        self._timer: asyncio.TimerHandle | None = None
        transport.set_protocol(self)
        if Farewell.open > MOST:
            transport.abort()
            return
        transport.resume_reading()
        transport.write(words)
        if transport.can_write_eof():
            transport.write_eof()
            self._timer = asyncio.get_running_loop().call_later(LINGER, transport.abort)
        else:
            transport.close()

    def eof_received(self) -> None:
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        Farewell.open -= 1
        if self._timer is not None:
            self._timer.cancel()
        self._served.connection_lost(exc)
