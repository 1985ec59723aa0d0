"""FIELD OP VALUE: read, checked by the field's kind, and turned into a condition.

`ordered_on >= 2026-11-01`, `total_minor<5000`, `city ~ koln`, `delivered_on = none`, `promised_on < today`,
`company != ""`. A value in quotes is taken as it stands.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, literal, not_, or_

from toolservers.crm.finding.expressions import folded, unindexed
from toolservers.crm.finding.fields import Field, Kind
from toolservers.crm.money import LARGEST
from toolservers.crm.references import parse as parse_id
from toolservers.crm.world import clock
from toolservers.crm.world.tables import fold
from toolward.errors import ToolError

LONGEST = 200
_WRITTEN = re.compile(r"([A-Za-z_]{1,40})\s*(>=|<=|!=|==|=|>|<|~)(.*)", re.DOTALL)
_QUOTED = re.compile(r"([\"'])(.*)\1", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]{1,16}")
_FLAGS = {"yes": True, "true": True, "no": False, "false": False}
_YEARS = range(1900, 2201)
_FORM = "Write FIELD OP VALUE with one of = != > >= < <= ~ (contains): ordered_on>=2026-11-01, city~utrecht."
_OPS: dict[Kind, tuple[str, ...]] = {
    "text": ("=", "!=", ">", ">=", "<", "<=", "~"),
    "choice": ("=", "!="),
    "id": ("=", "!="),
    "flag": ("=", "!="),
}
_ORDERED = ("=", "!=", ">", ">=", "<", "<=")
_FORMS: dict[Kind, str] = {
    "day": "a day such as 2026-11-16, or today",
    "time": "a day or a time such as 2026-11-16T10:00 (Amsterdam, unless it has an offset)",
    "number": "a whole number",
    "money": "whole minor units: 5000 is 50.00 EUR",
    "flag": "yes or no",
}

Value = str | int | date | datetime | None


class Filter(NamedTuple):
    """`value` is None for none, a `datetime` in UTC for an instant, and an e-mail address where a customer is named
    by it. As a string it is what `parse` reads."""

    field: Field
    op: str
    value: Value

    def __str__(self) -> str:
        return f"{self.field.name} {self.op} {_shown(self.value)}"


class Split(NamedTuple):
    name: str
    op: str
    value: str


def split(text: str) -> Split:
    """Raises ToolError for what is not of the form FIELD OP VALUE."""
    match = _WRITTEN.fullmatch(text.strip())
    if match is None or len(text) > LONGEST:
        raise ToolError(f"{text[:60]!r} is no filter. {_FORM}")
    return Split(match[1], "=" if match[2] == "==" else match[2], match[3].strip())


def parse(field: Field, op: str, text: str, today: date) -> Filter:
    """Raises ToolError, with the form that is expected, for a value or an operator that the field cannot have."""
    if op not in (known := _OPS.get(field.kind, _ORDERED)):
        raise ToolError(f"{field.name} cannot be compared by {op}; use {' '.join(known)}.")
    quoted = _QUOTED.fullmatch(text)
    if quoted is None and text.casefold() == "none":
        return _none(field, op)
    value = quoted[2] if quoted else text
    if not value.isprintable():
        raise ToolError(f"The value of {field.name} has control characters in it.")
    if op == "~" and not fold(value).strip():
        raise ToolError(f"Say what {field.name} shall contain: {field.name}~word.")
    return Filter(field, op, _typed(field, value, today))


def _none(field: Field, op: str) -> Filter:
    if op not in ("=", "!="):
        raise ToolError(f"none can only be compared by = and !=: {field.name}=none.")
    if not field.nullable and field.kind != "text":
        raise ToolError(f"{field.name} is never none.")
    return Filter(field, op, None)


def _typed(field: Field, text: str, today: date) -> Value:
    if field.kind == "text":
        return text
    if field.kind == "choice":
        return _choice(field, text)
    if field.names is not None:
        return parse_id(text, field.names).value
    value = _READ[field.kind](text, today)
    if value is None:
        raise ToolError(f"{field.name} is {_FORMS[field.kind]}; {text[:40]!r} is not.")
    return value


def _choice(field: Field, text: str) -> str:
    value = fold(text).replace(" ", "_").replace("-", "_")
    if value not in field.choices:
        raise ToolError(f"{field.name} is never {text[:40]!r}. There are: {', '.join(field.choices)}.")
    return value


def _day(text: str, today: date) -> date | None:
    if text.casefold() == "today":
        return today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


def _time(text: str, today: date) -> date | datetime | None:
    if (day := _day(text, today)) is not None:
        return day
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    if instant.year not in _YEARS:
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=clock.zone())).astimezone(UTC)


def _number(text: str, _today: date) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) and abs(int(text)) <= LARGEST else None


def _flag(text: str, _today: date) -> bool | None:
    return _FLAGS.get(text.casefold())


_READ = {"day": _day, "time": _time, "number": _number, "money": _number, "flag": _flag}


def _shown(value: Value) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    text = str(value)
    plain = text.strip() == text and text.casefold() != "none" and _QUOTED.fullmatch(text) is None
    return text if plain else f'"{text}"'


def condition(asked: Filter) -> ColumnElement[bool]:
    """Whatever has no value is unlike every value, and neither larger nor smaller than any."""
    column, op, value = asked.field.column, asked.op, asked.value
    if value is None:
        empty = or_(column.is_(None), column == "") if asked.field.kind == "text" else column.is_(None)
        return empty if op == "=" else not_(empty)
    if isinstance(value, datetime):
        value = clock.stored(value)
    elif isinstance(value, date) and asked.field.kind == "time":
        return _within(column, op, value)
    if op == "~":
        return folded(column).contains(fold(str(value)), autoescape=True)
    return _compared(column, op, value)


def _within(column: ColumnElement[Any], op: str, day: date) -> ColumnElement[bool]:
    """An instant against a day of the shop's, which it may fall into."""
    begins, ends = (
        clock.stored(datetime(one.year, one.month, one.day, tzinfo=clock.zone()))
        for one in (day, day + timedelta(days=1))
    )
    column = unindexed(column)
    into = and_(column >= begins, column < ends)
    return {
        "=": into,
        "!=": or_(column.is_(None), column < begins, column >= ends),
        ">": column >= ends,
        ">=": column >= begins,
        "<": column < begins,
        "<=": column < ends,
    }[op]


def _compared(column: ColumnElement[Any], op: str, value: Any) -> ColumnElement[bool]:
    if op == "=":
        return column == value
    column, value = unindexed(column), literal(value, column.type)
    return {
        "!=": column.is_distinct_from(value),
        ">": column > value,
        ">=": column >= value,
        "<": column < value,
        "<=": column <= value,
    }[op]
