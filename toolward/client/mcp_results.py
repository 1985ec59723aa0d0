"""What an MCP server answers to a tool call, as a result of ours."""

import json
from typing import Any, Generic, TypeVar

import msgspec

from toolward.errors import InvalidResult
from toolward.types import Content, JsonObject, TextContent, ToolCall, ToolResult
from toolward.wire.errors import META_KEY, from_details

Structured = TypeVar("Structured")


class _CallResult(msgspec.Struct, Generic[Structured], rename="camel"):
    """What we read of a `CallToolResult`."""

    content: tuple[Content, ...] = ()
    structured_content: Structured | msgspec.UnsetType = msgspec.UNSET
    is_error: bool = False
    result_type: str = "complete"
    meta: JsonObject = msgspec.field(default_factory=dict[str, Any], name="_meta")


_raw_result = msgspec.json.Decoder(_CallResult[msgspec.Raw])


def result_of(raw: JsonObject | bytes, call: ToolCall, source: str) -> ToolResult:
    """`raw` is JSON text, or what the SDK made of it; `source` names the server. Raises InvalidResult, and the
    ToolwardError that a server of ours answered."""
    try:
        if isinstance(raw, bytes):
            found = _raw_result.decode(raw)
            given = found.structured_content
            structured = bytes(given) if isinstance(given, msgspec.Raw) else None
        else:
            found = msgspec.convert(raw, _CallResult[Any])
            structured = _exact(found.structured_content)
    except ValueError as error:  # msgspec's and json's
        raise InvalidResult(f"{source} answered {call.name} with no valid result: {error}.") from None
    if found.result_type != "complete":
        raise InvalidResult(
            f"{source} answered {call.name} with {found.result_type!r}, which cannot be passed on.",
            hint="The tool wants to ask a person; call it with all that it needs.",
        )
    if found.is_error and META_KEY in found.meta:
        text = "\n".join(piece.text for piece in found.content if isinstance(piece, TextContent))
        if (error := from_details(text, found.meta[META_KEY])) is not None:
            raise error
    return ToolResult(found.content, structured, found.is_error)


def _exact(structured: Any) -> bytes | None:
    """JSON text of a parsed value, with every digit of an integer. Raises ValueError for what JSON cannot say."""
    if structured is msgspec.UNSET:
        return None
    return json.dumps(structured, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
