"""The tools of the loop itself. A model that has too many tools to be shown gets a search in their place, and says
by `call_tool` which it wants: that one is called, decided and recorded. `read_result` gives what was cut or
folded."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from gateway.agent.observations import RESULT_LENGTH, Observation
from gateway.core.ports import ModelTool, ToolUse
from toolward.types import JsonObject

FIND_TOOLS = "find_tools"
CALL_TOOL = "call_tool"
READ_RESULT = "read_result"

FOUND = 8
"""Tools that one search gives, where the model does not say how many."""

MOST_FOUND = 20


READ_LENGTH = RESULT_LENGTH - 500
"""Characters that one `read_result` gives at most: with what is said about them they are not cut again."""


def _schema(required: list[str], **properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


FIND: ModelTool = ModelTool(
    FIND_TOOLS,
    "Find tools by what they do. There are more tools than are listed here: look for one before you say"
    " that something cannot be done. Describe one task in a few words, with its object (`refund a"
    " payment`). Gives names, descriptions and input schemas; call what fits with call_tool.",
    _schema(
        ["query"],
        query={"type": "string", "description": "One task, in a few words."},
        limit={
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_FOUND,
            "description": f"Tools at most; {FOUND} if left out.",
        },
    ),
)
CALL: ModelTool = ModelTool(
    CALL_TOOL,
    "Call a tool that find_tools gave, by its name, with arguments that fit its input schema.",
    _schema(
        ["name", "arguments"],
        name={"type": "string", "description": "The tool's name, as find_tools gave it."},
        arguments={"type": "object", "description": "The tool's own arguments."},
    ),
)
READ: ModelTool = ModelTool(
    READ_RESULT,
    "Read a result of an earlier call that was cut or left out, from an offset on.",
    _schema(
        ["call_id"],
        call_id={"type": "string", "description": "As it stands where the result was cut or left out."},
        offset={"type": "integer", "minimum": 0, "description": "Characters to leave out; 0 if not given."},
        length={
            "type": "integer",
            "minimum": 1,
            "maximum": READ_LENGTH,
            "description": f"Characters to read; {READ_LENGTH} if not given.",
        },
    ),
)


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_FOUND)] = FOUND


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    call_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0
    length: Annotated[int, msgspec.Meta(ge=1, le=READ_LENGTH)] = READ_LENGTH


class _Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    arguments: dict[str, msgspec.Raw] | str = {}


_DECODERS: Mapping[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Query, Reading, _Call)
}


def query_of(use: ToolUse) -> Query | Observation:
    return _read(use, Query)


def reading_of(use: ToolUse) -> Reading | Observation:
    return _read(use, Reading)


def meant_by(use: ToolUse) -> ToolUse | Observation:
    """The wish inside a `call_tool`. Arguments that are JSON text in a string are taken as meant: models do
    that."""
    found = _read(use, _Call)
    if isinstance(found, Observation):
        return found
    arguments = found.arguments
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    return ToolUse(use.id, found.name, text)


def _read(use: ToolUse, kind: type) -> Any:
    try:
        return _DECODERS[kind].decode(use.arguments_json.encode(errors="replace") or b"{}")
    except (msgspec.DecodeError, RecursionError) as error:
        text = f"The arguments of {use.name} cannot be taken: {error}. Call again with one JSON object that fits."
        return Observation("invalid_arguments", is_error=True, text=text, trust="trusted")
