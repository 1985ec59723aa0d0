"""The `args` of a rule: JSON Schema over a call's arguments, held to what cannot be misread.

JSON Schema skips every keyword that it does not know, so in an allow rule a misspelt `maximun` would allow
everything. Here an unknown keyword is refused, and what an allow rule constrains must be required and typed:
`minimum: 1` alone accepts a missing value, and a string.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from gateway.core.arguments import declared_arguments, json_types
from toolward.names import closest
from toolward.types import Json, JsonObject

Path = tuple[str | int, ...]


class Flaw(NamedTuple):
    """What is wrong, and where inside the `args`."""

    path: Path
    message: str


_TOP = frozenset({"type", "properties", "required", "additionalProperties"})
_VALUE = frozenset(
    {
        "type",
        "const",
        "enum",
        "required",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minContains",
        "maxContains",
        "minProperties",
        "maxProperties",
        "description",
    }
)
_SCHEMA = frozenset({"items", "contains", "not", "additionalProperties", "propertyNames"})
_SCHEMAS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED = frozenset({"properties", "patternProperties"})
_KNOWN = _VALUE | _SCHEMA | _SCHEMAS | _NAMED
_IMPLIES_TYPE = frozenset({"type", "const", "enum"})


def flaws_of_form(args: JsonObject) -> Iterator[Flaw]:
    """What is wrong with `args` whatever the tool: keywords that would be skipped silently."""
    for keyword in args:
        if keyword not in _TOP:
            yield Flaw((keyword,), _unknown(keyword, _TOP))
    for path, node in _nodes((), args):
        for keyword in node.keys() - _KNOWN if path else ():
            yield Flaw((*path, keyword), _unknown(keyword, _KNOWN))


def flaws_of_fit(args: JsonObject, input_schema: JsonObject, effect: str) -> Iterator[Flaw]:
    """What is wrong with `args` for one tool: arguments that it does not have or that have another type, and
    in an allow rule a constraint that a missing or mistyped value would pass."""
    declared = declared_arguments(input_schema)
    for path, name in _named_arguments(args):
        if name not in declared:
            near = closest(name, declared)
            yield Flaw(path, f"it has no argument {name!r}" + (f", did you mean {near!r}?" if near else ""))
        elif path[0] == "properties":
            wanted = json_types(args["properties"][name], args)
            taken = json_types(declared[name], input_schema)
            if not wanted & taken:
                yield Flaw(path, f"its {name} is {_or(taken)}, and the rule wants {_or(wanted)}")
    if effect == "allow":
        yield from _gaps(args)


def _gaps(args: JsonObject) -> Iterator[Flaw]:
    for path, node in _nodes((), args):
        required = cast(list[str], node.get("required", []))
        for name, schema in cast(JsonObject, node.get("properties", {})).items():
            where = (*path, "properties", name)
            if name not in required:
                yield Flaw(where, f"{name} is not in `required`, so a call without it would be allowed")
            if not isinstance(schema, dict) or not _IMPLIES_TYPE & schema.keys():
                yield Flaw(where, f"{name} has no `type`, so a value of another type would be allowed")


def _named_arguments(args: JsonObject) -> Iterator[tuple[Path, str]]:
    for name in cast(JsonObject, args.get("properties", {})):
        yield ("properties", name), name
    for name in cast(list[str], args.get("required", [])):
        if name not in args.get("properties", {}):
            yield ("required",), name


def _nodes(path: Path, schema: Json) -> Iterator[tuple[Path, JsonObject]]:
    """Every schema inside a schema, itself first."""
    if not isinstance(schema, dict):
        return
    node = cast(JsonObject, schema)
    yield path, node
    for keyword, value in node.items():
        for inner, child in _children(keyword, value):
            yield from _nodes((*path, keyword, *inner), child)


def _children(keyword: str, value: Any) -> Iterator[tuple[Path, Json]]:
    if keyword in _SCHEMA:
        yield (), value
    elif keyword in _SCHEMAS and isinstance(value, list):
        for position, child in enumerate(cast(list[Any], value)):
            yield (position,), child
    elif keyword in _NAMED and isinstance(value, dict):
        for name, child in cast(JsonObject, value).items():
            yield (name,), child


def _unknown(keyword: str, known: frozenset[str]) -> str:
    if keyword == "format":
        return "`format` is not checked; use `pattern`"
    near = closest(keyword, sorted(known))
    if keyword in _KNOWN:
        return f"{keyword!r} cannot stand here; constrain arguments under `properties`"
    if near is None and known is _TOP:
        return f"there is no keyword {keyword!r}; if it is an argument, write it under `properties`"
    return f"there is no keyword {keyword!r}" + (f", did you mean {near!r}?" if near else "")


def _or(types: frozenset[str]) -> str:
    names = types - {"integer"} if "number" in types else types
    return " or ".join(sorted(names)) or "nothing"
