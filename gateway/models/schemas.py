"""Input schemas as the wires accept them. The gate holds every call against the tool's full schema, whatever a
model was shown, so an adaptation may lose what it must; it must not make a useful call impossible.

Plain: most endpoints want an object with `properties`, and nothing that chooses between schemas at the top.
Strict: see `gateway.models.strict_schemas`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast
from urllib.parse import unquote

import msgspec

from gateway.models.strict_schemas import referenced, strict_schema, without_nulls
from toolward.types import JsonObject

_OBJECT = msgspec.json.Decoder(JsonObject)
_NOT_ON_TOP = ("$schema", "$id", "$anchor", "$comment", "$vocabulary", "$ref")
_NARROWING = ("not", "enum", "const", "if", "then", "else", "dependentRequired", "dependentSchemas")
_DEEPEST = 8  # choices within choices
_WORDS = 400  # characters of a constraint that is told in words


class Adapted(NamedTuple):
    """An input schema as a model is shown it. `strict` says that it is as a wire's strict mode wants it."""

    schema: JsonObject
    strict: bool
    full: JsonObject

    def restored(self, arguments_json: str) -> str:
        """Arguments that fit the adapted schema, as the full one wants them: strict mode has no way to leave out
        what is optional but null. What is no JSON object stays as it is."""
        if not self.strict or "null" not in arguments_json:
            return arguments_json
        try:
            arguments = _OBJECT.decode(arguments_json)
        except (ValueError, RecursionError):
            return arguments_json
        kept = without_nulls(self.full, arguments)
        return arguments_json if kept == arguments else msgspec.json.encode(kept).decode()


def adapted(schema: JsonObject, *, strict: bool) -> Adapted:
    """The schema as strict mode wants it, where that is asked for and possible; else as most wires accept it."""
    found = strict_schema(schema) if strict else None
    return Adapted(plain_schema(schema), False, schema) if found is None else Adapted(found, True, schema)


def plain_schema(schema: JsonObject) -> JsonObject:
    """An object schema without choices at its top: alternatives become one set of properties, of which those are
    required that all want, and the rest is said in its description."""
    flat = _flat(schema, schema, 0)
    notes = [text for text in (_told(schema, name) for name in ("anyOf", "oneOf", *_NARROWING)) if text]
    if notes:
        flat["description"] = "\n".join([*filter(None, [flat.get("description")]), *notes])
    none: JsonObject = {"type": "object", "properties": {}}
    plain = none | flat | {"type": "object"}
    return plain if plain.keys() == schema.keys() else cast(JsonObject, _without_lost(plain, plain))


def _without_lost(root: JsonObject, node: Any) -> Any:
    """Without references to what is not where it was: an endpoint would refuse them."""
    if isinstance(node, list):
        return [_without_lost(root, inner) for inner in cast(list[Any], node)]
    if not isinstance(node, dict):
        return node
    given = cast(JsonObject, node)
    if isinstance(ref := given.get("$ref"), str) and not _is_there(root, ref):
        given = {name: value for name, value in given.items() if name != "$ref"}
    return {name: _without_lost(root, value) for name, value in given.items()}


def _is_there(root: JsonObject, ref: str) -> bool:
    start, _, path = ref.partition("/")
    if start != "#":
        return False
    place: Any = root
    for part in path.split("/") if path else ():
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(place, list) and name.isdecimal() and int(name) < len(cast(list[Any], place)):
            place = cast(list[Any], place)[int(name)]
        elif isinstance(place, dict) and name in place:
            place = cast(JsonObject, place)[name]
        else:
            return False
    return True


def _flat(root: JsonObject, schema: Any, depth: int) -> JsonObject:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return {}
    given = cast(JsonObject, schema)
    kept = {key: value for key, value in given.items() if key not in _NOT_ON_TOP and key not in _NARROWING}
    together = [_flat(root, part, depth + 1) for part in kept.pop("allOf", ())]
    if (target := referenced(root, given)) is not None:
        together.insert(0, _flat(root, target, depth + 1))
    for part in together:
        kept = _both(kept, part)
    for choice in ("anyOf", "oneOf"):
        parts = [_flat(root, part, depth + 1) for part in kept.pop(choice, ()) if _may_be_object(part)]
        if parts:
            kept = _one_of(kept, parts)
    return kept


def _may_be_object(schema: Any) -> bool:
    kind = cast(JsonObject, schema).get("type", "object") if isinstance(schema, dict) else "object"
    return kind == "object" or "object" in kind


def _both(one: JsonObject, other: JsonObject) -> JsonObject:
    mine, its = _properties(one), _properties(other)
    shared = {
        name: {"allOf": [mine[name], its[name]]} for name in mine if name in its and mine[name] != its[name]
    }
    required = dict.fromkeys((*one.get("required", ()), *other.get("required", ())))
    merged = other | one | ({"properties": mine | its | shared} if mine or its else {})
    merged.pop("additionalProperties", None)  # each spoke of its own properties alone
    return merged | ({"required": list(required)} if required else {})


def _one_of(base: JsonObject, parts: Sequence[JsonObject]) -> JsonObject:
    own = _properties(base)
    properties = dict(own)
    for name in dict.fromkeys(name for part in parts for name in _properties(part)):
        found = [_properties(part)[name] for part in parts if name in _properties(part)]
        different = [schema for at, schema in enumerate(found) if schema not in found[:at]]
        if name not in own:
            properties[name] = different[0] if len(different) == 1 else {"anyOf": different}
        elif len(found) == len(parts) and isinstance(own[name], dict) and "anyOf" not in own[name]:
            properties[name] = own[name] | {"anyOf": different}
    by_all = [
        name for name in parts[0].get("required", ()) if all(name in p.get("required", ()) for p in parts)
    ]
    required = dict.fromkeys((*base.get("required", ()), *by_all))
    merged = base | {"properties": properties} | ({"required": list(required)} if required else {})
    merged.pop("additionalProperties", None)
    closed = all(part.get("additionalProperties") is False for part in parts)
    defs = {name: schema for part in parts for name, schema in part.get("$defs", {}).items()}
    return merged | ({"additionalProperties": False} if closed else {}) | _with_defs(merged, defs)


def _with_defs(merged: JsonObject, more: Mapping[str, Any]) -> JsonObject:
    return {"$defs": more | merged.get("$defs", {})} if more else {}


def _properties(schema: JsonObject) -> JsonObject:
    found = schema.get("properties")
    return cast(JsonObject, found) if isinstance(found, dict) else {}


def _told(schema: JsonObject, name: str) -> str:
    """In words, what the top no longer says."""
    if name not in schema:
        return ""
    if name in ("anyOf", "oneOf"):
        wanted = [", ".join(_flat(schema, part, 1).get("required", ())) for part in schema[name]]
        sets = [names for names in dict.fromkeys(wanted) if names]
        how = "at least one" if name == "anyOf" else "exactly one"
        return f"Give {how} of these sets of arguments: {'; or '.join(sets)}." if len(sets) > 1 else ""
    said = msgspec.json.encode(schema[name]).decode()
    return f"JSON Schema `{name}`: {said}" if len(said) <= _WORDS else ""
