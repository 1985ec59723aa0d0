"""What a connection on HTTP does, beside what uvicorn makes of it. Loaded with uvicorn, by whoever opens a door.

A plain request to `/mcp` that has come whole goes to the door by the shortest way: no parser's callbacks, no ASGI
messages, and one write for its answer. All others go uvicorn's way, with the same bytes.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from toolward.doors.admittance import PEER
from toolward.doors.certificates import of_connection
from toolward.doors.farewell import Farewell
from toolward.doors.http_bounds import BoundedParser, Words
from toolward.doors.patience import Connections, Patience, Seen, Verdict
from toolward.doors.plain_head import MAX_HEAD, PlainHead, read_head
from toolward.errors import DeadlineExceeded, TooLarge

log = logging.getLogger(__name__)

MAX_HELD = 64 * 1024
"""Bytes of a request that are kept until the rest of it has come."""

HELD_SECONDS = 0.05
"""For which they are; then the parser gets them, with all that it does about slow senders."""

_BEGINS = b"POST /mcp"
_NO_BYTES = b""


class Plain(Protocol):
    """A door that answers plain requests."""

    def begin(self, head: PlainHead, body: bytes) -> Coroutine[Any, Any, bytes] | None:
        """The answer: a whole HTTP response. None = not a plain request after all, and nothing was done."""
        ...


class HttpProtocol(HttpToolsProtocol):
    """One connection. What is known of the client's certificate stands among the headers of each request, under a
    name that is taken from no client."""

    plain: Plain | None = None
    crowd: Connections
    words: Words
    """Of the server; `speaking` sets them."""

    _known: PlainHead | None = None  # of the request before: clients send the same head again and again
    _known_raw = _NO_BYTES
    _held = _NO_BYTES
    _holding: asyncio.TimerHandle | None = None
    _work: asyncio.Task[bytes] | None = None  # of a plain request
    _in_parser = False  # it has begun to read a request, and not ended
    _leaving = False
    _last = 0.0  # when a plain request was answered, by the loop's clock

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.patience = Patience(self.crowd.clock)
        self._bounded = BoundedParser(self.parser, self.crowd.limits)
        self.parser: Any = self._bounded
        self.cycle: Any = None  # uvicorn says that there always is one
        self._cycles: list[Any] = []  # those before it that are not answered yet

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._certificate = of_connection(transport)
        if full := self.crowd.enter(self, self._address):
            self.crowd.refused(self.words.codes[full])
            self._leave(self.words.full[full])

    def data_received(self, data: bytes) -> None:
        if self._work is not None:  # pipelined: it waits for its turn
            self._held += data
            self.transport.pause_reading()
            return
        if self._held:
            data, self._held = self._held + data, _NO_BYTES
            self._stop_holding()
        if not self._takes(data):
            super().data_received(data)

    def _takes(self, data: bytes) -> bool:
        """Whether this was a plain request, or what may become one."""
        plain = self.plain
        if plain is None or not data.startswith(_BEGINS) or not self._is_idle():
            return False
        end = data.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0:
            return False
        raw = data[:end]
        if raw != self._known_raw:
            self._known, self._known_raw = read_head(raw, {**self._certificate, PEER: self._address}), raw
        if (head := self._known) is None:
            return False
        missing = end + 4 + head.length - len(data)
        if missing:
            return missing > 0 and self._hold(data, head.length)
        answer = plain.begin(head, data[end + 4 :])
        if answer is None:
            return False
        self.patience.whole()
        self._work = work = self.loop.create_task(answer)
        self.tasks.add(work)  # pyright: ignore[reportArgumentType] -- uvicorn's tasks give nothing
        work.add_done_callback(self._answered)
        return True

    def _is_idle(self) -> bool:
        if self._in_parser or self._answers:
            return False
        return not self.flow.write_paused and not self.transport.is_closing()

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def _hold(self, data: bytes, length: int) -> bool:
        if length > MAX_HELD:
            return False
        self._held = data
        self._holding = self.loop.call_later(HELD_SECONDS, self._let_go)
        return True

    def _let_go(self) -> None:
        self._holding = None
        data, self._held = self._held, _NO_BYTES
        if not self.transport.is_closing():
            super().data_received(data)

    def _stop_holding(self) -> None:
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None

    def _answered(self, work: "asyncio.Task[bytes]") -> None:
        self._work = None
        self.tasks.discard(work)  # pyright: ignore[reportArgumentType] -- likewise
        if work.cancelled() or self.transport.is_closing():
            return
        if (error := work.exception()) is not None:  # the door maps every error: this is a bug of ours
            log.error("a plain request failed", exc_info=error)
            self.transport.close()
            return
        self.server_state.total_requests += 1
        self.transport.write(work.result())
        if self._leaving:
            self.transport.close()
            return
        self._last = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._keep_for(self.timeout_keep_alive)
        if self._held:
            data, self._held = self._held, _NO_BYTES
            self.transport.resume_reading()
            self.data_received(data)

    def _keep_for(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    # --- uvicorn's

    def timeout_keep_alive_handler(self) -> None:
        """One timer for many requests: it looks when the last one was."""
        self.timeout_keep_alive_task = None
        left = self._last + self.timeout_keep_alive - self.loop.time()
        if self._work is not None or self._held or left > 0:
            self._keep_for(max(left, HELD_SECONDS))
        else:
            super().timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        self._in_parser = True
        super().on_message_begin()
        self.headers.extend((name.encode(), text.encode()) for name, text in self._certificate.items())
        self._bounded.begins(len(self.pipeline))
        self.patience.begins()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._bounded.in_head:  # those of a trailer are none (RFC 9110, 6.5.1)
            HttpToolsProtocol.on_header(self, name, value)

    def on_headers_complete(self) -> None:
        self._bounded.has_head(self.url, self.headers)
        if self._answers:
            self._cycles = [one for one in self._cycles if not one.response_complete] + [self.cycle]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._bounded.has_some(body)
        HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        self._in_parser = False
        self._bounded.is_whole()
        super().on_message_complete()
        self.patience.whole()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_holding()
        if (
            self._work is not None
        ):  # the client is gone, and cancels its call (spec, basic/patterns/cancellation)
            self._work.cancel()
        super().connection_lost(exc)
        self.crowd.leave(self)

    def shutdown(self) -> None:
        self._leaving = True
        if self._work is None:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """For whatever the parser did not take."""
        if self._bounded.overfed:
            self.crowd.refused(TooLarge.code)
            if self._bounded.in_body and self.cycle is not None and self.cycle.response_started:
                self.transport.abort()  # it has its answer, and what follows is not read
            else:
                self._leave(self.words.head)
        else:
            super().send_400_response(msg)

    # --- limits (`toolward.doors.patience`)

    @property
    def _answers(self) -> bool:
        """Whether a request that the parser read is in work."""
        return self.cycle is not None and not self.cycle.response_complete

    def seen(self) -> Seen:
        ending = self.transport.is_closing()
        waits = self.flow.write_paused or ending
        return Seen(
            busy=self._work is not None or self._answers,
            has_head=self.cycle is not None and self.cycle.scope is self.scope,
            held_back=self.flow.read_paused,
            unread=(self.transport.get_write_buffer_size() or ending) if waits else 0,
        )

    def end(self, why: Verdict) -> None:
        if why == "idle":
            self.transport.close()
            return
        self.crowd.refused(DeadlineExceeded.code)
        if why == "unread" or self.transport.is_closing() or (self._answers and self.cycle.response_started):
            self.transport.abort()
        else:
            self._leave(self.words.late)

    def _leave(self, words: bytes) -> None:
        for cycle in (*self._cycles, *([self.cycle] if self.cycle else ())):
            cycle.disconnected = True  # whoever works on it finds nobody there any more
            cycle.message_event.set()
        self.pipeline.clear()
        Farewell(self, self.transport, words)


def speaking(plain: Plain | None, crowd: Connections) -> type[HttpProtocol]:
    """The connections of one server."""
    own = {"plain": plain, "crowd": crowd, "words": Words(crowd.limits)}
    return type("HttpProtocol", (HttpProtocol,), own)
