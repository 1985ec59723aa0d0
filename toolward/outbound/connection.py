"""One HTTP/1.1 connection: a request out, its reply in, and whether it may carry another."""

import asyncio
import select
from collections.abc import Callable
from typing import Any, cast

from toolward.errors import InvalidResult, Unavailable
from toolward.outbound.reader import ReplyReader, Sink

RESTED = 0.25
"""Seconds after an exchange for which the far end is not expected to have closed a connection that it has kept."""


class Interrupted(Unavailable):
    """A request was sent and the connection was lost before its reply was whole: it may have been carried out.

    `started` says whether any of the reply had come."""

    def __init__(self, message: str, *, started: bool) -> None:
        super().__init__(
            message, hint="Whether the request was carried out is not known; look before you repeat it."
        )
        self.started = started


class Connection(asyncio.Protocol):
    """Belongs to one pool, and to at most one request at a time."""

    def __init__(self, source: str, max_head: int, on_lost: Callable[["Connection"], None]) -> None:
        self._source = source
        self._reader = ReplyReader(source, max_head)
        self._on_lost = on_lost
        self._sink: Sink | None = None
        self._paused = False
        self.lost = False
        self.served = 0  # requests sent on it
        self.idle_since = 0.0  # by the loop's clock

    # --- what the pool does ------------------------------------------------------------------------------

    def usable(self, now: float) -> bool:
        """Whether a request may be written: false as soon as the far end has closed, also where the loop has
        not been told yet; of one that has shown that it is kept, and rested for a moment only, the loop has been.
        Asking the kernel lets every other thread go first."""
        if self.lost or self._transport.is_closing():
            return False
        rested = now - self.idle_since
        return (self.served > 1 and rested < RESTED) or not self._readable.poll(0)

    @property
    def reusable(self) -> bool:
        """Whether the last exchange has left it clean: the reply whole and nothing behind it, the request sent."""
        reader = self._reader
        return (
            reader.complete
            and reader.keep_alive
            and not self.lost
            and not self._transport.is_closing()
            and self._transport.get_write_buffer_size() == 0
        )

    def send(self, request: bytes, sink: Sink, *, bodiless: bool, max_body: int) -> None:
        """Write a whole request; its reply, or the failure, goes to `sink`."""
        self._reader.expect(sink, bodiless=bodiless, max_body=max_body)
        self._sink = sink
        self.served += 1
        self._transport.write(request)

    def pause(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def close(self) -> None:
        """Politely: of use only between exchanges."""
        self._transport.close()

    def abort(self) -> None:
        """At once: whatever was still to come is dropped, and who waits for it is told."""
        self._transport.abort()

    # --- what the loop says ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        socket: Any = transport.get_extra_info("socket")
        self._readable = select.poll()
        self._readable.register(socket.fileno(), select.POLLIN | select.POLLHUP)

    def data_received(self, data: bytes) -> None:
        sink = self._sink
        if sink is None:  # nobody asked for anything
            self._transport.abort()
            return
        try:
            complete = self._reader.feed(data)
        except InvalidResult as error:
            self._sink = None
            sink.fail(error)
            self._transport.abort()
            return
        if complete:
            self._sink = None
            sink.end()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        sink, self._sink = self._sink, None
        if sink is not None:
            if exc is None and self._reader.feed_eof():
                sink.end()
            else:
                sink.fail(self._interrupted())
        self._on_lost(self)

    def _interrupted(self) -> Interrupted:
        started = self._reader.started
        where = "in the middle of its reply" if started else "without an answer"
        return Interrupted(f"{self._source} closed the connection {where}.", started=started)
