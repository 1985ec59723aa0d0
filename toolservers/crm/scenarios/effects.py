"""What happened to a record, and what a scenario says of it in one line.

    { add = "refund", payment_id = "PAY-5007", amount_minor.at_most = 1696 }
    { change = "ORD-1015", city = "Casalecchio" }      a record, and what its columns are afterwards
    { change = "order", status = "cancelled" }         any of a kind
    { remove = "line ORD-1025/2" }                     rows without an id by their key
    { call = "get_record", record_id = "CUS-2003" }    a call that was answered (only where effects are forbidden)

A column's condition is its value, or one or more of `one_of`, `at_most`, `at_least`, `contains` (text, whatever
its case), `differs` (from this value).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, select

from toolservers.crm.kinds import PREFIXES
from toolservers.crm.references import TABLES
from toolservers.crm.world import tables
from toolservers.crm.world.difference import difference

T = TypeVar("T")

Verb = Literal["add", "change", "remove", "call"]
VERBS: tuple[Verb, ...] = ("add", "change", "remove", "call")
PAST = {"add": "added", "change": "changed", "remove": "removed", "call": "called"}

KINDS: dict[str, Table] = {
    **TABLES,
    "message": tables.messages,
    "note": tables.notes,
    "address": tables.addresses,
    "contact": tables.contacts,
    "line": tables.order_lines,
    "return_line": tables.return_lines,
    "price": tables.prices,
    "world": tables.world,
}
_KIND_OF = {table.name: kind for kind, table in KINDS.items()}
_BY_PREFIX = {prefix: kind for kind, prefix in PREFIXES.items() if prefix}
_CONDITIONS = frozenset({"one_of", "at_most", "at_least", "contains", "differs"})
_UNTOLD = frozenset({"version", "words"})
_FOLLOWING = {
    "order": frozenset({"cancelled_on", "promised_on"}),
    "shipment": frozenset({"promised_on", "expected_on", "last_scan", "redirected"}),
    "subscription": frozenset({"pending_on"}),
}
"""Columns that change with others of their record: conditions may name them; nothing is judged by them alone."""


class Unreadable(ValueError):
    """An effect that says nothing, or something that no record has."""


@dataclass(frozen=True, slots=True)
class Effect:
    """`key` is a record's id, or the key of a row without one (`ORD-1025/2`); empty for any of the kind. For a
    call `kind` is the tool."""

    verb: Verb
    kind: str
    key: str
    conditions: Mapping[str, Any]

    def __str__(self) -> str:
        what = f"{self.kind} {self.key}".rstrip()
        how = ", ".join(f"{name} {_said(condition)}" for name, condition in self.conditions.items())
        return f"{what} {PAST[self.verb]}" + (f" with {how}" if how else "")


@dataclass(frozen=True, slots=True)
class Happened:
    """One row's change. `row` is how it is now (before, where it was removed), `changed` what of it differs: all
    of it, where it was added or removed. Days and instants are text."""

    verb: Verb
    kind: str
    key: str
    row: Mapping[str, Any]
    changed: Mapping[str, tuple[Any, Any]]

    def __str__(self) -> str:
        if self.verb != "change":
            shown = {name: value for name, value in self.row.items() if name not in _UNTOLD and value != ""}
            return f"{self.kind} {self.key} {PAST[self.verb]} ({_listed(shown)})"
        if not self.changed:
            return f"{self.kind} {self.key} changed with what belongs to it"
        told = ", ".join(f"{name} {before!r} -> {after!r}" for name, (before, after) in self.changed.items())
        return f"{self.kind} {self.key} changed: {told}"


def effect(written: Mapping[str, Any]) -> Effect:
    """Raises Unreadable."""
    verbs: list[Verb] = [verb for verb in VERBS if verb in written]
    if len(verbs) != 1 or not isinstance(written[verbs[0]], str):
        raise Unreadable(f"An effect has one of {', '.join(VERBS)}; this is {dict(written)}.")
    verb = verbs[0]
    conditions = {name: condition for name, condition in written.items() if name != verb}
    if verb == "call":
        return Effect("call", written[verb], "", conditions)
    kind, key = named(written[verb])
    table = KINDS[kind]
    for name, condition in conditions.items():
        if name not in table.c:
            raise Unreadable(f"A {kind} has no {name!r}; it has {', '.join(table.c.keys())}.")
        if isinstance(condition, dict) and not is_condition(condition):  # pyright: ignore[reportUnknownArgumentType]
            raise Unreadable(f"{name}: a condition is a value, or of {', '.join(sorted(_CONDITIONS))}.")
    return Effect(verb, kind, key, msgspec.to_builtins(conditions))


def named(text: str) -> tuple[str, str]:
    """`ORD-1015`, `order`, `line ORD-1025/2` as kind and key. Raises Unreadable."""
    kind, _, key = text.partition(" ")
    if kind in KINDS:
        return kind, key
    prefix = f"{text.partition('-')[0]}-"
    if prefix not in _BY_PREFIX:
        raise Unreadable(f"{text!r} is no record and no kind of record. Kinds: {', '.join(KINDS)}.")
    return _BY_PREFIX[prefix], text


def happened(before: Connection, after: Connection) -> list[Happened]:
    """Every row of the world that differs, but those that follow from others (events, counters)."""
    found = difference(before, after, ignoring=("events", "counters"))
    did: list[Happened] = []
    for verb, part in (("add", found.added), ("remove", found.removed)):
        did += [
            Happened(cast(Verb, verb), kind, key, msgspec.to_builtins(row), {})
            for kind, rows in _by_kind(part)
            for key, row in rows.items()
        ]
    for kind, rows in _by_kind(found.changed):
        quiet = _UNTOLD | _FOLLOWING.get(kind, frozenset())
        for key, columns in rows.items():
            changed = {name: both for name, both in columns.items() if name not in quiet}
            row = after.execute(select(KINDS[kind]).where(is_row(kind, key))).mappings().one()
            did.append(Happened("change", kind, key, *msgspec.to_builtins((dict(row), changed))))
    return did


def is_row(kind: str, key: str) -> ColumnElement[bool]:
    """The condition for the row of this key. Raises Unreadable."""
    columns = list(KINDS[kind].primary_key)
    parts = key.split("/")
    if len(parts) != len(columns):
        raise Unreadable(
            f"A {kind} is named by {'/'.join(column.name for column in columns)}, not by {key!r}."
        )
    return and_(
        True, *(column == column.type.python_type(part) for column, part in zip(columns, parts, strict=True))
    )


def _by_kind(part: Mapping[str, Mapping[str, T]]) -> Iterator[tuple[str, Mapping[str, T]]]:
    for table, rows in part.items():
        if (kind := _KIND_OF.get(table)) is not None:
            yield kind, rows


def fits(wanted: Effect, did: Happened) -> bool:
    """Whether this is what was wanted; of a changed record, only columns that are named may have changed."""
    return touches(wanted, did) and wanted.conditions.keys() >= did.changed.keys()


def touches(wanted: Effect, did: Happened) -> bool:
    """Whether this is what was meant, whatever else changed of the record. A condition without a key in what
    changed is a condition on how the record is now."""
    if (wanted.verb, wanted.kind) != (did.verb, did.kind) or wanted.key not in ("", did.key):
        return False
    if did.verb == "change" and wanted.conditions and not (wanted.conditions.keys() & did.changed.keys()):
        return False
    return all(holds(condition, did.row[name]) for name, condition in wanted.conditions.items())


def is_condition(written: Mapping[str, Any]) -> bool:
    return bool(written) and _CONDITIONS.issuperset(written)


def holds(condition: Any, value: Any) -> bool:
    """Whether a value is as a condition wants it."""
    if not isinstance(condition, dict):
        return type(condition) is type(value) and condition == value
    return all(_holds(name, wanted, value) for name, wanted in condition.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _holds(name: str, wanted: Any, value: Any) -> bool:
    match name:
        case "one_of":
            return value in wanted
        case "contains":
            return isinstance(value, str) and str(wanted).casefold() in value.casefold()
        case "differs":
            return value != wanted
        case _:
            if value is None or type(value) is not type(wanted):
                return False
            return value <= wanted if name == "at_most" else value >= wanted


def _said(condition: Any) -> str:
    if not isinstance(condition, dict):
        return repr(condition)
    parts: Iterator[str] = (f"{name.replace('_', ' ')} {wanted!r}" for name, wanted in condition.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportUnknownArgumentType]
    return " and ".join(parts)


def _listed(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in row.items() if name != "id")[:300]
