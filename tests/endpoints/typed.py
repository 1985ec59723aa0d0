"""A request held against the types of a service's own SDK: unknown keys, missing ones, wrong values.

The SDKs' types are for a checker of code; here they are read at run time, and nothing beside them is let through.
"""

import types
from collections.abc import Mapping
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import typing_extensions
from typing_extensions import is_typeddict

_WRAPPERS = (
    Annotated,
    Required,
    NotRequired,
    typing_extensions.Required,
    typing_extensions.NotRequired,
    typing_extensions.Annotated,
)
_UNIONS = (Union, types.UnionType)
_PLAIN: Mapping[Any, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}
_TELLING = ("type", "role")  # what says which of several shapes is meant


def type_faults(value: Any, wanted: Any, at: str = "body") -> list[str]:
    """What is wrong with a JSON value as one of this type, each with its place."""
    wanted = _bare(wanted)
    if wanted is Any or wanted is object:
        return []
    if get_origin(wanted) in _UNIONS:
        return _of_several(value, wanted, at)
    if get_origin(wanted) in (Literal, typing_extensions.Literal):
        return [] if value in get_args(wanted) else [f"{at}: {value!r} is none of {get_args(wanted)}"]
    if wanted is None or wanted is type(None):
        return [] if value is None else [f"{at}: not null"]
    if wanted in _PLAIN:
        fits = isinstance(value, _PLAIN[wanted]) and (wanted is bool or not isinstance(value, bool))
        return [] if fits else [f"{at}: {value!r} is no {wanted.__name__}"]
    if is_typeddict(wanted):
        return _of_object(value, wanted, at)
    return _of_container(value, wanted, at)


def _of_container(value: Any, wanted: Any, at: str) -> list[str]:
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{at}: no object"]
        found = cast(dict[str, Any], value)
        return [fault for key in found for fault in type_faults(found[key], inner[1], f"{at}.{key}")]
    if isinstance(origin, type) and len(inner) == 1:  # a list, a sequence, an iterable
        if not isinstance(value, list):
            return [f"{at}: no array"]
        items = enumerate(cast(list[Any], value))
        return [fault for place, item in items for fault in type_faults(item, inner[0], f"{at}[{place}]")]
    return [f"{at}: not a request's type ({wanted})"]


def _of_object(value: Any, wanted: Any, at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at}: no object"]
    found = cast(dict[str, Any], value)
    hints = _hints(wanted)
    faults = [f"{at}: unknown key {key!r}" for key in found if key not in hints]
    faults += [f"{at}: {key!r} is missing" for key in _required(wanted) if key not in found]
    for key in found:
        if key in hints:
            faults += type_faults(found[key], hints[key], f"{at}.{key}")
    return faults


def _of_several(value: Any, union: Any, at: str) -> list[str]:
    """The faults of the kind that is probably meant: by what says its type, else by its shape."""
    kinds = _flat(union)
    meant = [kind for kind in kinds if _is_meant(value, kind)]
    tried: list[list[str]] = []
    for kind in [*meant, *(kind for kind in kinds if not (meant and is_typeddict(kind)))]:
        faults = type_faults(value, kind, at)
        if not faults:
            return []
        if kind in meant or _has_shape(value, kind):
            tried.append(faults)
    return min(tried, key=len, default=[f"{at}: {value!r} is of no type that is taken"])


def _is_meant(value: Any, kind: Any) -> bool:
    if not isinstance(value, dict) or not is_typeddict(kind):
        return False
    found, hints = cast(dict[str, Any], value), _hints(kind)
    told = [key for key in _TELLING if key in found]
    return bool(told) and all(key in hints and not type_faults(found[key], hints[key]) for key in told)


def _has_shape(value: Any, kind: Any) -> bool:
    if isinstance(value, dict):
        return is_typeddict(kind) or get_origin(kind) is dict
    if isinstance(value, list):
        return get_origin(kind) not in (None, dict, Literal, typing_extensions.Literal)
    return kind in _PLAIN or get_origin(kind) in (Literal, typing_extensions.Literal)


@cache
def _flat(union: Any) -> tuple[Any, ...]:
    """The members of a union, and of those in it."""
    found: list[Any] = []
    for kind in map(_bare, get_args(union)):
        found += _flat(kind) if get_origin(kind) in _UNIONS else [kind]
    return tuple(found)


def _bare(wanted: Any) -> Any:
    while get_origin(wanted) in _WRAPPERS:
        wanted = get_args(wanted)[0]
    return wanted


@cache
def _hints(wanted: Any) -> dict[str, Any]:
    return get_type_hints(wanted, include_extras=True)


@cache
def _required(wanted: Any) -> frozenset[str]:
    """Said by a wrapper, which Python does not see in annotations that are text, or by the class."""
    hints = _hints(wanted)
    wrapped = {key for key in hints if get_origin(hints[key]) in (Required, typing_extensions.Required)}
    loose = {key for key in hints if get_origin(hints[key]) in (NotRequired, typing_extensions.NotRequired)}
    return frozenset(wrapped | (set(cast(frozenset[str], wanted.__required_keys__)) - loose))
