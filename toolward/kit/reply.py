"""From what a function returns to a tool's result."""

from collections.abc import Callable
from typing import Any, cast

import msgspec

from toolward.errors import InvalidResult
from toolward.types import (
    AudioContent,
    Content,
    EmbeddedResource,
    ImageContent,
    Json,
    ResourceLink,
    TextContent,
    ToolResult,
)


class Reply(msgspec.Struct, frozen=True):
    """Return this where the text for a reader and the data for a program should differ. Clients show a model
    one of the two, and not all the same one: each must say all that a model needs.

    Anything else is turned into one: a `str` is text alone, content pieces (or a list of them, with texts) are
    themselves, and every other value is structured content with its JSON as text (as MCP asks, for clients that
    read only text).
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
    if isinstance(value, list | tuple) and any(
        isinstance(piece, Content) for piece in cast(list[Any], value)
    ):
        return ToolResult(content=tuple(map(_piece, cast(list[Any], value))))
    text = encode(value)
    return ToolResult((TextContent(text.decode()),), text)


def _piece(value: Any) -> Content:
    return TextContent(value) if isinstance(value, str) else value


def bounded(result: ToolResult, tool: str, max_bytes: int) -> ToolResult:
    """The result, where it is no larger than `max_bytes`. Raises InvalidResult."""
    size = max(len(result.structured_json or b""), sum(map(_size, result.content)))
    if size > max_bytes:
        raise InvalidResult(
            f"The result of {tool} is {size:,} bytes; at most {max_bytes:,} are given.",
            hint="Ask for less at once.",
        )
    return result


def _size(piece: Content) -> int:
    match piece:
        case TextContent():
            return len(piece.text)
        case ImageContent() | AudioContent():
            return len(piece.data)
        case ResourceLink():
            return len(piece.uri)
        case EmbeddedResource():
            return len(piece.resource.text or "") + len(piece.resource.blob or b"")
