"""What stands before the tools at the MCP doors: a search, where there are many."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from gateway.bootstrap.house import Gateway
from gateway.config.settings import Settings
from gateway.servers.searching import Searching
from gateway.servers.tool_lists import of_dispatch, of_provider
from toolward.doors.entrance import Entrance
from toolward.types import ToolProvider


def over_http(gateway: Gateway, entrance: Entrance) -> Searching:
    """Inside the door and outside its entrance, where a call is counted as that of its tool."""
    enter = partial(entrance.to, door="http")
    return Searching(gateway.dispatch, of_dispatch(gateway.dispatch), lambda: gateway.settings.mcp, enter)


@asynccontextmanager
async def over_stdio(
    tools: ToolProvider, own: Gateway | None, settings: Settings
) -> AsyncGenerator[Searching, None]:
    """Before a gateway of this process, or `tools` of one that runs elsewhere."""
    if own is not None:
        yield Searching(tools, of_dispatch(own.dispatch), lambda: own.settings.mcp)
        return
    async with of_provider(tools) as tools_of:
        yield Searching(tools, tools_of, lambda: settings.mcp)
