"""From what a function returns to a tool's result."""

from collections.abc import Callable
from typing import Any

import msgspec

from toolward.types import Content, Json, TextContent, ToolResult


class Reply(msgspec.Struct, frozen=True):
    """Return this where the text for a reader and the data for a program should differ. Clients show a model
    one of the two, and not all the same one: each must say all that a model needs.

    Anything else is turned into one: a `str` is text alone, content pieces are themselves, and every other
    value is structured content with its JSON as text (as MCP asks, for clients that read only text).
    """

    text: str
    data: Json = msgspec.UNSET
    is_error: bool = False


def as_result(value: Any, encode: Callable[[Any], bytes]) -> ToolResult:
    """`encode` turns a value of the function's return type into JSON text."""
    if isinstance(value, ToolResult):
        return value
    if isinstance(value, str):
        return ToolResult(content=(TextContent(value),))
    if isinstance(value, Reply):
        structured = None if value.data is msgspec.UNSET else msgspec.json.encode(value.data)
        return ToolResult((TextContent(value.text),), structured, value.is_error)
    if isinstance(value, Content):
        return ToolResult(content=(value,))
    text = encode(value)
    return ToolResult((TextContent(text.decode()),), text)
