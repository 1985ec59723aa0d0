"""A keep-alive HTTP/1.1 client for one origin, with no framework beneath it.

    async with Pool("http://127.0.0.1:8710") as pool:
        response = await pool.request("POST", "/mcp", {"content-type": "application/json"}, body, timeout=30)

A connection is used again only after a complete reply. Redirects are replies like any other.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import NamedTuple, Protocol, Self, TypeVar

from toolward.errors import DeadlineExceeded
from toolward.outbound.connection import Connection, Interrupted
from toolward.outbound.connections import Connections
from toolward.outbound.egress import Origin
from toolward.outbound.head import SAFE, begin, compose, framed
from toolward.outbound.reach import PUBLIC, Reach
from toolward.outbound.reader import Sink
from toolward.outbound.replies import Response, StreamedResponse, Whole

MAX_BODY = 16 * 1024 * 1024
"""Bytes of a reply's body, unless a caller says otherwise."""

MAX_HEAD = 64 * 1024
"""Bytes of a reply's head."""

MAX_WAITERS = 1024
"""Requests that may wait for a free connection."""

CONNECT_TIMEOUT = 10.0
"""Seconds to a connection, TLS included."""

NO_HEADERS: Mapping[str, str] = {}

T = TypeVar("T")


class _ReadySink(Sink, Protocol[T]):
    ready: asyncio.Future[T]


class _Call(NamedTuple):
    wire: bytes
    bodiless: bool
    repeatable: bool
    max_body: int
    timeout: float | None


class Pool:
    """Sends requests to one origin. Sending raises Unavailable where nothing answers, Interrupted (an
    Unavailable) where the connection was lost after the request was sent, DeadlineExceeded, InvalidResult for
    a malformed or too large reply, Overloaded when too many requests wait already, Denied where the host's name
    leads where it must not, and InvalidRequest for a path or header that cannot be sent."""

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
        reach: Reach = PUBLIC,
    ) -> None:
        """Only the origin of `base_url` counts: a request's `path` is always the whole path. `limit` bounds the
        open connections; `reach` says where the host's name may lead. The TLS context is made here, once: that
        takes 13 ms. Raises ConfigurationError."""
        self.origin = Origin.of(base_url)
        self._name = str(self.origin)
        self._host = self.origin.authority
        self._max_body = max_body
        secure = self.origin.scheme == "https"
        self.connections = Connections(
            self.origin,
            limit=limit,
            max_waiters=max_waiters,
            max_head=max_head,
            connect_timeout=connect_timeout,
            tls=(tls or ssl.create_default_context()) if secure else None,
            reach=reach,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection; requests under way fail as Interrupted, waiting ones as Unavailable."""
        await self.connections.aclose()

    async def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes = b"",
        *,
        timeout: float | None = 30.0,  # noqa: ASYNC109 -- one timer on the connection, not a scope per request
        idempotent: bool | None = None,
        max_body: int | None = None,
        accept: Callable[[Response], None] | None = None,
    ) -> Response:
        """One request and its whole reply, of any status. `timeout` is in seconds, for everything.

        A kept connection may show only when it is used that the far end has closed it. Then the request is
        repeated, once, if it is `idempotent` (default: GET, HEAD, OPTIONS) and nothing of a reply had come;
        any other request raises Interrupted, for it may have been carried out.

        `accept` looks at the reply before its connection may be used again: where it raises, that is closed."""
        call = self._call(
            method, path, headers, body, seconds=timeout, idempotent=idempotent, max_body=max_body
        )
        return await self._whole(call, accept)

    def prepare(self, path: str, headers: Mapping[str, str] = NO_HEADERS) -> bytes:
        """What `post` sends before a body, composed and proven once. Raises InvalidRequest."""
        return begin("POST", path, self._host, headers)

    def post(
        self,
        prepared: bytes,
        body: bytes,
        *,
        timeout: float | None,
        accept: Callable[[Response], None],
    ) -> Awaitable[Response]:
        """`request`, with what `prepare` gave."""
        call = _Call(framed(prepared, body), False, False, self._max_body, timeout)
        return self._whole(call, accept)

    async def _whole(self, call: _Call, accept: Callable[[Response], None] | None) -> Response:
        connection, response = await self._exchange(call, Whole)
        try:
            if accept is not None:
                accept(response)
        except BaseException:
            connection.abort()
            raise
        finally:
            self.connections.release(connection)
        return response

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes = b"",
        *,
        timeout: float | None = 30.0,  # noqa: ASYNC109 -- the same
        idle_timeout: float | None = None,
        idempotent: bool | None = None,
        max_body: int | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """One request whose reply is read as it comes: `timeout` seconds to its head, then `idle_timeout`
        between two pieces. A slow reader makes the far end wait; one who leaves before the end closes the
        connection. Otherwise as `request`."""
        call = self._call(
            method, path, headers, body, seconds=timeout, idempotent=idempotent, max_body=max_body
        )
        connection, response = await self._exchange(call, StreamedResponse)
        response.idle_timeout = idle_timeout
        try:
            yield response
        finally:
            self.connections.release(connection)

    def _call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        seconds: float | None,
        idempotent: bool | None,
        max_body: int | None,
    ) -> _Call:
        return _Call(
            compose(method, path, self._host, headers, body),
            bodiless=method == "HEAD",
            repeatable=method in SAFE if idempotent is None else idempotent,
            max_body=self._max_body if max_body is None else max_body,
            timeout=seconds,
        )

    async def _exchange(
        self, call: _Call, new_sink: Callable[[Connection, str], _ReadySink[T]]
    ) -> tuple[Connection, T]:
        """The connection comes back with the reply, and is the caller's to release."""
        loop = asyncio.get_running_loop()
        deadline = None if call.timeout is None else loop.time() + call.timeout
        repeatable = call.repeatable
        while True:
            connection = self.connections.take_idle() or await self._acquire(call, deadline)
            sink = new_sink(connection, self._name)
            timer = None if deadline is None else loop.call_at(deadline, self._expire, sink, call)
            connection.send(call.wire, sink, bodiless=call.bodiless, max_body=call.max_body)
            try:
                return connection, await sink.ready
            except BaseException as error:
                self.connections.release(connection)
                lost_unanswered = isinstance(error, Interrupted) and not error.started
                if not (lost_unanswered and repeatable and connection.served > 1):
                    raise
                repeatable = False
                self.connections.close_idle()  # as old as this one, and as likely closed
            finally:
                if timer is not None:
                    timer.cancel()

    async def _acquire(self, call: _Call, deadline: float | None) -> Connection:
        try:
            async with asyncio.timeout_at(deadline):
                return await self.connections.acquire()
        except TimeoutError:
            raise self._too_late(call) from None

    def _expire(self, sink: Sink, call: _Call) -> None:
        sink.fail(self._too_late(call))

    def _too_late(self, call: _Call) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self._name} did not answer within {call.timeout:g} s.")
