"""Tools of the loop itself: searching a large catalog, calling what was found, reading on in a result that was cut.

They are resolved in the loop and go to no server. Of `call_tool` the tool that it names is what is decided, called
and recorded. What is wrong with their arguments is said so that the model can write them again.
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from gateway.agent.observations import RESULT_LENGTH
from gateway.core.ports import ModelTool, ToolUse
from gateway.core.tool_search import MOST, OFFERED
from toolward.errors import InvalidArguments, NotFound
from toolward.types import JsonObject

FIND, CALL, READ = "find_tools", "call_tool", "read_result"
NAMES = frozenset((FIND, CALL, READ))
"""No alias of a server's tool is like them: those have `__` in them."""

READ_LENGTH = RESULT_LENGTH - 500
"""Characters of a result that are read at once, at most: with what is said about them they are not cut again."""

_SERVERS = 60  # that are named in the description of find_tools
_QUERY = 500  # characters


class Find(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    query: str
    limit: int = OFFERED


class Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    call_id: str
    offset: int = 0
    length: int = READ_LENGTH


class _Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


def _tool(name: str, description: str, required: list[str], /, **properties: JsonObject) -> ModelTool:
    schema: JsonObject = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    return ModelTool(name, description, schema)


CALL_TOOL = _tool(
    CALL,
    "Call a tool that find_tools has found. It is checked, decided and recorded as that tool's own call.",
    ["name", "arguments"],
    name={"type": "string", "description": "The tool's name exactly as find_tools gave it."},
    arguments={
        "type": "object",
        "description": "What the tool's input_schema asks for; {} if it asks for nothing.",
    },
)

READ_RESULT = _tool(
    READ,
    "Read on in the result of an earlier call that was cut or folded away. Costs no new call of the tool.",
    ["call_id"],
    call_id={"type": "string", "description": "As the note at the cut or folded result says it."},
    offset={"type": "integer", "minimum": 0, "description": "The first character to read; 0 if left out."},
    length={
        "type": "integer",
        "minimum": 1,
        "maximum": READ_LENGTH,
        "description": f"How many characters; {READ_LENGTH} if left out.",
    },
)


def find_tools(count: int, servers: Sequence[str] = ()) -> ModelTool:
    """The search over `count` tools of these servers, whose names help the model to word a query."""
    known = f" There are {count:,} tools." if count else ""
    if servers:
        more = ", …" if len(servers) > _SERVERS else ""
        known += f" They are of: {', '.join(servers[:_SERVERS])}{more}."
    return _tool(
        FIND,
        "Find tools by what they do. Only a few tools are shown to you; search whenever you need another, before"
        " you say that something cannot be done. The answer has the names and input schemas of the best matches;"
        f" call one with call_tool.{known}",
        ["query"],
        query={
            "type": "string",
            "maxLength": _QUERY,
            "description": "What the tool does, in a few plain words: the action and what it is done to, best with"
            " another word for each, like 'refund return payment to customer'. No sentence of the user's, no names"
            " and no values.",
        },
        limit={
            "type": "integer",
            "minimum": 1,
            "maximum": MOST,
            "description": f"How many tools at most; {OFFERED} if left out.",
        },
    )


def asked_to_find(use: ToolUse) -> Find:
    """Raises InvalidArguments."""
    asked = _read(use, Find, '{"query": "refund payment", "limit": 5}')
    if not asked.query.strip():
        raise _wrong(use, "its query is empty", '{"query": "refund payment"}')
    if not 1 <= asked.limit <= MOST:
        raise _wrong(
            use, f"its limit is {asked.limit}, and must be 1 to {MOST}", '{"query": "refund payment"}'
        )
    return asked


def asked_to_call(use: ToolUse) -> ToolUse:
    """The wish for the real tool, with the id of this one. Raises InvalidArguments."""
    example = '{"name": "crm__get_record", "arguments": {"record_id": "C-1"}}'
    wish = _read(use, _Wish, example, hint="The tool's own arguments stand under `arguments`.")
    if wish.name in NAMES:
        raise _wrong(use, f"{wish.name} is called directly, not through {CALL}", example)
    return ToolUse(use.id, wish.name, _object(use, bytes(wish.arguments), example))


def asked_to_read(use: ToolUse) -> Read:
    """Raises InvalidArguments."""
    example = '{"call_id": "call_…", "offset": 20000}'
    asked = _read(use, Read, example)
    if asked.offset < 0:
        raise _wrong(use, f"its offset is {asked.offset}, and must be 0 or more", example)
    if not 1 <= asked.length <= READ_LENGTH:
        raise _wrong(use, f"its length is {asked.length}, and must be 1 to {READ_LENGTH}", example)
    return asked


def part(text: str, asked: Read) -> str:
    """The part of a result that was asked for, and where it stands in the whole. Raises NotFound where the text
    ends before."""
    if asked.offset >= len(text) and asked.offset:
        raise NotFound(
            f"The result of {asked.call_id[:128]} has {len(text):,} characters, so there are none from"
            f" {asked.offset:,} on.",
            hint="Ask for a smaller offset.",
        )
    end = min(asked.offset + asked.length, len(text))
    rest = f" The rest begins at offset {end}." if end < len(text) else " This is the end."
    return f"[Characters {asked.offset:,} to {end:,} of {len(text):,}.{rest}]\n{text[asked.offset : end]}"


T = TypeVar("T")


def _read(use: ToolUse, kind: type[T], example: str, hint: str = "") -> T:
    written = use.arguments_json.strip() or "{}"
    try:
        return msgspec.json.decode(written.encode(errors="replace"), type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        said = str(error)[:200]
        raise _wrong(use, f"{said[:1].lower()}{said[1:]}", example, hint) from None


def _object(use: ToolUse, written: bytes, example: str) -> str:
    """The text of the object; some models write it as a text in which it stands."""
    try:
        value = msgspec.json.decode(written)
        if isinstance(value, str):
            written = value.strip().encode(errors="replace") or b"{}"
            value = msgspec.json.decode(written)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _wrong(use, f"what stands under `arguments` is no JSON ({str(error)[:200]})", example) from None
    if value is None:
        return "{}"
    if not isinstance(value, dict):
        raise _wrong(use, "what stands under `arguments` is no JSON object", example)
    return written.decode()


def _wrong(use: ToolUse, flaw: str, example: str, hint: str = "") -> InvalidArguments:
    said = f"{hint} " if hint else ""
    return InvalidArguments(
        f"The arguments of {use.name[:128]} do not fit: {flaw.rstrip('.')}.",
        hint=f"{said}Write them like {example}",
    )
