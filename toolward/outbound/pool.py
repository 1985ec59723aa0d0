"""A keep-alive HTTP/1.1 client for one origin, without a framework beneath it.

    async with Pool("http://127.0.0.1:8710") as pool:
        response = await pool.request("POST", "/mcp", {"content-type": "application/json"}, body, timeout=30)

A connection serves one request at a time and is used again only after a complete reply. A request is repeated
by itself at most once, and only where that is safe: see `Pool.request`. Redirects are answers like any other.
"""

import asyncio
import contextlib
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import NamedTuple, Protocol, TypeVar

from toolward.errors import DeadlineExceeded, InvalidRequest, Overloaded, Unavailable
from toolward.outbound.connection import Connection, Interrupted
from toolward.outbound.egress import Origin
from toolward.outbound.reader import Sink
from toolward.outbound.replies import Response, StreamedResponse, Whole
from toolward.outbound.reasons import why_unreachable

MAX_BODY = 16 * 1024 * 1024
"""Bytes of a reply's body, unless a caller says otherwise."""

MAX_HEAD = 64 * 1024
"""Bytes of a reply's head."""

MAX_WAITERS = 1024
"""Requests that may wait for a free connection."""

CONNECT_TIMEOUT = 10.0
"""Seconds to a connection, TLS included."""

MAX_IDLE = 60.0
"""Seconds after which an unused connection is not trusted any more."""

_TLS_CLOSE = 1.0  # seconds for the far end's goodbye
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
# The whole head of a request, so that nothing which a caller hands in can add a line or a second request.
_HEADER = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t -~]*\r\n"
_HEAD = re.compile(rf"[A-Z]+ /[!-~]* HTTP/1\.1\r\n(?:{_HEADER})*\r\n")
_LINE = re.compile(_HEADER)

NO_HEADERS: Mapping[str, str] = {}

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class _Ready(Sink, Protocol[T_co]):
    @property
    def ready(self) -> "asyncio.Future[T_co]": ...


class _Call(NamedTuple):
    wire: bytes
    bodiless: bool
    repeatable: bool
    max_body: int
    timeout: float | None


class Pool:
    """Connections to one origin. Every method that sends raises Unavailable where nothing answers, Interrupted
    (an Unavailable) where the connection was lost after the request was sent, DeadlineExceeded, InvalidResult
    for a malformed or too large reply, Overloaded when too many requests wait already, and InvalidRequest for
    a path or header that cannot be sent."""

    def __init__(
        self,
        base_url: str,
        limit: int = 64,
        *,
        max_body: int = MAX_BODY,
        max_head: int = MAX_HEAD,
        max_waiters: int = MAX_WAITERS,
        connect_timeout: float = CONNECT_TIMEOUT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Only the origin of `base_url` counts: a request's `path` is always the whole path. `limit` bounds the
        open connections. The TLS context is made here, once: that takes 13 ms. Raises ConfigurationError."""
        self.origin = Origin.of(base_url)
        self._name = str(self.origin)
        self._host_line = f"host: {self.origin.authority}\r\n"
        self._limit = limit
        self._max_body = max_body
        self._max_head = max_head
        self._max_waiters = max_waiters
        self._connect_timeout = connect_timeout
        self._tls = (tls or ssl.create_default_context()) if self.origin.scheme == "https" else None
        self._all: set[Connection] = set()
        self._idle: deque[Connection] = deque()  # the one used last is on the right
        self._opening = 0
        # A waiter is given a connection, or None: the right to open one.
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False
        self._emptied: asyncio.Event | None = None

    async def __aenter__(self) -> "Pool":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection; requests under way fail as Interrupted, waiting ones as Unavailable."""
        self._closed = True
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(self._is_closed())
        self._close_idle()
        for connection in self._all:
            connection.break_off()
        if self._all:
            self._emptied = asyncio.Event()
            await self._emptied.wait()

    @property
    def open_connections(self) -> int:
        return len(self._all)

    @property
    def idle_connections(self) -> int:
        return len(self._idle)

    async def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes = b"",
        *,
        timeout: float | None = 30.0,
        idempotent: bool | None = None,
        max_body: int | None = None,
    ) -> Response:
        """One request and its whole reply, of any status. `timeout` is in seconds, for everything.

        A kept connection may turn out to be closed only when it is used again. Then the request is repeated,
        once, if it is `idempotent` (default: GET, HEAD, OPTIONS) and nothing of a reply had come; any other
        request raises Interrupted, for it may have been carried out."""
        call = self._compose(method, path, headers, body, idempotent, max_body, timeout)
        connection, response = await self._exchange(call, Whole)
        self._release(connection)
        return response

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes = b"",
        *,
        timeout: float | None = 30.0,
        idle_timeout: float | None = None,
        idempotent: bool | None = None,
        max_body: int | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        """One request whose reply is read as it comes. `timeout` seconds to its head, then `idle_timeout`
        between two pieces. A reader who is slow makes the far end wait; one who leaves early closes the
        connection. Otherwise as `request`."""
        call = self._compose(method, path, headers, body, idempotent, max_body, timeout)
        connection, response = await self._exchange(call, StreamedResponse)
        response.idle_timeout = idle_timeout
        try:
            yield response
        finally:
            self._release(connection)

    # --- one exchange ------------------------------------------------------------------------------------

    async def _exchange(
        self, call: _Call, new_sink: Callable[[Connection, str], _Ready[T]]
    ) -> tuple[Connection, T]:
        """The connection comes back with the reply, and is the caller's to release."""
        loop = asyncio.get_running_loop()
        deadline = None if call.timeout is None else loop.time() + call.timeout
        repeatable = call.repeatable
        while True:
            connection = self._take_idle() or await self._acquire_until(deadline, call)
            sink = new_sink(connection, self._name)
            timer = deadline and loop.call_at(deadline, sink.fail, self._too_late(call))
            connection.send(call.wire, sink, bodiless=call.bodiless, max_body=call.max_body)
            try:
                return connection, await sink.ready
            except Interrupted as error:
                self._release(connection)
                if error.started or connection.served == 1 or not repeatable:
                    raise
                repeatable = False
                self._close_idle()  # kept as long as this one was, and likely closed as well
            except BaseException:
                self._release(connection)
                raise
            finally:
                if timer:
                    timer.cancel()

    def _compose(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        idempotent: bool | None,
        max_body: int | None,
        timeout: float | None,
    ) -> _Call:
        lines = [f"{method} {path} HTTP/1.1\r\n", self._host_line]
        for name, value in headers.items():
            if name.lower() in _OWN:
                raise InvalidRequest(f"The header {name!r} is the connection's own and cannot be set.")
            lines.append(f"{name}: {value}\r\n")
        if body or method not in _SAFE:
            lines.append(f"content-length: {len(body)}\r\n")
        lines.append("\r\n")
        head = "".join(lines)
        if not _HEAD.fullmatch(head):
            raise _unsendable(lines)
        return _Call(
            head.encode("ascii") + body,
            method == "HEAD",
            method in _SAFE if idempotent is None else idempotent,
            self._max_body if max_body is None else max_body,
            timeout,
        )

    def _too_late(self, call: _Call) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self._name} did not answer within {call.timeout:g} s.")

    # --- connections -------------------------------------------------------------------------------------

    def _take_idle(self) -> Connection | None:
        if not self._idle:
            return None
        if asyncio.get_running_loop().time() - self._idle[-1].idle_since > MAX_IDLE:
            self._close_idle()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.abort()
        return None

    async def _acquire_until(self, deadline: float | None, call: _Call) -> Connection:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._acquire()
        except TimeoutError:
            raise self._too_late(call) from None

    async def _acquire(self) -> Connection:
        while True:
            if self._closed:
                raise self._is_closed()
            if len(self._all) + self._opening < self._limit:
                self._opening += 1
                return await self._open()
            granted = await self._wait()
            if granted is None:
                return await self._open()
            if granted.usable:
                return granted
            granted.abort()

    async def _wait(self) -> Connection | None:
        if len(self._waiters) >= self._max_waiters:
            raise Overloaded(
                f"{len(self._waiters):,} requests wait for one of {self._limit} connections to {self._name}.",
                hint="Come back when some are done.",
                retry_after=1.0,
            )
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with contextlib.suppress(ValueError):  # passed over already
                    self._waiters.remove(waiter)
            elif waiter.exception() is None:  # given something in the same moment: it goes to the next
                self._give_back(waiter.result())
            raise

    async def _open(self) -> Connection:
        """Open a connection in the place that `_opening` holds for it."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self._connect_timeout):
                connection = await self._connect()
        except TimeoutError:
            raise self._unreachable(f"no connection within {self._connect_timeout:g} s") from None
        except OSError as error:
            raise self._unreachable(why_unreachable(error)) from None
        finally:
            self._opening -= 1
            if connection is None or connection.lost:
                self._grant_place()
        if connection.lost:
            raise self._unreachable("it closes every connection at once")
        self._all.add(connection)
        if self._closed:
            connection.abort()
            raise self._is_closed()
        return connection

    async def _connect(self) -> Connection:
        tls = self._tls
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self._name, self._max_head, self._lost),
            self.origin.host,
            self.origin.port,
            ssl=tls,
            ssl_shutdown_timeout=_TLS_CLOSE if tls else None,
        )
        return connection

    def _release(self, connection: Connection) -> None:
        """Keep it for the next request, or close it: its place is free when it is lost."""
        if connection.reusable and not self._closed:
            connection.resume()
            self._give_back(connection)
        else:
            connection.abort()

    def _give_back(self, granted: Connection | None) -> None:
        if granted is None:
            self._opening -= 1
            self._grant_place()
            return
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(granted)
        else:
            granted.idle_since = asyncio.get_running_loop().time()
            self._idle.append(granted)

    def _grant_place(self) -> None:
        """A place is free: the first who waits may open a connection in it."""
        waiter = self._next_waiter()
        if waiter is not None:
            self._opening += 1
            waiter.set_result(None)

    def _next_waiter(self) -> "asyncio.Future[Connection | None] | None":
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    def _lost(self, connection: Connection) -> None:
        if connection not in self._all:  # lost before it was ours
            return
        self._all.discard(connection)
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)
        if self._closed:
            if self._emptied is not None and not self._all:
                self._emptied.set()
        else:
            self._grant_place()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _unreachable(self, why: str) -> Unavailable:
        return Unavailable(
            f"Nothing answers at {self._name}: {why}.", hint="Start it, or correct its address."
        )

    def _is_closed(self) -> Unavailable:
        return Unavailable(f"The connections to {self._name} are closed: this program is stopping.")


def _unsendable(lines: list[str]) -> InvalidRequest:
    """Says which part, and never a header's value: it may be a secret."""
    for line in lines[1:-1]:
        if not _LINE.fullmatch(line):
            name = line.partition(":")[0]
            return InvalidRequest(f"The header {name[:80]!r} holds characters that no HTTP header may.")
    return InvalidRequest(
        "The request's method or path cannot be sent.",
        hint="The path starts with / and holds no spaces or control characters; escape them as %20.",
    )
