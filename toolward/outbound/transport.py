"""What carries a request of an HTTP library over our own pools, under the egress rule, in no library's types.

`for_httpx` and `for_httpx2` name the classes of the two libraries that we have to do with, and hold nothing else:
httpx is what our own code speaks, httpx2 what the MCP SDK's client does. This is the one road out for both, at
about a sixth of the cost of their own transports.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from toolward.errors import DeadlineExceeded, InvalidResult, ToolwardError, Unavailable
from toolward.outbound.connection import Interrupted
from toolward.outbound.egress import Origin, Origins
from toolward.outbound.head import OWN
from toolward.outbound.pool import CONNECT_TIMEOUT, NO_HEADERS, Pool
from toolward.outbound.reach import PUBLIC, Reach
from toolward.outbound.replies import StreamedResponse

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a reply's body: a long model reply is streamed as many small events."""

_LOCATION = "location"
_URLS = 256  # that are remembered as checked


class Url(Protocol):
    """Its `str` is the whole URL."""

    @property
    def raw_path(self) -> bytes:
        """With the query, as it is sent."""
        ...


class Headers(Protocol):
    """`raw` are the pairs as they are sent."""

    @property
    def raw(self) -> Sequence[tuple[bytes, bytes]]: ...


class Request(Protocol):
    """What we read of a library's request."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> Url: ...
    @property
    def headers(self) -> "Headers": ...
    @property
    def extensions(self) -> Mapping[str, Any]: ...
    async def aread(self) -> bytes: ...


RequestT = TypeVar("RequestT", bound=Request)
Request_contra = TypeVar("Request_contra", contravariant=True)


class _Raised(Protocol[Request_contra]):
    """The class of a library's exception."""

    def __call__(self, message: str, *, request: Request_contra) -> Exception: ...


class Failures(NamedTuple, Generic[RequestT]):
    """Which exceptions the users of a library expect: it broke in the middle of a reply, there was no connection,
    it took too long, it was not HTTP."""

    interrupted: _Raised[RequestT]
    unreachable: _Raised[RequestT]
    late: _Raised[RequestT]
    malformed: _Raised[RequestT]

    @contextlib.contextmanager
    def told(self, request: RequestT) -> Generator[None]:
        """Our errors as these, with our words. Denied and Overloaded have no like: they pass."""
        try:
            yield
        except ToolwardError as error:
            if (like := self._like(error)) is None:
                raise
            raise like(error.message, request=request) from error

    def _like(self, error: ToolwardError) -> _Raised[RequestT] | None:
        if isinstance(error, Interrupted):  # before the rest: it is an Unavailable too
            return self.interrupted
        if isinstance(error, Unavailable):
            return self.unreachable
        if isinstance(error, DeadlineExceeded):
            return self.late
        return self.malformed if isinstance(error, InvalidResult) else None


class Body(Generic[RequestT]):
    """The body of one reply; closing it gives the connection back."""

    def __init__(
        self,
        reply: StreamedResponse,
        exchange: contextlib.AbstractAsyncContextManager[StreamedResponse],
        request: RequestT,
        failures: Failures[RequestT],
    ) -> None:
        self._reply = reply
        self._exchange = exchange
        self._closed = False
        self._request = request
        self._failures = failures

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._failures.told(self._request):
            async for chunk in self._reply:
                yield chunk

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await self._exchange.__aexit__(None, None, None)


class Reply(NamedTuple, Generic[RequestT]):
    """What a library's response is made of; `body` are the arguments of a Body."""

    status: int
    headers: Mapping[str, str]
    body: tuple[
        StreamedResponse,
        contextlib.AbstractAsyncContextManager[StreamedResponse],
        RequestT,
        Failures[RequestT],
    ]


class Transport(Generic[RequestT]):
    """Requests to the origins of the configuration; any other raises Denied. Failures are the library's own
    exceptions with our words.

    A redirect is a reply like any other, and comes without its Location: nothing above can follow it."""

    def __init__(
        self,
        origins: Origins,
        *,
        credentials: Mapping[str, Mapping[str, str]] | None = None,
        limit: int = 64,
        max_body: int = MAX_BODY,
        connect_timeout: float = CONNECT_TIMEOUT,
        tls: ssl.SSLContext | None = None,
        reach: Reach = PUBLIC,
    ) -> None:
        """`credentials` are headers by base URL, sent to its origin and to no other. `limit` bounds the
        connections to each origin, `max_body` a reply. The TLS context is made here unless one is given, and only
        if an origin needs it. Raises ConfigurationError, and Denied for credentials of an origin that is none of
        these."""
        self._origins = origins
        if tls is None and any(origin.scheme == "https" for origin in origins):
            tls = ssl.create_default_context()
        self._pools = {
            origin: Pool(
                str(origin), limit, max_body=max_body, connect_timeout=connect_timeout, tls=tls, reach=reach
            )
            for origin in origins
        }
        self._checked: dict[str, Origin] = {}
        self._credentials = {origins.check(url): dict(given) for url, given in (credentials or {}).items()}

    async def send(self, request: RequestT, failures: Failures[RequestT]) -> Reply[RequestT]:
        """Up to the reply's head."""
        origin = self._origin(str(request.url))
        body = await request.aread()
        pairs = ((name.decode("latin-1").lower(), value) for name, value in request.headers.raw)
        headers = {name: value.decode("latin-1") for name, value in pairs if name not in OWN}
        headers |= self._credentials.get(origin, NO_HEADERS)
        to_head, between = _timeouts(request)
        exchange = self._pools[origin].stream(
            request.method,
            request.url.raw_path.decode("ascii"),
            headers,
            body,
            timeout=to_head,
            idle_timeout=between,
        )
        with failures.told(request):
            reply = await exchange.__aenter__()
        shown = {name: value for name, value in reply.headers.items() if name != _LOCATION}
        return Reply(reply.status, shown, (reply, exchange, request, failures))

    def _origin(self, url: str) -> Origin:
        """The one that the URL is of, checked once for each URL. Raises Denied."""
        if (known := self._checked.get(url)) is not None:
            return known
        found = self._origins.check(url)
        if len(self._checked) >= _URLS:
            self._checked.clear()
        self._checked[url] = found
        return found

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()


def _timeouts(request: Request) -> tuple[float | None, float | None]:
    """Seconds to the reply's head, and between two pieces of its body."""
    given: Mapping[str, float | None] = request.extensions.get("timeout", {})
    connect, read = given.get("connect"), given.get("read")
    return (None if connect is None or read is None else connect + read), read
