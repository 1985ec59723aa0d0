"""What the requests to one MCP server bear, where that is not the same for each."""

import asyncio
from collections.abc import Mapping

import httpx2

from toolward.client.mcp_plain import NotProven, PlainCalls
from toolward.errors import Unavailable
from toolward.outbound.credentials import Credentials
from toolward.outbound.pool import NO_HEADERS
from toolward.types import CallContext, Principal, ToolCall


class Proof:
    """Over `credentials`: a plain call bears its principal's, and what goes by the SDK's client bears ours."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._sent: Mapping[str, str] = NO_HEADERS  # what went out last by the SDK's client

    @property
    def per_caller(self) -> bool:
        return self._credentials.per_caller

    async def ready(self) -> None:
        """Ours is at hand: inside the SDK's client its failure would not be told. Raises Unavailable."""
        await self._credentials.own()

    async def put(self, request: httpx2.Request) -> None:
        self._sent = await self._credentials.own()
        request.headers.update(self._sent)

    def answered(self, status: int) -> None:
        if status == 401:
            self._credentials.refused(None, self._sent)

    async def call(
        self, plain: PlainCalls, principal: Principal, call: ToolCall, context: CallContext, version: str
    ) -> bytes:
        """A call refused for its credential was not made: it is made once more where there is another one. Raises
        what `PlainCalls.call` does, and TimeoutError when the context's time is over."""
        async with asyncio.timeout(context.timeout):
            proof = await self._credentials.of(principal)
            try:
                return await plain.call(call, context, version, proof)
            except NotProven:
                if not self._credentials.refused(principal, proof):
                    raise
            proof = await self._credentials.of(principal)
            return await plain.call(call, context, version, proof)


def not_plain(source: str, tool: str) -> Unavailable:
    """Of a call in its caller's name that only the SDK's client could make, which speaks in one name."""
    return Unavailable(
        f"{source} cannot be called in each caller's own name: it keeps sessions, or wants arguments of"
        f" {tool[:128]} in headers.",
        hint="Serve it without sessions, or remove `exchange` from its `oauth`.",
    )
