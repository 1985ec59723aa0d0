"""One backend on stdio, offered by the supervisor to its workers over gRPC on loopback: what it lists, its calls
with their progress, deadlines, cancellation and errors, and the news of changes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from gateway.backends.pool import Backends
from gateway.bootstrap.owned import Handed, hand_relay
from gateway.core.ports import Listing
from gateway.core.spec import StdioSpec
from toolward.auth import bearer, new_secret
from toolward.auth.on_behalf import OnBehalf, caller_of
from toolward.doors.grpc import serve_grpc
from toolward.errors import Unavailable
from toolward.types import CallContext, Principal, ToolCall, ToolPage, ToolResult

PATIENCE = 5.0
"""Seconds for which a worker that lists the tools waits for a server that is being started anew: less than it has
to connect."""

_PAGE = 200  # tools


class RelayedTools:
    """A ToolProvider: the tools of one of the `backends`, for workers."""

    def __init__(self, backends: Backends, name: str, on_behalf: OnBehalf | None, patience: float = PATIENCE):
        """With `on_behalf`, workers say for whom they call."""
        self._backends, self._name, self._on_behalf = backends, name, on_behalf
        self._patience = patience
        self._told: Listing | None = None
        self._watchers: set[asyncio.Event] = set()
        backends.on_change(self._look)

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        """Raises Unavailable with the reason where it does not run."""
        listing = await self._answering() if cursor is None else self._listing()
        if listing.problem:
            raise Unavailable(f"{self._name} {listing.problem}")
        begin = int(cursor) if cursor and cursor.isdecimal() else 0
        end = begin + _PAGE
        return ToolPage(listing.tools[begin:end], str(end) if end < len(listing.tools) else None)

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> ToolResult:
        caller = caller_of(self._on_behalf, principal, context)
        return await self._backends.call(self._name, caller, call, context)

    async def watch(self) -> AsyncGenerator[None, None]:
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            while True:
                await changed.wait()
                changed.clear()
                yield
        finally:
            self._watchers.discard(changed)

    async def _answering(self) -> Listing:
        """Its listing once it answers, or after a while in any case."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    while self._listing().problem:
                        await changed.wait()
                        changed.clear()
        finally:
            self._watchers.discard(changed)
        return self._listing()

    def _listing(self) -> Listing:
        return next(one for one in self._backends.listings() if one.backend == self._name)

    def _look(self) -> None:
        listing = self._listing()
        if listing != self._told:
            self._told = listing
            for changed in self._watchers:
                changed.set()


@asynccontextmanager
async def relayed(backends: Backends, spec: StdioSpec) -> AsyncGenerator[Handed]:
    """The server on stdio, for who knows what this gives, while this is open. Raises ConfigurationError."""
    token = new_secret()
    key = new_secret() if spec.on_behalf_of else ""
    tools = RelayedTools(backends, spec.name, OnBehalf(key) if key else None)
    known = bearer({token: Principal("worker")})
    # Workers have ended by the time that this is left: nobody's call is in work.
    async with serve_grpc("127.0.0.1:0", tools, known, name=f"relay of {spec.name}", grace=0) as door:
        yield hand_relay(spec, token, key, door.port)
