"""Input schemas for the strict mode of OpenAI and those like it: every object is closed, every property required,
what is optional may be null. Keywords that only narrow are taken out and said in the description (the gate holds
calls against them); what cannot be said so makes the whole schema impossible, and its tool goes unstrict.

The bounds and the set of keywords are the smallest that the vendors document: one schema that is over them makes an
endpoint refuse the whole request, and a tool that is not strict costs at most a repaired call.
"""

from typing import Any, cast

import msgspec

from toolward.types import Json, JsonObject

MAX_PROPERTIES = 100
MAX_NESTING = 5
MAX_NAMES = 15_000  # characters of all names and enumerated values
MAX_ENUMERATED = 500

_SCALARS = frozenset({"string", "integer", "number", "boolean", "null"})
_ANNOTATIONS = frozenset(
    {"title", "description", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$schema", "$id"}
)
_STRUCTURE = frozenset({"type", "properties", "required", "items", "enum", "const", "additionalProperties"})
_OPENING = frozenset({"patternProperties", "prefixItems", "unevaluatedProperties", "$dynamicRef", "$anchor"})
_REFS = ("#/$defs/", "#/definitions/")
_TOLD = 200  # characters of a keyword's value that a description quotes
_DEEPEST = 32  # references and choices within each other


def strict_schema(schema: JsonObject) -> JsonObject | None:
    """`schema` as strict mode wants it, or None where that cannot be said. What fits it also fits `schema` after
    `without_nulls`, but for what was taken out."""
    try:
        return _Strict(schema).whole()
    except (_ImpossibleError, RecursionError):
        return None


class _ImpossibleError(Exception):
    pass


class _Strict:
    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._properties = 0
        self._names = 0
        self._enumerated = 0

    def whole(self) -> JsonObject:
        top = self._root
        for _ in range(_DEEPEST):
            if (target := referenced(self._root, top)) is None:
                break
            top = target
        if top.get("type", "object") != "object":
            raise _ImpossibleError
        none: JsonObject = {"properties": {}}
        made = self._object(none | top, 1)
        made |= self._described(top)
        defs = {
            name: self._node(target, 1)
            for key in ("$defs", "definitions")
            for name, target in self._root.get(key, {}).items()
        }
        self._names += sum(map(len, defs))
        if self._properties > MAX_PROPERTIES or self._names > MAX_NAMES or self._enumerated > MAX_ENUMERATED:
            raise _ImpossibleError
        return made | ({"$defs": defs} if defs else {})

    def _node(self, schema: Any, depth: int) -> JsonObject:
        if not isinstance(schema, dict) or depth > MAX_NESTING:
            raise _ImpossibleError
        given = cast(JsonObject, schema)
        if not _OPENING.isdisjoint(given):
            raise _ImpossibleError
        if "$ref" in given:
            return self._reference(given)
        if len(cast(list[Any], given.get("allOf", ()))) == 1:
            return self._node(_merged(given), depth)
        made = self._choice(given, depth) or self._typed(given, depth)
        return made | self._described(given)

    def _reference(self, given: JsonObject) -> JsonObject:
        """Without what stands beside it: a reference may have no siblings."""
        ref = given["$ref"]
        if referenced(self._root, given) is None or not given.keys() - {"$ref"} <= _ANNOTATIONS | {"default"}:
            raise _ImpossibleError
        return {"$ref": ref.replace("#/definitions/", "#/$defs/")}

    def _choice(self, given: JsonObject, depth: int) -> JsonObject | None:
        """Alternatives, where they say what the value is; where it is said beside them they only narrow."""
        parts = cast(list[Any], given.get("anyOf") or given.get("oneOf") or ())
        if not parts or ("anyOf" in given and "oneOf" in given):
            return None
        beside = given.keys() & _STRUCTURE
        if beside - {"type"}:
            return None
        kind = {"type": given["type"]} if beside else {}
        return {
            "anyOf": [self._node(kind | part if isinstance(part, dict) else part, depth) for part in parts]
        }

    def _typed(self, given: JsonObject, depth: int) -> JsonObject:
        kind: Any = given.get("type") or _inferred(given)
        kinds: list[str] = kind if isinstance(kind, list) else [kind]  # pyright: ignore[reportUnknownVariableType] -- JSON
        if len(kinds) != 1 and not _SCALARS.issuperset(kinds):
            return {"anyOf": [self._typed(given | {"type": one}, depth) for one in kinds]}
        if kinds == ["object"]:
            return self._object(given, depth)
        if kinds == ["array"]:
            return {"type": "array", "items": self._node(given.get("items"), depth + 1)}
        if not kinds or not _SCALARS.issuperset(kinds):
            raise _ImpossibleError
        typed: JsonObject = {"type": kind}
        return typed | self._values(given)

    def _values(self, given: JsonObject) -> JsonObject:
        kept: JsonObject = {key: given[key] for key in ("enum", "const") if key in given}
        values = _enumerated(given)
        if any(isinstance(value, dict | list) for value in values):
            raise _ImpossibleError
        self._enumerated += len(values)
        self._names += sum(len(str(value)) for value in values)
        return kept

    def _object(self, given: JsonObject, depth: int) -> JsonObject:
        properties, required = given.get("properties"), cast(list[str], given.get("required", []))
        closed = given.get("additionalProperties", None if properties is None else False) is False
        properties = cast(JsonObject, properties or {})
        if not closed or not _OPENING.isdisjoint(given) or not _named(given) <= properties.keys():
            raise _ImpossibleError
        if "enum" in given or "const" in given or "allOf" in given:
            raise _ImpossibleError
        self._properties += len(properties)
        self._names += sum(map(len, properties))
        made: JsonObject = {}
        for name, schema in properties.items():
            node = self._node(schema, depth + 1)
            absent = name not in required and ("$ref" in node or not is_nullable(self._root, node))
            made[name] = _or_null(node) if absent else node
        return {"type": "object", "properties": made, "required": list(made), "additionalProperties": False}

    def _described(self, given: JsonObject) -> JsonObject:
        """Its description, with what was taken out."""
        known = _STRUCTURE | _ANNOTATIONS | {"$defs", "definitions", "allOf", "$ref"}
        chosen = not given.keys() & _STRUCTURE - {"type"}
        taken = {key: given[key] for key in given if key not in known}
        if chosen:
            taken = {key: value for key, value in taken.items() if key not in ("anyOf", "oneOf")}
        told = [f"{key}: {said}" for key, value in taken.items() if len(said := _text(value)) <= _TOLD]
        words = [str(given["description"])] if given.get("description") else []
        words += [f"({', '.join(told)})"] if told else []
        return {"description": " ".join(words)} if words else {}


def _merged(given: JsonObject) -> JsonObject:
    """One of `allOf` alone, with what stands beside it."""
    [inner] = cast(list[Any], given["allOf"])
    rest = {key: value for key, value in given.items() if key != "allOf"}
    if not isinstance(inner, dict) or not rest.keys() & cast(JsonObject, inner).keys() <= _ANNOTATIONS:
        raise _ImpossibleError
    return cast(JsonObject, inner) | rest


def _named(given: JsonObject) -> set[str]:
    """What the object or one of its alternatives wants or describes."""
    names = set(cast(list[str], given.get("required", [])))
    for choice in ("anyOf", "oneOf"):
        for part in cast(list[Any], given.get(choice, [])):
            if not isinstance(part, dict) or not cast(JsonObject, part).keys().isdisjoint(
                _OPENING | {"$ref"}
            ):
                raise _ImpossibleError
            names |= _named(cast(JsonObject, part)) | set(cast(JsonObject, part).get("properties", ()))
    return names


def _inferred(given: JsonObject) -> str | list[str]:
    if "properties" in given:
        return "object"
    if "items" in given:
        return "array"
    values = _enumerated(given)
    kinds = [kind for kind in ("string", "boolean", "number", "null") if any(is_a(v, kind) for v in values)]
    if not kinds:
        raise _ImpossibleError
    return kinds if len(kinds) > 1 else kinds[0]


def _enumerated(given: JsonObject) -> list[Any]:
    return [*given.get("enum", ()), *([given["const"]] if "const" in given else ())]


def _or_null(node: JsonObject) -> JsonObject:
    kind = node.get("type")
    kinds = cast(list[str], kind) if isinstance(kind, list) else [cast(str, kind)]
    if _SCALARS.issuperset(kinds) and "enum" not in node and "const" not in node:
        return node | {"type": [*kinds, "null"]}
    told = {key: value for key, value in node.items() if key == "description"}
    bare = {key: value for key, value in node.items() if key != "description"}
    parts: list[Any] = bare.get("anyOf", [bare])
    return {"anyOf": [*parts, {"type": "null"}]} | told


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


# --- and back -------------------------------------------------------------------------------------------


def without_nulls(root: JsonObject, arguments: JsonObject) -> JsonObject:
    """Without the nulls of properties that are optional in the schema `root` and may not be null there."""
    return cast(JsonObject, _restored(root, root, arguments, 0))


def _restored(root: JsonObject, schema: Any, value: Json, depth: int) -> Json:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return value
    given = _chosen(root, cast(JsonObject, schema), value, depth)
    if isinstance(value, list):
        items = given.get("items")
        found: list[Json] = [_restored(root, items, inner, depth + 1) for inner in cast(list[Json], value)]
        return found
    if not isinstance(value, dict):
        return value
    properties, required = given.get("properties", {}), given.get("required", ())
    kept: JsonObject = {}
    for name, inner in cast(JsonObject, value).items():
        known = properties.get(name)
        if inner is None and known is not None and name not in required and not is_nullable(root, known):
            continue
        kept[name] = _restored(root, known, inner, depth + 1)
    return kept


def _chosen(root: JsonObject, given: JsonObject, value: Json, depth: int) -> JsonObject:
    """The schema that says what is in `value`: behind references, and the alternative that it fits."""
    if depth > _DEEPEST:
        return {}
    if (target := referenced(root, given)) is not None:
        return _chosen(root, target, value, depth + 1)
    if len(given.get("allOf", ())) == 1:
        return _chosen(root, _merged(given), value, depth + 1)
    if given.keys() & _STRUCTURE - {"type"}:
        return given
    for part in cast(list[Any], given.get("anyOf") or given.get("oneOf") or ()):
        if isinstance(part, dict) and _fits(root, cast(JsonObject, part), value, depth + 1):
            return _chosen(root, cast(JsonObject, part), value, depth + 1)
    return given


def _fits(root: JsonObject, schema: Any, value: Json, depth: int) -> bool:
    """Whether `value` is of this shape, where what is optional may be null or not there."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return schema is not False
    given = cast(JsonObject, schema)
    if (target := referenced(root, given)) is not None:
        return _fits(root, target, value, depth + 1)
    if len(given.get("allOf", ())) == 1:
        return _fits(root, _merged(given), value, depth + 1)
    if not _is_value(given, value):
        return False
    parts = cast(list[Any], given.get("anyOf") or given.get("oneOf") or ())
    if parts and not given.keys() & _STRUCTURE - {"type"}:
        return any(_fits(root, part, value, depth + 1) for part in parts)
    if isinstance(value, list):
        return all(_fits(root, given.get("items"), inner, depth + 1) for inner in cast(list[Json], value))
    if not isinstance(value, dict):
        return True
    properties, required = given.get("properties", {}), given.get("required", ())
    members = cast(JsonObject, value)
    return all(name in members for name in required) and all(
        name in properties
        and ((inner is None and name not in required) or _fits(root, properties[name], inner, depth + 1))
        for name, inner in members.items()
    )


def is_nullable(root: JsonObject, schema: Any, depth: int = 0) -> bool:
    """Whether null is a value of the schema, as far as its shape says."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return schema is not False
    given = cast(JsonObject, schema)
    target = referenced(root, given)
    return (
        _is_value(given, None)
        and (target is None or is_nullable(root, target, depth + 1))
        and all(is_nullable(root, part, depth + 1) for part in given.get("allOf", ()))
        and all(
            any(is_nullable(root, part, depth + 1) for part in given[choice])
            for choice in ("anyOf", "oneOf")
            if choice in given
        )
    )


def _is_value(given: JsonObject, value: Json) -> bool:
    kind = given.get("type")
    kinds = cast(list[str], kind) if isinstance(kind, list) else [cast(str, kind)] if kind else []
    return (
        (not kinds or any(is_a(value, one) for one in kinds))
        and ("enum" not in given or _among(value, given["enum"]))
        and ("const" not in given or _among(value, [given["const"]]))
    )


def _among(value: Json, values: list[Any]) -> bool:
    return any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in values)


def is_a(value: Json, kind: str) -> bool:
    """Whether `value` is of this type of JSON Schema."""
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "integer":
            whole = isinstance(value, float) and value.is_integer()
            return whole or (isinstance(value, int) and not isinstance(value, bool))
        case _:
            return not isinstance(value, bool) and isinstance(value, int | float)


def referenced(root: JsonObject, schema: JsonObject) -> JsonObject | None:
    """What the schema's `$ref` names, where that is the root or one of its definitions."""
    ref = schema.get("$ref")
    if ref == "#":
        return root
    for start in _REFS:
        if isinstance(ref, str) and ref.startswith(start):
            found = root.get(start[2:-1], {}).get(
                ref.removeprefix(start).replace("~1", "/").replace("~0", "~")
            )
            return cast(JsonObject, found) if isinstance(found, dict) else None
    return None
