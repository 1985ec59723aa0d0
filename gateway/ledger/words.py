"""How an event's data name the texts that are kept by digest: under keys of our own, which readers never see.

`$words` has the digest of each text by its path in the fields, `$shared` that of a JSON value by the name of its
field, `$texts` lists what else came with the event. The salted digest that the chain covers is of the data with
these names, so a text that was changed or exchanged is found.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

import msgspec

from gateway.core.ports import ERASED, StoredEvent
from toolward.types import JsonObject

WORDS, SHARED, OTHERS = "$words", "$shared", "$texts"

_FREE = frozenset(
    {
        "answer",
        "arguments_json",
        "comment",
        "input",
        "message",
        "native",
        "prompt",
        "reason",
        "reasoning",
        "text",
    }
    | {"void"}
)
"""Fields with what people, models and tools said, where they stand in the data themselves: in events from before
texts were kept by digest."""

_CONFIGURATION = frozenset({"definition", SHARED})
_REQUEST = "request"
"""The field with what a model was asked: every digest in it is of words, also of those that a parent's log had."""

_DIGEST = re.compile(r"[A-Za-z0-9_-]{32}")


class Named(msgspec.Struct, frozen=True):
    """What an event's data name by digest."""

    words: Mapping[str, str]
    shared: Mapping[str, str]
    others: tuple[str, ...]


def packed(event: StoredEvent) -> bytes:
    """The data as they are stored."""
    placed = {*event.words.values(), *event.shared.values()}
    others = [digest for digest in event.texts if digest not in placed]
    names = {WORDS: event.words, SHARED: event.shared, OTHERS: others}
    names = {key: value for key, value in names.items() if value}
    if not names:
        return event.data_json
    fields = event.data_json.rstrip()[:-1].rstrip()  # without the brace that closes them
    return fields + (b"" if fields.endswith(b"{") else b",") + msgspec.json.encode(names)[1:]


def take_names(data: JsonObject) -> Named:
    """Takes them out of stored data."""
    return Named(data.pop(WORDS, {}), data.pop(SHARED, {}), tuple(data.pop(OTHERS, ())))


def put_back(data: JsonObject, path: str, text: Any) -> None:
    """Raises LookupError, TypeError or ValueError where the data have no such place."""
    *parents, last = path.split(".")
    place: Any = data
    for step in parents:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = text


def without_words(data: JsonObject, digests: Collection[str]) -> JsonObject:
    """Stored data with ERASED in the place of every text, named or not, and of every digest of the run's texts."""
    words = data.pop(WORDS, {})
    data.pop(OTHERS, None)
    for path in words:
        put_back(data, path, ERASED)
    return {
        name: value if name in _CONFIGURATION else _erased(name, value, digests)
        for name, value in data.items()
    }


def _erased(name: str, value: Any, digests: Collection[str]) -> Any:
    match value:
        case str():
            is_digest = value in digests or (name == _REQUEST and _DIGEST.fullmatch(value))
            return ERASED if is_digest or (value and name in _FREE) else value
        case list():
            return [_erased(name, one, digests) for one in cast(Iterable[Any], value)]
        case dict():
            fields = cast(Mapping[str, Any], value)
            inherited = name in _FREE or name == _REQUEST
            return {key: _erased(name if inherited else key, one, digests) for key, one in fields.items()}
        case _:
            return value
