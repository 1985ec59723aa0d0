"""httpx2 over our own pools, under the egress rule.

    client = httpx2.AsyncClient(transport=PoolTransport(Origins([base_url])), trust_env=False)

It is the one road out for what speaks httpx2 (the MCP SDK does, and the model endpoints), at about a sixth of the
cost of httpx2's own transport.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator, Generator, Mapping
from typing import cast

import httpx2

from toolward.errors import DeadlineExceeded, InvalidResult, ToolwardError, Unavailable
from toolward.outbound.connection import Interrupted
from toolward.outbound.egress import Origins
from toolward.outbound.head import OWN
from toolward.outbound.pool import CONNECT_TIMEOUT, NO_HEADERS, Pool
from toolward.outbound.reach import PUBLIC, Reach
from toolward.outbound.replies import StreamedResponse

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a reply's body: a long model reply is streamed as many small events."""

_LOCATION = "location"


class PoolTransport(httpx2.AsyncBaseTransport):
    """Requests to the origins of the configuration; any other raises Denied. Failures are httpx2's own
    exceptions (ConnectError, ReadError, ReadTimeout, RemoteProtocolError) with our words.

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
        self._credentials = {origins.check(url): dict(given) for url, given in (credentials or {}).items()}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        origin = self._origins.check(str(request.url))
        body = await request.aread()
        headers = {name: value for name, value in request.headers.items() if name not in OWN}
        headers |= self._credentials.get(origin, NO_HEADERS)
        to_head, between = _timeouts(request)
        stack = contextlib.AsyncExitStack()
        exchange = self._pools[origin].stream(
            request.method,
            request.url.raw_path.decode("ascii"),
            headers,
            body,
            timeout=to_head,
            idle_timeout=between,
        )
        with _as_httpx(request):
            reply = await stack.enter_async_context(exchange)
        shown = {name: value for name, value in reply.headers.items() if name != _LOCATION}
        return httpx2.Response(
            reply.status, headers=shown, stream=_Body(reply, stack, request), request=request
        )

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()


class _Body(httpx2.AsyncByteStream):
    """The body of one reply; closing it gives the connection back."""

    def __init__(
        self, reply: StreamedResponse, stack: contextlib.AsyncExitStack, request: httpx2.Request
    ) -> None:
        self._reply = reply
        self._stack = stack
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._request):
            async for chunk in self._reply:
                yield chunk

    async def aclose(self) -> None:
        await self._stack.aclose()


@contextlib.contextmanager
def _as_httpx(request: httpx2.Request) -> Generator[None]:
    """Our errors as the ones that users of httpx2 expect. Denied and Overloaded have no like: they pass."""
    try:
        yield
    except ToolwardError as error:
        for ours, theirs in _LIKE:
            if isinstance(error, ours):
                raise theirs(error.message, request=request) from error
        raise


# The first that fits: Interrupted is an Unavailable too.
_LIKE: tuple[tuple[type[ToolwardError], type[httpx2.TransportError]], ...] = (
    (Interrupted, httpx2.ReadError),
    (Unavailable, httpx2.ConnectError),
    (DeadlineExceeded, httpx2.ReadTimeout),
    (InvalidResult, httpx2.RemoteProtocolError),
)


def _timeouts(request: httpx2.Request) -> tuple[float | None, float | None]:
    """Seconds to the reply's head, and between two pieces of its body."""
    given = cast(dict[str, float | None], request.extensions.get("timeout", {}))
    connect, read = given.get("connect"), given.get("read")
    return (None if connect is None or read is None else connect + read), read
