"""The classes of httpx2 over our transport. Only the MCP SDK's client needs it, and takes no other.

client = httpx2.AsyncClient(transport=Httpx2Transport(Origins([base_url])), trust_env=False)
"""

import httpx2

from toolward.outbound.transport import Body, Failures, Transport

_FAILURES = Failures[httpx2.Request](
    httpx2.ReadError, httpx2.ConnectError, httpx2.ReadTimeout, httpx2.RemoteProtocolError
)


class _Body(Body[httpx2.Request], httpx2.AsyncByteStream):
    """As httpx2 wants it."""


class Httpx2Transport(Transport[httpx2.Request], httpx2.AsyncBaseTransport):
    """See Transport. Failures are ConnectError, ReadError, ReadTimeout, RemoteProtocolError."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        reply = await self.send(request, _FAILURES)
        return httpx2.Response(
            reply.status, headers=reply.headers, stream=_Body(*reply.body), request=request
        )
