"""Drawn types of a parameter, and JSON texts that may or may not fit them."""

import enum
import inspect
import json
from dataclasses import is_dataclass, make_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import strategies as st
from pydantic import BaseModel, Field, create_model


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


Type = Any  # what stands behind a parameter's colon
PLAIN: list[Type] = [
    *(int, float, bool, str, None, Any, Decimal, date, time, datetime, timedelta, UUID, Size, Colour),
    *(Literal[1], Literal[True], Literal["a", 2], Literal[0, False]),
    Annotated[int, Field(ge=0, lt=10)],
    Annotated[float, Field(gt=0, le=2.5)],
    Annotated[str, Field(min_length=1, max_length=2)],
    Annotated[str, Field(pattern="^[ab]+$")],
]


def either(left: Type, right: Type) -> Type:
    return Union[left, right]  # noqa: UP007 -- of values, not of written types


def model(fields: dict[str, Type], optional: bool) -> Type:
    given: Any = {name: (kind, None if optional else ...) for name, kind in fields.items()}
    return create_model("Model", **given)


def record(fields: dict[str, Type]) -> Type:
    return make_dataclass("Record", list(fields.items()))


def larger(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    fields = st.dictionaries(st.sampled_from(["x", "y", "key"]), inner, min_size=1, max_size=2)
    return st.one_of(
        inner.map(lambda kind: list[kind]),
        inner.map(lambda kind: dict[str, kind]),
        st.tuples(inner, inner).map(lambda two: tuple[two[0], two[1]]),
        st.tuples(inner, inner).map(lambda two: either(*two)),
        inner.map(lambda kind: either(kind, None)),
        fields.flatmap(lambda names: st.booleans().map(lambda optional: model(names, optional))),
        fields.map(record),
    )


TYPES = st.recursive(st.sampled_from(PLAIN), larger, max_leaves=4)

TEXTS = [
    *("", "a", "ab", "aba", "red", "2", "true", "NaN", "Infinity", "1e5", "-1.50", "0x10", "１"),
    *(
        "2026-11-20",
        "2026-02-30",
        "2026-11-20T10:00:00Z",
        "2026-11-20 10:00",
        "2026-11-20T24:00:00Z",
        "1700000000",
    ),
    *("10:00", "10:00:00Z", "25:00", "P1D", "PT1.5S", "P1Y2M", "1 day", "0000-01-01T00:00:00Z"),
    *("12345678-1234-1234-1234-123456789abc", "12345678123412341234123456789abc", "\U0001f984", "a\n"),
]
NUMBERS = [
    "0",
    "1",
    "2",
    "-1",
    "1.0",
    "2.0",
    "0.5",
    "1e0",
    "2E0",
    "10",
    "-0.0",
    "1e300",
    "9007199254740993",
    "9" * 40,
]
SCALARS = st.sampled_from(["null", "true", "false", *NUMBERS, *(json.dumps(text) for text in TEXTS)])


def written(members: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}"


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
    names = st.sampled_from(["x", "y", "key", "other"])
    return lists | st.dictionaries(names, inner, max_size=3).map(written)


VALUES = st.recursive(SCALARS, containers, max_leaves=5)


def fitting(kind: Type) -> st.SearchStrategy[str]:
    """Texts with the shape of the type, whose scalars may or may not fit."""
    inner = (
        [fitting(part) for part in get_args(kind)] if get_origin(kind) in (list, dict, tuple, Union) else []
    )
    if get_origin(kind) is list:
        return st.lists(inner[0], max_size=3).map(lambda items: f"[{','.join(items)}]")
    if get_origin(kind) is tuple:
        return st.tuples(*inner).map(lambda items: f"[{','.join(items)}]")
    if get_origin(kind) is dict:
        return st.dictionaries(st.sampled_from(["x", "y"]), inner[1], max_size=2).map(written)
    if get_origin(kind) is Union:
        return st.one_of(inner)
    if is_dataclass(kind) or (inspect.isclass(kind) and issubclass(kind, BaseModel)):
        hints: dict[str, Type] = get_type_hints(kind)
        return st.fixed_dictionaries({name: fitting(hint) for name, hint in hints.items()}).map(written)
    if kind in (int, float, Size):
        return st.sampled_from(NUMBERS)
    return SCALARS


CASES = TYPES.flatmap(
    lambda kind: st.tuples(
        st.just(kind), st.lists(fitting(kind) | fitting(kind) | VALUES, min_size=12, max_size=12)
    )
)
