"""How much text a schema's patterns may be matched against.

The engine takes linear time in the text, but each character can cost as much as the pattern is large when
compiled: with `(a|b)*a(a|b){20000}` it is 0.2 ms for each. So the compiled size is measured, in steps, and
bounds what is matched.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import jsonschema_rs

from toolward.types import Json, JsonObject

MAX_MATCHING = 16 * 10**9
"""Characters times the compiled bytes that each may have to pass: about a second, measured."""

_SIZES = tuple(1024 * size for size in (4, 16, 64, 256, 1024, 4096, 10 * 1024))
_LEAST_TEXT = 4 * 1024 * 1024  # characters that no value has more of
_IN_DEFS = re.compile(r"#/\$defs/[^/]+")
_ANYWHERE = ("patternProperties", "propertyNames", "additionalProperties", "unevaluatedProperties")


class Patterns(NamedTuple):
    """`weight`: compiled bytes that one character may have to pass. `names`: of the properties whose texts are
    matched; None where that can be any text."""

    weight: int
    names: frozenset[str] | None

    def is_too_much(self, value: Json) -> bool:
        """Whether matching the texts of this value, whose depth is bounded, could take too long."""
        if self.weight * _LEAST_TEXT <= MAX_MATCHING:
            return False
        return self.weight * sum(map(len, self._texts(value))) > MAX_MATCHING

    def _texts(self, value: Json) -> Iterator[str]:
        stack: list[tuple[Any, str]] = [(value, "")]
        while stack:
            one, name = stack.pop()
            if isinstance(one, str):
                if self.names is None or name in self.names:
                    yield one
            elif isinstance(one, dict):
                members = cast(JsonObject, one)
                if self.names is None:
                    yield from members
                stack += [(part, key) for key, part in members.items()]
            elif isinstance(one, list):
                stack += [(part, name) for part in cast(list[Any], one)]


NONE = Patterns(0, frozenset())


def patterns_of(schema: JsonObject, count: int, most: int, visits: int) -> Patterns:
    """Of a schema with `count` patterns that may have `most` compiled bytes each, and that applies to one value at
    most `visits` times. Its depth must be bounded already."""
    if count == 0:
        return NONE
    found: set[str] = set()
    names: set[str | None] = set()
    stack: list[tuple[Any, str | None]] = [(schema, None)]
    while stack:
        node, name = stack.pop()
        if isinstance(node, list):
            stack += [(part, name) for part in cast(list[Any], node)]
        elif isinstance(node, dict):
            one = cast(JsonObject, node)
            if isinstance(pattern := one.get("pattern"), str):
                found.add(pattern)
                names.add(name)
            by_pattern = one.get("patternProperties")
            if isinstance(by_pattern, dict):
                found |= cast(JsonObject, by_pattern).keys()
                names.add(None)
            if _refers_elsewhere(one):
                names.add(None)
            stack += _below(one, name)
    weight = max((_size(pattern, most) for pattern in found), default=0) * min(count, visits)
    return Patterns(weight, None if None in names else frozenset(name for name in names if name is not None))


def _below(schema: JsonObject, name: str | None) -> Iterator[tuple[Any, str | None]]:
    """What is inside, each with the property that it is applied to, as far as that is known."""
    for key, value in schema.items():
        if key == "properties" and isinstance(value, dict):
            yield from ((part, inner) for inner, part in cast(JsonObject, value).items())
        else:
            yield value, None if key in _ANYWHERE or key == "$defs" else name


def _refers_elsewhere(schema: JsonObject) -> bool:
    """A reference to anything but a whole definition may apply the schema of one property to another."""
    plain = schema.get("$ref")
    if isinstance(plain, str) and not _IN_DEFS.fullmatch(plain):
        return True
    return "$dynamicRef" in schema or "$recursiveRef" in schema


def _size(pattern: str, most: int) -> int:
    """Compiled, rounded up to a step; `most` for one that the compiler will refuse, or nearly."""
    for size in _SIZES:
        if size >= most:
            break
        try:
            options = jsonschema_rs.RegexOptions(size_limit=size)
            jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=options)
        except (ValueError, jsonschema_rs.ValidationError):
            continue
        return size
    return most
