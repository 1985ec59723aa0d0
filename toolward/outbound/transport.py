"""httpx over our own pools, under the egress rule.

    client = httpx.AsyncClient(transport=PoolTransport(Origins([base_url])))

Plain http goes over `Pool`, at about a sixth of the cost of httpx's default transport; https goes over httpx's
own. This is the only module that needs httpx, which the `gateway` extra brings.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator, Generator
from typing import cast

import httpx

from toolward.errors import DeadlineExceeded, InvalidResult, ToolwardError, Unavailable
from toolward.outbound.connection import Interrupted
from toolward.outbound.egress import Origin, Origins
from toolward.outbound.head import OWN
from toolward.outbound.pool import Pool
from toolward.outbound.replies import StreamedResponse

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a reply's body: a long model reply is streamed as many small events."""


class PoolTransport(httpx.AsyncBaseTransport):
    """Requests to the origins of the configuration; any other raises Denied. Failures are httpx's own
    exceptions (ConnectError, ReadError, ReadTimeout, RemoteProtocolError) with our words."""

    def __init__(
        self,
        origins: Origins,
        *,
        limit: int = 64,
        max_body: int = MAX_BODY,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`limit` bounds the connections to each origin, `max_body` a reply over plain http. The TLS context is
        made here unless one is given, and only if an origin needs it."""
        self._origins = origins
        self._pools = {
            origin: Pool(str(origin), limit, max_body=max_body)
            for origin in origins
            if origin.scheme == "http"
        }
        self._secure: httpx.AsyncHTTPTransport | None = None
        if any(origin.scheme == "https" for origin in origins):
            self._secure = httpx.AsyncHTTPTransport(
                verify=tls or ssl.create_default_context(),
                limits=httpx.Limits(max_connections=limit, max_keepalive_connections=limit),
                trust_env=False,
            )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        origin = self._origins.check(str(request.url))
        if self._secure is not None and origin.scheme == "https":
            return await self._secure.handle_async_request(request)
        return await self._send(origin, request)

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()
        if self._secure is not None:
            await self._secure.aclose()

    async def _send(self, origin: Origin, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        headers = {name: value for name, value in request.headers.items() if name not in OWN}
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
        return httpx.Response(
            reply.status, headers=reply.headers, stream=_Body(reply, stack, request), request=request
        )


class _Body(httpx.AsyncByteStream):
    """The body of one reply; closing it gives the connection back."""

    def __init__(
        self, reply: StreamedResponse, stack: contextlib.AsyncExitStack, request: httpx.Request
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
def _as_httpx(request: httpx.Request) -> Generator[None]:
    """Our errors as the ones that users of httpx expect. Denied and Overloaded have no like: they pass."""
    try:
        yield
    except ToolwardError as error:
        for ours, theirs in _LIKE:
            if isinstance(error, ours):
                raise theirs(error.message, request=request) from error
        raise


# The first that fits: Interrupted is an Unavailable too.
_LIKE: tuple[tuple[type[ToolwardError], type[httpx.TransportError]], ...] = (
    (Interrupted, httpx.ReadError),
    (Unavailable, httpx.ConnectError),
    (DeadlineExceeded, httpx.ReadTimeout),
    (InvalidResult, httpx.RemoteProtocolError),
)


def _timeouts(request: httpx.Request) -> tuple[float | None, float | None]:
    """Seconds to the reply's head, and between two pieces of its body."""
    given = cast(dict[str, float | None], request.extensions.get("timeout", {}))
    connect, read = given.get("connect"), given.get("read")
    return (None if connect is None or read is None else connect + read), read
