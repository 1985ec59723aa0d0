"""The tools of a request: which there are, what they are on a wire, and how arguments come back from it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from gateway.core.ports import ModelRequest, ModelTool
from gateway.models.encoded import PerTool, PerTools
from gateway.models.schemas import Adapted


class Listed(NamedTuple):
    """A list of tools as it is sent, and how arguments that fit it become those of the tools, by name."""

    encoded: bytes
    adapted: Mapping[str, Adapted]


Made = tuple[bytes, Adapted]
"""A tool as it is sent, and its schema."""


class ToolLists:
    """Lists that are encoded once, of tools that are encoded once."""

    def __init__(self, make: Callable[[ModelTool], Made]) -> None:
        self._tools = PerTool(make)
        self._lists = PerTools(self._list)

    def of(self, tools: tuple[ModelTool, ...]) -> Listed:
        return self._lists.of(tools)

    def _list(self, tools: tuple[ModelTool, ...]) -> Listed:
        return listed(tools, [self._tools.of(tool) for tool in tools])


def listed(tools: tuple[ModelTool, ...], made: list[Made]) -> Listed:
    known = {tool.name: schema for tool, (_, schema) in zip(tools, made, strict=True)}
    return Listed(b"[%b]" % b",".join(encoded for encoded, _ in made), known)


def tools_so_far(request: ModelRequest) -> tuple[ModelTool, ...]:
    """The tools of a request; where it has none, those of the turns before: the beginning stays the same, as prompt
    caches want it, and some services refuse calls in a conversation without tools."""
    return request.tools or request.tools_before
