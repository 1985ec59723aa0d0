"""What a model is offered: all tools that the agent may have, or a search over them where they are many. Made once
for a list of tools, and used in every turn."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from gateway.agent.conversation import RunStateData
from gateway.agent.loop_tools import CALL_TOOL, READ_RESULT, find_tools
from gateway.agent.model_requests import tool_list
from gateway.agent.observations import Observation
from gateway.core.digests import text_digest
from gateway.core.neutral import neutral_tool
from gateway.core.people import PEOPLE
from gateway.core.ports import ModelTool
from gateway.core.tool_search import Index
from gateway.core.tool_search import shown as shown_tools
from toolward.types import Tool

OfferedTool = tuple[str, str, Tool]
"""A tool as an agent gets it: alias, qualified name, tool."""


class Shown:
    """A list of tools as a model gets it, as it is stored, and its digest."""

    def __init__(self, tools: Sequence[tuple[str, str, ModelTool]]) -> None:
        self.tools = tuple(tool for _, _, tool in tools)
        self.listed = tool_list(tools)
        self.digest = text_digest(self.listed)


NO_TOOLS = Shown(())


class Offer:
    def __init__(self, tools: Sequence[OfferedTool], search_above: int = 0) -> None:
        """Above so many tools (0 = never) they are searched; those by which people are asked are always shown."""
        self.tools = tuple(tools)
        self.names: Mapping[str, str] = {alias: name for alias, name, _ in tools}
        self.searched = 0 < search_above < len(self.tools)

    def shown(self, state: RunStateData) -> Shown:
        """In the next turn of a run."""
        return self._with_read if can_read(state) else self._plain

    def find(self, query: str, limit: int) -> Observation:
        """What `find_tools` answers."""
        found = self._index.find(query, limit)
        text = shown_tools(found) if found else "Nothing fits. Say it in other words, or more generally."
        return Observation("ok", is_error=False, text=text, structured=bool(found))

    @cached_property
    def _index(self) -> Index:
        names = [name for _, name, _ in self.tools]
        return Index([_model_tool(alias, tool) for alias, _, tool in self.tools], names)

    @cached_property
    def _plain(self) -> Shown:
        return Shown(self._listed)

    @cached_property
    def _with_read(self) -> Shown:
        return Shown((*self._listed, _own(READ_RESULT)))

    @property
    def _listed(self) -> tuple[tuple[str, str, ModelTool], ...]:
        shown = self.tools
        if self.searched:
            shown = tuple(one for one in shown if one[1].startswith(f"{PEOPLE}."))
        listed = tuple((alias, name, _model_tool(alias, tool)) for alias, name, tool in shown)
        if not self.searched:
            return listed
        servers = tuple(dict.fromkeys(name.partition(".")[0] for _, name, _ in self.tools))
        return (*listed, _own(find_tools(len(self.tools), servers)), _own(CALL_TOOL))


def can_read(state: RunStateData) -> bool:
    """Whether there is something to read again: a result that was cut, or results that are folded."""
    return state.cut or state.seen.folded > 0


def _own(tool: ModelTool) -> tuple[str, str, ModelTool]:
    return tool.name, "", tool


def _model_tool(alias: str, tool: Tool) -> ModelTool:
    return neutral_tool(ModelTool(alias, tool.description, tool.input_schema))
