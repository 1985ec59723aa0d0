"""A search in place of a long list, for clients of MCP: where a caller has more tools than the configuration says,
`tools/list` gives `find_tools` and `call_tool`, and the tools that are pinned. Every tool stays callable by its own
name, and `call_tool` becomes the call of the tool that it names before anything looks at it: that one is decided,
checked, recorded, and named by what is wrong.

A ToolProvider in front of the one that has the tools. What is found is what that lists for the same caller.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import CoroutineType
from typing import Any

from gateway.agent.loop_tools import CALL, CALL_TOOL, FIND, asked_to_call, asked_to_find, find_tools
from gateway.core.globs import Globs
from gateway.core.ports import ModelTool, ToolUse
from gateway.core.spec import McpSpec
from gateway.core.tool_search import Index, shown
from gateway.servers.tool_lists import Listed, ToolsOf
from toolward.errors import InvalidRequest, TooLarge
from toolward.names import alias, split
from toolward.offers import PromptProvider, ResourceProvider, offers_of
from toolward.schema import MAX_BYTES
from toolward.types import (
    CallContext,
    JsonObject,
    Outcome,
    Principal,
    Tool,
    ToolCall,
    ToolPage,
    ToolProvider,
    ToolResult,
    text_result,
)

PAGE = 500
"""Tools of one page."""

LISTS = 4
"""Lists of which the index is kept. Callers with the same tools share one; that of 5,000 tools has some 6 MB."""

_ROOM = 64 * 1024  # bytes of a call in which it names its tool, beside the arguments


class Searching:
    """`enter` stands between a door and what is behind this: the entrance, where each call is that of its tool."""

    def __init__(
        self,
        provider: ToolProvider,
        tools_of: ToolsOf,
        settings: Callable[[], McpSpec],
        enter: Callable[[ToolProvider], ToolProvider] = lambda provider: provider,
    ) -> None:
        self._settings = settings
        self._inner = enter(provider)
        self._search = Search(provider, tools_of, settings)
        self._own = {FIND: enter(self._search).call_tool, CALL: self._resolved}

    def call_tool(
        self, principal: Principal, call: ToolCall, context: CallContext
    ) -> "CoroutineType[Any, Any, Outcome]":
        """Raises InvalidArguments where those of `find_tools` or `call_tool` are wrong, and what the provider
        raises."""
        if (own := self._own.get(call.name)) is not None and self._settings().tool_search:
            return own(principal, call, context)
        return self._inner.call_tool(principal, call, context)

    def _resolved(
        self, principal: Principal, call: ToolCall, context: CallContext
    ) -> "CoroutineType[Any, Any, Outcome]":
        wish = asked_to_call(_use(call, MAX_BYTES + _ROOM))
        real = ToolCall(
            wish.name, wish.arguments_json.encode(), call.call_id, call.idempotency_key, call.given
        )
        return self._inner.call_tool(principal, real, context)

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        """Raises InvalidRequest for a cursor that is none of this list."""
        page = await self._search.page(principal, cursor)
        return page or await self._inner.list_tools(principal, cursor)

    def watch(self) -> AsyncIterator[None]:
        return self._inner.watch()

    @property
    def resources(self) -> ResourceProvider | None:
        return offers_of(self._inner).resources

    @property
    def prompts(self) -> PromptProvider | None:
        return offers_of(self._inner).prompts


class Search:
    """A ToolProvider whose one tool is `find_tools`, over what `provider` lists."""

    def __init__(self, provider: ToolProvider, tools_of: ToolsOf, settings: Callable[[], McpSpec]) -> None:
        self._provider, self._tools_of, self._settings = provider, tools_of, settings
        self._lists: list[_List] = []  # those that were looked at last, first

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        return ToolPage((_FIND,))

    def watch(self) -> AsyncIterator[None]:
        return self._provider.watch()

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> ToolResult:
        """Raises InvalidArguments."""
        asked = asked_to_find(_use(call, _ROOM))
        tools = await self._tools_of(principal)
        index = await self._list(tools, self._settings()).index()
        return text_result(shown([index.original(found) for found in index.find(asked.query, asked.limit)]))

    async def page(self, principal: Principal, cursor: str | None) -> ToolPage | None:
        """Of the short list; None where all tools are listed."""
        spec = self._settings()
        if not spec.tool_search:
            return None
        tools = await self._tools_of(principal)
        if len(tools) <= spec.tool_search:
            return None
        return self._list(tools, spec).page(cursor)

    def _list(self, tools: Listed, spec: McpSpec) -> "_List":
        known = self._lists
        found = next((one for one in known if one.tools is tools and one.spec is spec), None)
        if found is None:
            found = _List(tools, spec)
        self._lists = [found, *(one for one in known if one is not found)][:LISTS]
        return found


class _Index(Index):
    """Finds tools by their aliases, as everywhere, and gives them their qualified names, as this list does."""

    def __init__(self, tools: Listed) -> None:
        self._of = {alias(tool.name): tool for tool in tools}
        models = [ModelTool(name, tool.description, tool.input_schema) for name, tool in self._of.items()]
        super().__init__(models, [tool.name for tool in self._of.values()])

    def original(self, found: ModelTool) -> ModelTool:
        tool = self._of[found.name]
        return ModelTool(tool.name, tool.description, tool.input_schema)


class _List:
    """All tools of a caller, and the few that stand for them."""

    def __init__(self, tools: Listed, spec: McpSpec) -> None:
        self.tools, self.spec = tools, spec
        pinned = Globs(spec.pinned)
        servers = tuple(dict.fromkeys(split(tool.name)[0] for tool in tools))
        self._listed = (
            _tool(find_tools(len(tools), servers), _READS),
            _tool(CALL_TOOL, None),
            *(tool for tool in tools if pinned.matches(tool.name)),
        )
        self._places = {tool.name: at for at, tool in enumerate(self._listed)}
        self._first = self._page(0)
        self._making: asyncio.Task[_Index] | None = None

    def page(self, cursor: str | None) -> ToolPage:
        if cursor is None:
            return self._first
        if (at := self._places.get(cursor)) is None:
            raise InvalidRequest(
                "The cursor is not one of this list, or the list has changed since.",
                hint="List again from the start.",
            )
        return self._page(at + 1)

    def _page(self, start: int) -> ToolPage:
        page = self._listed[start : start + PAGE]
        more = start + PAGE < len(self._listed)
        return ToolPage(page, page[-1].name if more else None)

    async def index(self) -> _Index:
        """Made once, beside the event loop: that of 5,000 tools takes a third of a second."""
        if self._making is None:
            self._making = asyncio.create_task(asyncio.to_thread(_Index, self.tools))
        return await asyncio.shield(self._making)


_READS: JsonObject = {"readOnlyHint": True, "openWorldHint": False}


def _tool(tool: ModelTool, annotations: JsonObject | None) -> Tool:
    return Tool(tool.name, tool.description, tool.input_schema, annotations=annotations)


_FIND = _tool(find_tools(0), _READS)


def _use(call: ToolCall, most: int) -> ToolUse:
    if len(call.arguments_json) > most:
        raise TooLarge(
            f"The arguments of {call.name} have {len(call.arguments_json):,} bytes; at most {most:,} are taken.",
            hint="Send less.",
        )
    return ToolUse(call.call_id, call.name, call.arguments_json.decode(errors="replace"))
