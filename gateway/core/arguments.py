"""What a tool's input schema says about each argument: enough to type a condition and to check a rule."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, cast

from toolward.types import Json, JsonObject

Kind = Literal["string", "integer", "number", "boolean", "array", "object", "any"]

_ANY: frozenset[str] = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})
_NUMBER: frozenset[str] = frozenset({"integer", "number"})
_ARRAY: frozenset[str] = frozenset({"array"})
_EITHER: frozenset[str] = frozenset()
_DEPTH = 8  # references and nested alternatives that are followed; a schema may be a circle


class ArgumentType(NamedTuple):
    """The one kind of value that an argument takes, or `any`; `items` is of an array's elements."""

    kind: Kind
    items: "ArgumentType | None" = None


def argument_types(input_schema: JsonObject) -> dict[str, ArgumentType]:
    """The declared arguments of a tool, in the order of its schema."""
    return {
        name: _type(schema, input_schema, _DEPTH) for name, schema in declared_arguments(input_schema).items()
    }


def declared_arguments(input_schema: JsonObject) -> Mapping[str, Json]:
    """Name to schema, for the arguments that the input schema itself names."""
    found = _follow(input_schema, input_schema).get("properties")
    return cast(JsonObject, found) if isinstance(found, dict) else {}


def json_types(schema: Json, root: JsonObject) -> frozenset[str]:
    """The JSON types that a value may have, as far as the schema says so plainly; `number` here means *with
    a fraction*, so that a plain `number` is both `integer` and `number`."""
    return _Types(root).of(schema, _DEPTH)


class _Types:
    """Looks at each schema once, so that a hostile web of references costs no more than its size."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._known: dict[int, frozenset[str]] = {}

    def of(self, schema: Json, depth: int) -> frozenset[str]:
        if depth == 0 or not isinstance(schema, dict):
            return _ANY
        node = cast(JsonObject, schema)
        if (known := self._known.get(id(node))) is None:
            self._known[id(node)] = _ANY  # while it is being looked at: a circle says nothing
            known = self._known[id(node)] = self._look(node, depth - 1)
        return known

    def _look(self, node: JsonObject, depth: int) -> frozenset[str]:
        found = _own_types(node)
        parts = list(_list(node.get("allOf")))
        if "$ref" in node:
            parts.append(_resolve(node["$ref"], self._root))
        for part in parts:
            found &= self.of(part, depth)
        for keyword in ("anyOf", "oneOf"):
            if choices := _list(node.get(keyword)):
                found &= _EITHER.union(*(self.of(choice, depth) for choice in choices))
        return found


def _own_types(node: JsonObject) -> frozenset[str]:
    found = _ANY
    if "type" in node:
        said = node["type"]
        found = frozenset(cast(list[str], said) if isinstance(said, list) else [str(said)])
        found |= _NUMBER if "number" in found else _EITHER
    if "const" in node:
        found &= frozenset([_type_of(node["const"])])
    if values := _list(node.get("enum")):
        found &= frozenset(map(_type_of, values))
    return found


def _type(schema: Json, root: JsonObject, depth: int) -> ArgumentType:
    types = json_types(schema, root)
    if types == _ARRAY:
        items: Any = _follow(schema, root).get("items") if depth else None
        return ArgumentType("array", _type(items, root, depth - 1) if items else ArgumentType("any"))
    if types <= _NUMBER and "number" in types:
        return ArgumentType("number")
    if len(types) == 1 and "null" not in types:
        return ArgumentType(cast(Kind, next(iter(types))))
    return ArgumentType("any")


def _follow(schema: Json, root: JsonObject) -> JsonObject:
    """The schema behind its references, if they are plain ones."""
    node: Any = schema
    for _ in range(_DEPTH):
        if not isinstance(node, dict):
            return {}
        if "$ref" not in node:
            return cast(JsonObject, node)
        node = _resolve(cast(JsonObject, node)["$ref"], root)
    return {}


def _resolve(reference: Json, root: JsonObject) -> Json:
    """A JSON pointer into the same schema; every other form of reference says nothing here."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    node: Any = root
    for part in reference[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        node = cast(JsonObject, node).get(key) if isinstance(node, dict) else None
    return node


def _type_of(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names: Iterable[tuple[type, str]] = (
        (str, "string"),
        (int, "integer"),
        (float, "integer" if isinstance(value, float) and value.is_integer() else "number"),
        (list, "array"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "object")


def _list(value: Json) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else []
