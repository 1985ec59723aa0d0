"""What earlier results say: amounts and ids, found by the names of fields."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple, cast

from gateway.models.offline.words import Money, blank, minor_digits, stem, stems, tokens
from toolward.types import Json, JsonObject


class _Field(NamedTuple):
    depth: int
    key: str
    value: Json
    owner: JsonObject


def as_money(value: Json) -> Money | None:
    """`{amount_minor, currency, …}` as an amount."""
    if not isinstance(value, dict):
        return None
    entry = cast(JsonObject, value)
    minor, currency = entry.get("amount_minor"), entry.get("currency")
    if not isinstance(minor, int) or not isinstance(currency, str):
        return None
    return Money(Decimal(minor).scaleb(-minor_digits(currency)), currency)


def base_figure(text: str, results: tuple[Json, ...]) -> Money | None:
    """The amount that the text names as a field of a result: `its total`. Where the text names ids, only what
    came back for them counts; money goes before plain numbers, more of the words before fewer, newer before
    older."""
    asked = stems(blank(text))
    if ids := [token.text for token in tokens(text, "id")]:
        results = tuple(one for one in results if any(field.owner.get("id") in ids for field in _fields(one)))
    ranked: list[tuple[tuple[int, ...], Money]] = []
    for age, result in enumerate(results):
        for field in _fields(result):
            shared = len(asked & stems(field.key.replace("_", " ")))
            if shared and (figure := as_money(field.value) or _plain_figure(field)):
                ranked.append(((not figure.currency, -shared, age, field.depth), figure))
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _plain_figure(field: _Field) -> Money | None:
    """A bare number counts only as a field of a record: the `total` of a list of hits is no amount."""
    is_number = isinstance(field.value, int | float) and not isinstance(field.value, bool)
    return Money(Decimal(str(field.value)), "") if is_number and "id" in field.owner else None


def ids_of(noun: str, results: tuple[Json, ...]) -> tuple[str, ...]:
    """Ids of things of this kind in the newest result that has any."""
    for result in results:
        found = (identifier for field in _fields(result) for identifier in _ids_in(field, stem(noun)))
        if ids := tuple(dict.fromkeys(found)):
            return ids
    return ()


def currency_of(identifier: str, results: tuple[Json, ...]) -> str:
    """The currency of the amounts of the thing with this id; empty where none is known."""
    fields = (field for result in results for field in _fields(result) if field.owner.get("id") == identifier)
    return next((amount.currency for field in fields if (amount := as_money(field.value))), "")


def _ids_in(field: _Field, noun: str) -> Iterator[str]:
    key, value = stem(field.key), field.value
    if field.key == "id" and isinstance(value, str):
        kinds = (field.owner.get(name) for name in ("record_type", "type", "kind"))
        if any(isinstance(kind, str) and stem(kind) == noun for kind in kinds):
            yield value
    elif field.key.endswith("_id") and key.removesuffix("_id") == noun and isinstance(value, str):
        yield value
    elif key == noun:
        for entry in cast(list[Json], value if isinstance(value, list) else [value]):
            identifier = cast(JsonObject, entry).get("id") if isinstance(entry, dict) else entry
            if isinstance(identifier, str) and (isinstance(entry, dict) or tokens(identifier, "id")):
                yield identifier


def _fields(value: Json, depth: int = 0) -> Iterator[_Field]:
    """Every field of every object inside; what is in a money object is one value and not looked into."""
    if isinstance(value, list):
        for entry in cast(list[Json], value):
            yield from _fields(entry, depth + 1)
    elif isinstance(value, dict) and as_money(value) is None:
        entry = cast(JsonObject, value)
        for key, inner in entry.items():
            yield _Field(depth, key, inner, entry)
            yield from _fields(inner, depth + 1)
