"""Input schemas as the wires accept them. The gate holds every call against the tool's full schema, whatever a
model was shown, so an adaptation may lose what it must; it must not make a right call impossible."""

from typing import NamedTuple

from toolward.types import JsonObject


class Adapted(NamedTuple):
    """An input schema as a model is shown it. `strict` says that a wire's strict mode takes it."""

    schema: JsonObject
    strict: bool
    full: JsonObject

    def restored(self, arguments_json: str) -> str:
        """Arguments that fit the adapted schema, as the full one wants them. What is no JSON stays as it is."""
        return arguments_json


def adapted(schema: JsonObject, *, strict: bool) -> Adapted:
    """The schema as strict mode wants it, where that is asked for and possible; else as most wires accept it."""
    return Adapted(plain_schema(schema), False, schema)


def plain_schema(schema: JsonObject) -> JsonObject:
    """Valid for `schema` is valid for this."""
    if "properties" in schema:
        return schema
    none: JsonObject = {"type": "object", "properties": {}}
    return schema | none
