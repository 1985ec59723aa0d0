"""What the model is told of a call: a result, an error, in words."""

import msgspec

from gateway.core.neutral import neutral
from toolward.errors import Denied, ToolwardError
from toolward.types import (
    AudioContent,
    Content,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    ToolResult,
)

RESULT_LENGTH = 20_000
"""Characters of one result that the model sees at once."""

WHOLE_LENGTH = 1_000_000
"""Characters of one result that are kept, so that the model can read on."""


class Observation(msgspec.Struct, frozen=True):
    """What the model is told of a call, and the stable code for it."""

    code: str
    is_error: bool
    text: str
    structured: bool = False
    trust: str = "untrusted"
    effect: str = ""  # what policy decided, and by which rule; empty where it was not asked
    rule: str = ""


def observed(result: ToolResult, note: str = "") -> Observation:
    """A result in the words that the model sees: the JSON text where it is structured, else the text, and a
    line for each piece that is no text; all of it, whatever its length. A `note` of ours goes before it."""
    structured = result.structured_json is not None
    if result.structured_json is not None:
        text = result.structured_json.decode(errors="replace")
    else:
        text = "\n".join(_shown(piece) for piece in result.content) or "(the tool returned nothing)"
    return Observation(
        code="tool_error" if result.is_error else "ok",
        is_error=result.is_error,
        text=f"[{note}]\n{neutral(text)}" if note else neutral(text),
        structured=structured and not note,
        trust=result.trust,
    )


def refused(error: ToolwardError) -> Observation:
    """A call that was not made, or came to no result: what was wrong and what to do."""
    effect = "deny" if isinstance(error, Denied) else ""
    text = cut(neutral(error.text))
    return Observation(error.code, is_error=True, text=text, trust="trusted", effect=effect, rule=error.rule)


def cut(text: str) -> str:
    """At most RESULT_LENGTH characters of it, and a note of how many there were."""
    if len(text) <= RESULT_LENGTH:
        return text
    return (
        f"{text[:RESULT_LENGTH]}\n[Cut here: these are the first {RESULT_LENGTH:,} of {len(text):,} characters."
        " Ask for less, or for a part.]"
    )


def cut_for(call_id: str, text: str) -> str:
    """The beginning, and how the model reads on."""
    return (
        f"{text[:RESULT_LENGTH]}\n[Cut here: these are the first {RESULT_LENGTH:,} of {len(text):,} characters."
        f" read_result with call_id {call_id} and offset {RESULT_LENGTH} gives the next; or ask for less.]"
    )


def _shown(piece: Content) -> str:
    match piece:
        case TextContent(text):
            return text
        case ImageContent() | AudioContent():
            return f"[{piece.mime_type}, {len(piece.data):,} bytes, not shown]"
        case ResourceLink():
            return f"[{piece.title or piece.name}: {piece.uri}]"
        case EmbeddedResource(body):
            return (
                body.text if body.text is not None else f"[{body.mime_type or 'data'}: {body.uri}, not shown]"
            )
