"""What a backend answers is not believed: bounded, readable, true to the schema that it promised."""

import msgspec

from gateway.core.catalog import CatalogTool
from toolward.errors import InvalidRequest, InvalidResult
from toolward.json_bounds import GIVEN
from toolward.schema import MAX_BYTES, parse
from toolward.types import (
    AudioContent,
    Content,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    ToolResult,
)


def checked(tool: CatalogTool, result: ToolResult, max_bytes: int = MAX_BYTES) -> ToolResult:
    """The result as callers may see it, always untrusted: a backend does not label itself.

    A failure that the tool reports is never masked; at most its unreadable structured part is dropped. Raises
    InvalidResult, naming the tool and what is wrong.
    """
    if (found := size(result)) > max_bytes:
        raise InvalidResult(
            f"{tool.name} answered {found:,} bytes; at most {max_bytes:,} are taken.",
            hint="Ask for less at once.",
        )
    try:
        _check_structured(tool, result, max_bytes)
    except InvalidResult:
        if not result.is_error:
            raise
        result = msgspec.structs.replace(result, structured_json=None)
    if result.trust == "untrusted" and not result.trust_said:
        return result
    return msgspec.structs.replace(result, trust="untrusted", trust_said=False)


def _check_structured(tool: CatalogTool, result: ToolResult, max_bytes: int) -> None:
    if result.structured_json is None:
        if tool.output_schema is not None and not result.is_error:
            raise InvalidResult(
                f"{tool.name} promises a structured result and gave none.",
                hint=f"Tell whoever runs the backend {tool.backend}.",
            )
        return
    try:
        what = f"structured results of {tool.name}"
        value = parse(result.structured_json, what, max_bytes=max_bytes, most=GIVEN)
    except InvalidRequest as error:  # too large or too deep included
        raise InvalidResult(error.message) from None
    if tool.output_schema is None or result.is_error:
        return
    if violations := tool.output_schema.violations(value):
        said = "; ".join(map(str, violations))
        raise InvalidResult(
            f"The result of {tool.name} breaks its own output schema: {said}.",
            hint=f"Tell whoever runs the backend {tool.backend}.",
            violations=violations,
        )


def size(result: ToolResult) -> int:
    """Of its texts, data and structured part together."""
    return len(result.structured_json or b"") + sum(map(_content_size, result.content))


def _content_size(piece: Content) -> int:
    match piece:
        case TextContent():
            return len(piece.text)
        case ImageContent() | AudioContent():
            return len(piece.data)
        case ResourceLink():
            return len(piece.uri) + len(piece.description or "")
        case EmbeddedResource():
            return len(piece.resource.text or "") + len(piece.resource.blob or b"")
