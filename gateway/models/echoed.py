"""What models wrote, fit to be read again: arguments that are an object, ids of calls that a wire takes."""

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

import msgspec

from gateway.core.ports import Message, ToolUse
from gateway.models.schemas import Adapted
from toolward.types import JsonObject


def arguments_object(arguments_json: str) -> str:
    """A call's arguments as they were written. Endpoints parse them again and refuse the whole conversation for
    broken ones, so what is no JSON object comes wrapped in one."""
    try:
        whole = isinstance(msgspec.json.decode(arguments_json), dict)
    except (ValueError, RecursionError):
        whole = False
    if whole:
        return arguments_json
    return msgspec.json.encode({"not_valid_json": arguments_json}).decode()


def sent_id(call_id: str, taken: re.Pattern[str], most: int = 40) -> str:
    """The id of a call as a wire takes it, of at most so many characters: another wire's may be too long, or hold
    signs that this one refuses. The same id gives the same one each time, so that a call and its result still
    belong together."""
    if taken.fullmatch(call_id):
        return call_id
    return sha256(call_id.encode("utf-8", "replace")).hexdigest()[:most]


def free_turn(earlier: tuple[Message, ...]) -> int:
    """A number for ids of our own (`call_7_0`) in the reply to these messages, which no call in them has. Their
    count alone is none: it falls when turns are summarised."""
    taken = {use.id.rpartition("_")[0] for message in earlier for use in message.tool_uses}
    turn = len(earlier)
    while f"call_{turn}" in taken:
        turn += 1
    return turn


def with_ids(
    uses: Iterable[ToolUse], earlier: tuple[Message, ...], taken: re.Pattern[str]
) -> tuple[ToolUse, ...]:
    """Calls with an id of their own each: the endpoint's where it is there, is not another call's too, and would be
    taken back; else one that is made for the reply to the messages before it."""
    found: list[ToolUse] = []
    used: set[str] = set()
    turn = -1
    for place, use in enumerate(uses):
        good = use.id not in used and taken.fullmatch(use.id)
        if not good and turn < 0:
            turn = free_turn(earlier)
        call_id = use.id if good else f"call_{turn}_{place}"
        used.add(call_id)
        found.append(use if good else ToolUse(call_id, use.name, use.arguments_json))
    return tuple(found)


def as_called(uses: Iterable[ToolUse], adapted: Mapping[str, Adapted]) -> tuple[ToolUse, ...]:
    """Calls whose arguments fit the adapted schemas, as the tools want them."""
    return tuple(
        ToolUse(use.id, use.name, adapted[use.name].restored(use.arguments_json))
        if use.name in adapted
        else use
        for use in uses
    )


def json_list(pieces: Iterable[str]) -> str:
    return f"[{','.join(pieces)}]"


def spliced(fields: Mapping[str, bytes | list[bytes]], over: Mapping[str, bytes]) -> bytes:
    """A JSON object of members that are JSON already, in one piece or several; those of `over` count."""
    pieces: list[bytes] = []
    for name, value in {**fields, **over}.items():
        pieces += (b",", msgspec.json.encode(name), b":")
        pieces += (value,) if isinstance(value, bytes) else value
    pieces[0] = b"{"
    pieces.append(b"}")
    return b"".join(pieces)


def encoded_members(members: JsonObject) -> dict[str, bytes]:
    return {name: msgspec.json.encode(value) for name, value in members.items()}
