"""A form from a tool's input schema, and arguments from what the form sent.

Each property is a field of its own where its type says how to write it in one; anything else is written as JSON.
The schema decides what is valid, not the form: this only reads.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, cast

from gateway.servers.console.visits import MAX_FIELDS, Form
from toolward.errors import InvalidRequest, Violation
from toolward.schema import parse, parse_object, pointer_part
from toolward.types import JsonObject

PREFIX = "arg."
_LONG = 200  # characters that a text may have, from which on it gets several lines
_OF_THE_FORM = 20  # fields that a page adds, at most
_HOPS = 8  # references that are followed, one after the other

Kind = Literal["text", "long", "number", "choice", "boolean", "lines", "json"]


class Field(NamedTuple):
    """`typed` is what stands in it; empty is *not given*. `problem` says what is wrong with that."""

    name: str
    kind: Kind
    title: str
    description: str
    required: bool
    choices: tuple[str, ...] = ()
    example: str = ""
    typed: str = ""
    problem: str = ""

    @property
    def id(self) -> str:
        return f"field-{self.name}"


class Typed(NamedTuple):
    """Arguments as far as they can be read, and what cannot."""

    arguments: JsonObject
    problems: tuple[Violation, ...] = ()


def fields_of(schema: JsonObject, arguments: JsonObject | None = None) -> tuple[Field, ...]:
    """The required ones first. With `arguments` their values are filled in, otherwise the defaults."""
    required: set[str] = set(schema.get("required") or ())
    properties = cast(JsonObject, schema.get("properties") or {})
    found = [_field(name, one, name in required, schema) for name, one in properties.items()]
    given: JsonObject = _defaults(schema, properties) if arguments is None else arguments
    filled = [
        one._replace(typed=_written(one, given[one.name])) if one.name in given else one for one in found
    ]
    return tuple(sorted(filled, key=lambda one: not one.required))


def has_form(schema: JsonObject, arguments: JsonObject | None = None) -> bool:
    """Whether fields can say all of it: what they are filled with reads back as it was, also from a page. That has
    escapes in place of what cannot be seen, and its fields of one line lose their line feeds."""
    fields = fields_of(schema, arguments)
    if len(fields) > MAX_FIELDS - _OF_THE_FORM or not all(map(_comes_back, fields)):
        return False
    filled = [(f"{PREFIX}{one.name}", one.typed) for one in fields]
    return arguments is None or typed_in(schema, Form(filled)) == (arguments, ())


def _comes_back(field: Field) -> bool:
    typed = field.typed.replace("\t", "")
    if field.kind in ("long", "lines", "json"):
        typed = typed.replace("\n", "")
    return all(one.isprintable() for one in (field.name, typed, *field.choices))


def typed_in(schema: JsonObject, form: Form) -> Typed:
    """What the fields of a form say. A field that is empty is not given."""
    arguments: JsonObject = {}
    problems: list[Violation] = []
    sent = form.under(PREFIX)
    for field in fields_of(schema, {}):
        text = sent.get(field.name, "")
        if not text.strip() and not (field.required and field.kind in ("text", "long") and text):
            continue
        try:
            arguments[field.name] = _read(field, text)
        except ValueError as error:
            problems.append(Violation(f"/{pointer_part(field.name)}", str(error)))
    return Typed(arguments, tuple(problems))


def with_problems(
    fields: Iterable[Field], sent: Mapping[str, str], problems: Iterable[Violation]
) -> tuple[Field, ...]:
    """The fields with what was typed in them, and what is wrong beside each."""
    wrong: dict[str, str] = {}
    for one in problems:
        wrong.setdefault(one.pointer.strip("/").partition("/")[0], one.message)
    return tuple(
        one._replace(typed=sent.get(one.name, one.typed), problem=wrong.get(pointer_part(one.name), ""))
        for one in fields
    )


def from_json(text: str) -> JsonObject:
    """Raises InvalidRequest, with the place."""
    return parse_object((text.strip() or "{}").encode(), "arguments")


def _field(name: str, schema: Any, required: bool, root: JsonObject) -> Field:
    said = _resolved(schema, root)
    kind, choices = _kind(said)
    example = next((str(one) for one in said.get("examples") or () if isinstance(one, str | int | float)), "")
    title = str(said.get("title") or name)
    return Field(name, kind, title, str(said.get("description") or ""), required, choices, example)


def _resolved(schema: Any, root: JsonObject) -> JsonObject:
    """The schema that a `$ref` into `$defs` leads to; of `X or null` the X. What it says beside is kept."""
    found = dict(_object(schema))
    for _ in range(_HOPS):
        reference = found.pop("$ref", None)
        several = [one for one in found.get("anyOf") or () if one != {"type": "null"}]
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            found = {**root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {}), **found}
        elif len(several) == 1 and len(found["anyOf"]) == 2:
            found = {**_object(several[0]), **{name: one for name, one in found.items() if name != "anyOf"}}
        else:
            break
    return found


def _kind(schema: JsonObject) -> tuple[Kind, tuple[str, ...]]:
    kind, choices = schema.get("type"), _list(schema.get("enum"))
    if choices and all(isinstance(one, str) and one for one in choices):
        return "choice", tuple(choices)
    if kind == "string":
        return ("long" if schema.get("maxLength", 0) > _LONG else "text"), ()
    if kind in ("integer", "number"):
        return "number", ()
    if kind == "boolean":
        return "boolean", ("true", "false")
    items = _object(schema.get("items"))
    if kind == "array" and items.get("type") == "string" and "enum" not in items:
        return "lines", ()
    return "json", ()


def _object(value: Any) -> JsonObject:
    return cast(JsonObject, value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _defaults(schema: JsonObject, properties: JsonObject) -> JsonObject:
    found = {name: _resolved(one, schema) for name, one in properties.items()}
    return {name: one["default"] for name, one in found.items() if one.get("default") is not None}


def _written(field: Field, value: Any) -> str:
    """What reads back as the value; JSON where the field's own way could not say it."""
    if field.kind in ("text", "long", "choice") and isinstance(value, str):
        return value
    if field.kind == "lines" and _are_lines(value):
        return "\n".join(value)
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)


def _are_lines(value: Any) -> bool:
    lines = _list(value)
    return bool(lines) and all(
        isinstance(one, str) and one.strip() == one != "" and "\n" not in one for one in lines
    )


def _read(field: Field, text: str) -> Any:
    """Raises ValueError with what is to be said."""
    if field.kind in ("text", "long", "choice"):
        return text
    if field.kind == "boolean":
        return text == "true"
    if field.kind == "lines":
        return list(_lines(text))
    try:
        return parse(text.encode(), field.name)
    except InvalidRequest:
        what = "a number" if field.kind == "number" else "JSON"
        raise ValueError(f"{text.strip()[:60]!r} is not {what}") from None


def _lines(text: str) -> Iterator[str]:
    return (line for line in (one.strip() for one in text.split("\n")) if line)
