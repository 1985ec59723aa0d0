"""Tools, calls and results between our types and the SDK's."""

import json
from typing import Any, Generic, TypeVar

import mcp_types as types
import msgspec

from toolward.client.mcp_plain import meta_of
from toolward.errors import InvalidResult
from toolward.types import (
    CallContext,
    Content,
    JsonObject,
    Progress,
    TextContent,
    Tool,
    ToolCall,
    ToolResult,
)
from toolward.wire.errors import META_KEY, from_details
from toolward.wire.mcp import TRUST_META

Structured = TypeVar("Structured")


class _CallResult(msgspec.Struct, Generic[Structured], rename="camel"):
    """What we read of a `CallToolResult`."""

    content: tuple[Content, ...] = ()
    structured_content: Structured | msgspec.UnsetType = msgspec.UNSET
    is_error: bool = False
    result_type: str = "complete"
    meta: JsonObject = msgspec.field(default_factory=dict[str, Any], name="_meta")


_raw_result = msgspec.json.Decoder(_CallResult[msgspec.Raw])


def params_of(call: ToolCall, arguments: JsonObject, context: CallContext) -> types.CallToolRequestParams:
    meta: Any = meta_of(call, context) or None
    return types.CallToolRequestParams(name=call.name, arguments=arguments, _meta=meta)


def progress_of(context: CallContext) -> Any:
    sink = context.progress
    if sink is None:
        return None

    async def tell(done: float, total: float | None, message: str | None) -> None:
        sink(Progress(done, total, message))

    return tell


def tool_of(tool: types.Tool) -> Tool:
    hints = tool.annotations
    return Tool(
        name=tool.name,
        description=tool.description or "",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        title=tool.title,
        annotations=None if hints is None else hints.model_dump(by_alias=True, exclude_none=True),
    )


def _exact(structured: Any) -> bytes | None:
    """JSON text of a parsed value, with every digit of an integer. Raises ValueError for what JSON cannot say."""
    if structured is msgspec.UNSET:
        return None
    return json.dumps(structured, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def result_of(raw: JsonObject | bytes, call: ToolCall, server: str) -> ToolResult:
    """What `server` answered, parsed or as it came. Raises InvalidResult, and the error of ours that it carries."""
    try:
        if isinstance(raw, bytes):
            found = _raw_result.decode(raw)
            given = found.structured_content
            structured = bytes(given) if isinstance(given, msgspec.Raw) else None
        else:
            found = msgspec.convert(raw, _CallResult[Any])
            structured = _exact(found.structured_content)
    except ValueError as error:  # msgspec's and json's
        raise InvalidResult(f"{server} answered {call.name} with no valid result: {error}.") from None
    if found.result_type != "complete":
        raise InvalidResult(
            f"{server} answered {call.name} with {found.result_type!r}, which cannot be passed on.",
            hint="The tool wants to ask a person; call it with all that it needs.",
        )
    if found.is_error and META_KEY in found.meta:
        text = "\n".join(piece.text for piece in found.content if isinstance(piece, TextContent))
        if (error := from_details(text, found.meta[META_KEY])) is not None:
            raise error
    said = found.meta.get(TRUST_META)
    if said not in ("trusted", "untrusted"):
        return ToolResult(found.content, structured, found.is_error)
    return ToolResult(found.content, structured, found.is_error, said, trust_said=True)
