"""One backend on stdio, offered by the supervisor to its workers over MCP on loopback: its tools, resources and
prompts, calls with their progress, deadlines, cancellation and errors, and the news of changes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeVar

from gateway.backends.pool import Backends
from gateway.bootstrap.owned import Handed, hand_relay
from gateway.core.ports import Listing
from gateway.core.spec import StdioSpec
from toolward.auth import bearer, new_secret
from toolward.auth.on_behalf import OnBehalf, called_for, caller_of
from toolward.doors.address import Address, allowed_names
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.serve import http_server
from toolward.errors import Unavailable
from toolward.offers import PromptPage, PromptText, ResourcePage, TemplatePage
from toolward.types import (
    CallContext,
    Principal,
    ResourceBody,
    ServerInfo,
    ToolCall,
    ToolPage,
    ToolResult,
)

PATIENCE = 5.0
"""Seconds for which a worker that lists the tools waits for a server that is being started anew: less than it has
to connect."""

_PAGE = 200  # entries of a list

ItemT = TypeVar("ItemT")


class Relayed:
    """All that one of the `backends` offers, for workers: a provider of tools, resources and prompts."""

    def __init__(
        self, backends: Backends, name: str, on_behalf: OnBehalf | None = None, patience: float = PATIENCE
    ) -> None:
        """With `on_behalf`, workers say for whom they call."""
        self._backends, self._name, self._on_behalf = backends, name, on_behalf
        self._patience = patience
        self._told: Listing | None = None
        self._watchers: set[asyncio.Event] = set()
        backends.on_change(self._look)

    @property
    def resources(self) -> "Relayed":
        return self

    @property
    def prompts(self) -> "Relayed":
        return self

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        """Raises Unavailable with the reason where it does not run; so do the other lists."""
        return ToolPage(*await self._page(cursor, lambda listing: listing.tools))

    async def list_resources(self, principal: Principal, cursor: str | None = None) -> ResourcePage:
        return ResourcePage(*await self._page(cursor, lambda listing: listing.resources))

    async def list_templates(self, principal: Principal, cursor: str | None = None) -> TemplatePage:
        return TemplatePage(*await self._page(cursor, lambda listing: listing.templates))

    async def list_prompts(self, principal: Principal, cursor: str | None = None) -> PromptPage:
        return PromptPage(*await self._page(cursor, lambda listing: listing.prompts))

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> ToolResult:
        """Raises as `Backends.call`; so do the next two."""
        caller, context = called_for(self._on_behalf, principal, context)
        return await self._backends.call(self._name, caller, call, context)

    async def read_resource(
        self, principal: Principal, uri: str, context: CallContext
    ) -> tuple[ResourceBody, ...]:
        caller = caller_of(self._on_behalf, principal, context)
        return await self._backends.read_resource(self._name, caller, uri, context)

    async def get_prompt(
        self, principal: Principal, name: str, arguments: Mapping[str, str], context: CallContext
    ) -> PromptText:
        caller = caller_of(self._on_behalf, principal, context)
        return await self._backends.get_prompt(self._name, caller, name, arguments, context)

    async def watch(self) -> AsyncGenerator[None, None]:
        with self._watching() as changed:
            while True:
                await changed.wait()
                changed.clear()
                yield

    async def _page(
        self, cursor: str | None, part: Callable[[Listing], tuple[ItemT, ...]]
    ) -> tuple[tuple[ItemT, ...], str | None]:
        listing = await self._answering() if cursor is None else self._listing()
        if listing.problem:
            raise Unavailable(f"{self._name} {listing.problem}")
        begin = int(cursor) if cursor and cursor.isdecimal() else 0
        end, items = begin + _PAGE, part(listing)
        return items[begin:end], str(end) if end < len(items) else None

    async def _answering(self) -> Listing:
        """Its listing once it answers, or after a while in any case."""
        with self._watching() as changed, suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while self._listing().problem:
                    await changed.wait()
                    changed.clear()
        return self._listing()

    @contextmanager
    def _watching(self) -> Generator[asyncio.Event]:
        """Gives what is set when the listing has changed."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            yield changed
        finally:
            self._watchers.discard(changed)

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
    at = Address("127.0.0.1", 0)
    door = McpHttpDoor(
        Relayed(backends, spec.name, OnBehalf(key) if key else None),
        ServerInfo(spec.name, ""),
        bearer({token: Principal("worker")}),
        allowed_names(at),
    )
    # Workers have ended by the time that this is left: nobody's call is in work.
    async with http_server(door, at, drain=1, plain=door) as port:
        try:
            yield hand_relay(spec, token, key, port)
        finally:
            await door.aclose()
