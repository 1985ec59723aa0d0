"""From a typed function to JSON Schemas and to strict validation of its arguments."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, cast, get_args, get_origin, get_type_hints

import msgspec
from pydantic import ConfigDict, TypeAdapter
from pydantic.experimental.arguments_schema import generate_arguments_schema
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import SchemaValidator, ValidationError, core_schema

from toolward.errors import InvalidArguments, Violation
from toolward.kit.effects.calling import change_parameter
from toolward.kit.functions import Function, as_async, context_parameter
from toolward.kit.reply import Reply
from toolward.kit.strictness import tightened, with_whole_floats
from toolward.schema import invalid_arguments, pointer_part
from toolward.types import Content, Json, JsonObject, ResourceBody, ToolResult

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
_CONFIG = core_schema.CoreConfig(strict=True)
_DECIMAL = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}


class Signature:
    """What a tool's function takes and gives."""

    def __init__(self, function: Function, name: str) -> None:
        """Raises ConfigurationError when the function cannot be a tool."""
        self.call = as_async(function, f"The tool {name}")
        hints = get_type_hints(function, include_extras=True)
        parameters = [p for p in inspect.signature(function).parameters if p in hints]
        self.context_parameter = context_parameter({name: hints[name] for name in parameters})
        self.change_parameter = change_parameter(hints, parameters)
        core = generate_arguments_schema(function, "arguments", self._skip_given, _STRICT)
        self._core = tightened(core)
        self._validator = _validator(self._core)
        self._lenient: SchemaValidator | None = None
        self.input_schema = _input_schema(core, hints)
        self.output_schema, self.encode = output(hints.get("return", None))

    def _skip_given(self, _index: int, name: str, _annotation: Any) -> Literal["skip"] | None:
        """What the kit gives is no argument of the caller's."""
        change = self.change_parameter
        return "skip" if name in (self.context_parameter, change and change.name) else None

    def bind(self, arguments_json: bytes, tool: str) -> dict[str, Any]:
        """Keyword arguments for the function. The JSON Schema was checked before; what is found here are
        rules of the types that a schema cannot say. Raises InvalidArguments."""
        try:
            _, arguments = self._validator.validate_json(arguments_json, strict=True, extra="forbid")
        except ValidationError as error:
            if _may_have_whole_floats(arguments_json):
                return self._bind_whole(arguments_json, tool)
            raise self._refused(error, arguments_json, tool) from None
        return arguments

    def _bind_whole(self, arguments_json: bytes, tool: str) -> dict[str, Any]:
        """To JSON Schema 5.0 is an integer, so it is one here; few callers write it so, so it is tried last."""
        if self._lenient is None:
            self._lenient = _validator(with_whole_floats(self._core))
        try:
            _, arguments = self._lenient.validate_json(arguments_json, strict=True, extra="forbid")
        except ValidationError as error:
            raise self._refused(error, arguments_json, tool) from None
        return arguments

    def _refused(self, error: ValidationError, arguments_json: bytes, tool: str) -> InvalidArguments:
        return invalid_arguments(tool, violations_of(error, msgspec.json.decode(arguments_json)))


def _validator(core: core_schema.CoreSchema) -> SchemaValidator:
    # Without what pydantic has built for each model before, which knows nothing of our changes.
    return SchemaValidator(core, _CONFIG, _use_prebuilt=False)


def _may_have_whole_floats(raw: bytes) -> bool:
    return b"." in raw or b"e" in raw or b"E" in raw


def violations_of(error: ValidationError, value: Json) -> tuple[Violation, ...]:
    """What pydantic found wrong with `value`, in our own form."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return tuple(Violation(_pointer(one["loc"], value), one["msg"]) for one in found)


def _pointer(location: tuple[int | str, ...], value: Any) -> str:
    """As a JSON pointer: pydantic names the branches of unions on the way, and those are nothing in the value."""
    pointer = ""
    for part in location:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            continue
        pointer += f"/{pointer_part(part)}"
    return pointer


class _Generator(GenerateJsonSchema):
    """Decimals travel as strings, in both directions: a JSON number is not exact everywhere."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonObject:
        return dict(_DECIMAL)


def _input_schema(core: core_schema.CoreSchema, hints: dict[str, Any]) -> JsonObject:
    schema = _tidy(_Generator().generate(core, mode="validation"))
    properties = cast(dict[str, JsonObject], schema.setdefault("properties", {}))
    for name, hint in hints.items():
        if name in properties and get_origin(hint) is Annotated:
            words = [part for part in get_args(hint)[1:] if isinstance(part, str)]
            if words:
                properties[name]["description"] = words[0]
    ordered: JsonObject = {"type": "object", "properties": properties}
    return ordered | {key: value for key, value in schema.items() if key not in ordered}


def output(hint: Any) -> tuple[JsonObject | None, Callable[[Any], bytes]]:
    """The output schema (None where the result is text or content alone) and the encoder of results."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if hint is None or hint is str or hint in (Reply, ToolResult) or _has_content(hint):
        return None, msgspec.json.encode
    # The adapter serialises by the declared type, so what is sent is what the output schema says.
    adapter: TypeAdapter[Any] = TypeAdapter(hint)
    schema = _tidy(adapter.json_schema(schema_generator=_Generator, mode="serialization"))
    return schema, adapter.dump_json


def _has_content(hint: Any) -> bool:
    """A kind of content, or a list, tuple or union with one in it."""
    parts = get_args(hint)
    return hint in (*get_args(Content), ResourceBody) or any(map(_has_content, parts))


def _tidy(schema: JsonObject) -> JsonObject:
    """Say it in fewer tokens and more strictly: no generated titles, no `default: null`, nothing unnamed."""

    def visit(node: Any, *, names: bool = False) -> Any:
        if isinstance(node, list):
            return [visit(item) for item in cast(list[Any], node)]
        if not isinstance(node, dict):
            return node
        entries = cast(JsonObject, node)
        if names:  # the keys are names of properties or definitions, not keywords
            return {key: visit(value) for key, value in entries.items()}
        kept: JsonObject = {}
        for key, value in entries.items():
            if key == "title" or (key == "default" and value is None):
                continue
            kept[key] = value if key == "default" else visit(value, names=key in ("properties", "$defs"))
        if kept.get("type") == "object" and "properties" in kept:
            kept.setdefault("additionalProperties", False)
        return kept

    return cast(JsonObject, visit(schema))
