"""The classes of httpx over our transport. What is ours speaks httpx: the `gateway` extra brings it.

client = httpx.AsyncClient(transport=HttpxTransport(Origins([base_url])), trust_env=False)
"""

import httpx

from toolward.outbound.transport import Body, Failures, Transport

_FAILURES = Failures[httpx.Request](
    httpx.ReadError, httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError
)


class _Body(Body[httpx.Request], httpx.AsyncByteStream):
    """As httpx wants it."""


class HttpxTransport(Transport[httpx.Request], httpx.AsyncBaseTransport):
    """See Transport. Failures are ConnectError, ReadError, ReadTimeout, RemoteProtocolError."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        reply = await self.send(request, _FAILURES)
        return httpx.Response(reply.status, headers=reply.headers, stream=_Body(*reply.body), request=request)
