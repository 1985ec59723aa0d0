"""What a connection on HTTP does, beside what uvicorn makes of it. Loaded with uvicorn, by whoever opens a door."""

import asyncio
from typing import Any, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from toolward.doors.farewell import Farewell, last_words
from toolward.doors.limits import Limits
from toolward.doors.patience import Connections, Full, Patience, Seen, Verdict
from toolward.errors import DeadlineExceeded, Overloaded, TooLarge, Unavailable

AGAIN = 1.0
"""Seconds after which somebody should come back for whom there was no connection."""


class Words:
    """What connections are told that are not served, made once."""

    def __init__(self, limits: Limits) -> None:
        again = f"Try again in {AGAIN:g} s."
        full = Unavailable("This door has all the connections that it takes.", hint=again, retry_after=AGAIN)
        peer = Overloaded(
            f"From your address {limits.connections_per_peer} connections are open here, and no more are taken.",
            hint=f"Close some. {again}",
            retry_after=AGAIN,
        )
        head = TooLarge(
            f"The head of a request has at most {limits.headers} headers and {limits.header_bytes:,} bytes.",
            hint="Send less.",
        )
        late = DeadlineExceeded("The request did not come in time.", hint="Send it again, faster.")
        self.full: dict[Full, bytes] = {"door": last_words(full), "peer": last_words(peer)}
        self.codes: dict[Full, str] = {"door": full.code, "peer": peer.code}
        self.head = last_words(head, 431)
        self.late = last_words(late, 408)


class BoundedParser:
    """httptools' parser, which is fed no more of a head than it may have: by itself it knows no bound."""

    def __init__(self, parser: Any, limits: Limits) -> None:
        self._feed = parser.feed_data
        self._limits = limits
        self._chunk = self._fed = 0
        self._in_head = False
        self.overfed = False
        """Whether a head was too large."""
        self.get_method, self.get_http_version = parser.get_method, parser.get_http_version
        self.should_upgrade, self.should_keep_alive = parser.should_upgrade, parser.should_keep_alive

    def feed_data(self, data: bytes) -> None:
        """Raises HttpParserError."""
        if self._in_head:
            self._fed += len(data)
            if self._fed > self._limits.header_bytes:
                self._refuse()
        self._chunk = len(data)
        self._feed(data)

    def begins(self) -> None:
        self._in_head = True
        self._fed = 0  # of the piece in which it begins, a part is the request before

    def has_head(self, url: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        """Raises HttpParserError."""
        self._in_head = False
        if len(headers) > self._limits.headers:
            self._refuse()
        if self._chunk + self._fed > self._limits.header_bytes:  # otherwise it cannot be
            size = len(url) + sum(len(name) + len(value) + 4 for name, value in headers)
            if size > self._limits.header_bytes:
                self._refuse()

    def _refuse(self) -> NoReturn:
        self.overfed = True  # of what is raised in a callback, httptools tells only that it was raised
        raise httptools.HttpParserError("The head is too large.")


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, connections: Connections, words: Words, **named: Any) -> None:
        super().__init__(*args, **named)
        self.cycle: Any = None  # uvicorn says that there always is one
        self._crowd, self._words = connections, words
        self.patience = Patience(connections.clock)
        self._bounded = BoundedParser(self.parser, connections.limits)
        self.parser: Any = self._bounded

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        full = self._crowd.enter(self, self.client[0] if self.client else "")
        if full:
            self._crowd.refused(self._words.codes[full])
            self._leave(self._words.full[full])

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._crowd.leave(self)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._bounded.begins()
        self.patience.begins()

    def on_headers_complete(self) -> None:
        self._bounded.has_head(self.url, self.headers)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.patience.whole()

    def send_400_response(self, msg: str) -> None:
        """For whatever the parser did not take."""
        if self._bounded.overfed:
            self._crowd.refused(TooLarge.code)
            self._leave(self._words.head)
        else:
            super().send_400_response(msg)

    @property
    def is_busy(self) -> bool:
        """Whether a request is in work: then nobody is idle."""
        return self.cycle is not None and not self.cycle.response_complete

    def seen(self) -> Seen:
        ending = self.transport.is_closing()
        waits = self.flow.write_paused or ending
        return Seen(
            busy=self.is_busy,
            has_head=self.cycle is not None and self.cycle.scope is self.scope,
            held_back=self.flow.read_paused,
            unread=(self.transport.get_write_buffer_size() or ending) if waits else 0,
        )

    def end(self, why: Verdict) -> None:
        if why == "idle":
            self.transport.close()
            return
        self._crowd.refused(DeadlineExceeded.code)
        if why == "unread" or self.transport.is_closing() or (self.is_busy and self.cycle.response_started):
            self.transport.abort()
        else:
            self._leave(self._words.late)

    def _leave(self, words: bytes) -> None:
        if self.cycle is not None:  # whoever works on it finds nobody there any more
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        Farewell(self, self.transport, words)
