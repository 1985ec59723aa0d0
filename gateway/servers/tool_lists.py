"""All that one caller is listed, in one piece: for whoever looks at the whole list, and not at a page of it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from gateway.core.dispatch import Dispatch
from gateway.core.snapshot import Snapshot
from toolward.errors import InvalidResult, ToolwardError
from toolward.types import Principal, Tool, ToolProvider

log = logging.getLogger(__name__)

Listed = tuple[Tool, ...]
ToolsOf = Callable[[Principal], Awaitable[Listed]]
"""What a caller is listed now, in the order of the list; the very same tuple as long as that is the same, also for
another caller with the same tools."""

CALLERS = 256
"""Whose lists are remembered."""

MAX_PAGES = 200
"""Of a provider elsewhere; one with more lists without end."""

_AT_ONCE = 200  # tools that are decided about in one go: some 2 ms under a hundred rules
_AGAIN = 5.0  # seconds after which a provider that could not be watched is tried again


def of_dispatch(dispatch: Dispatch) -> ToolsOf:
    """Made once for each caller as long as the same catalog and policy are in force."""
    of: Snapshot | None = None
    by_caller: dict[Principal, Listed] = {}
    known: dict[tuple[str, ...], Listed] = {}

    async def tools_of(principal: Principal) -> Listed:
        nonlocal of
        now = dispatch.in_force
        if now is of and (tools := by_caller.get(principal)) is not None:
            return tools
        if now is not of or len(by_caller) >= CALLERS:
            of = now
            by_caller.clear()
            known.clear()
        found: list[Tool] = []
        for entry in now.visible(principal):
            found.append(entry.tool)
            if len(found) % _AT_ONCE == 0:
                await asyncio.sleep(0)
        tools = tuple(found)
        if now is of:
            tools = known.setdefault(tuple(tool.name for tool in tools), tools)
            by_caller[principal] = tools
        return tools

    return tools_of


@asynccontextmanager
async def of_provider(provider: ToolProvider) -> AsyncGenerator[ToolsOf, None]:
    """For one caller: listed again when the provider says that its tools have changed, and each time as long as it
    cannot be watched."""
    kept: Listed | None = None
    fresh = watched = False

    async def watch() -> None:
        nonlocal fresh, watched
        while True:
            try:
                async for _ in provider.watch():
                    fresh, watched = False, True
            except ToolwardError as error:
                log.info("what is listed elsewhere is not watched: %s", error.text)
            fresh = watched = False
            await asyncio.sleep(_AGAIN)

    async def tools_of(principal: Principal) -> Listed:
        nonlocal kept, fresh
        if kept is not None and fresh:
            return kept
        fresh = watched
        tools = await _every_tool(provider, principal)
        if kept is None or kept != tools:
            kept = tools
        return kept

    watching = asyncio.create_task(watch())
    try:
        yield tools_of
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def _every_tool(provider: ToolProvider, principal: Principal) -> Listed:
    tools: list[Tool] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await provider.list_tools(principal, cursor)
        tools += page.tools
        if (cursor := page.next_cursor) is None:
            return tuple(tools)
    raise InvalidResult(f"The list of tools has more than {MAX_PAGES} pages.")
