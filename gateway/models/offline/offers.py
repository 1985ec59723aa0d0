"""What an offered tool seems to be for, from its name, its description and its input schema."""

import re
from typing import Any, NamedTuple, cast

from gateway.core.ports import ModelTool
from gateway.models.offline.words import ADD, VERBS, WRITE, stem, stems
from toolward.types import Json, JsonObject

_KINDS = (  # what a parameter takes, by its name; the first that matches
    ("status", r"status|state"),
    ("limit", r"limit|count|top|max_.*|.*_limit"),
    ("minor", r".*(minor|cents)"),
    ("path", r".*(path|file|filename|folder|directory)"),
    ("expression", r".*(expression|formula|equation)"),
    ("id", r"(.*_)?(id|ref|reference|key)"),
    ("reason", r".*(reason|justification|why)"),
    ("query", r"(.*_)?(query|q|search|question|keywords|terms)"),
    ("body", r"(.*_)?(body|content|contents|text|message|note|comment)"),
)
_ANYTHING = frozenset({"", "record", "item", "object", "entity", "resource", "entry", "document"})


class Parameter(NamedTuple):
    name: str
    kind: str  # of _KINDS, or `choice`, `flag`, `number`, `text`
    required: bool
    choices: tuple[str, ...] = ()
    longest: int = 0  # characters; 0 = no bound
    noun: str = ""  # of an id: what it names, `payment` in `payment_id`; empty = any kind of thing


class Offer(NamedTuple):
    """A tool with what was read from it. `family` is empty where its verb is none of the common ones."""

    tool: ModelTool
    server: str
    verb: str
    family: str
    nouns: frozenset[str]
    about: frozenset[str]
    parameters: tuple[Parameter, ...]

    @property
    def changes(self) -> bool:
        """Whether it may change something: then it is called only where the text orders just that."""
        return self.family in (WRITE, ADD, "")

    @property
    def required(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.required)


def read_offer(tool: ModelTool) -> Offer:
    server, _, name = tool.name.rpartition("__")
    parts = [part.lower() for part in re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name) if part]
    verb = parts[0] if parts else ""  # a later one does not count: `purge_list` must not pass for reading
    families = VERBS.get(verb, ())
    return Offer(
        tool=tool,
        server=server,
        verb=verb,
        family=families[0] if families else "",
        nouns=stems([part for part in parts if part != verb]),
        about=stems(tool.description),
        parameters=_parameters(tool.input_schema),
    )


def _parameters(schema: JsonObject) -> tuple[Parameter, ...]:
    required = cast(list[str], schema.get("required", []))
    properties = cast(dict[str, JsonObject], schema.get("properties", {}))
    return tuple(_parameter(name, part, schema, name in required) for name, part in properties.items())


def _parameter(name: str, part: JsonObject, root: JsonObject, required: bool) -> Parameter:
    part = _plain(part, root)
    choices = tuple(value for value in cast(list[Any], part.get("enum", [])) if isinstance(value, str))
    kind = next((kind for kind, pattern in _KINDS if re.fullmatch(pattern, name.lower())), "text")
    types = {"boolean": "flag", "integer": "number", "number": "number"}
    declared = types.get(str(part.get("type")), "")
    if declared == "flag" or (declared == "number" and kind not in ("limit", "minor")):
        kind = declared
    elif part.get("type") not in (None, "string", "integer", "number"):
        kind = "other"  # arrays and objects: nothing here can fill them
    noun = re.sub(r"_?(id|ref|reference|key)$", "", name.lower()) if kind == "id" else ""
    return Parameter(
        name,
        "choice" if choices else kind,
        required,
        choices,
        cast(int, part.get("maxLength", 0)),
        "" if noun in _ANYTHING else noun,
    )


def _plain(part: Json, root: JsonObject) -> JsonObject:
    """The schema behind a local `$ref`, or the first that is not null of an `anyOf`; `true` is `{}`."""
    if not isinstance(part, dict):
        return {}
    schema = cast(JsonObject, part)
    if isinstance(reference := schema.get("$ref"), str):
        return cast(dict[str, JsonObject], root.get("$defs", {})).get(reference.removeprefix("#/$defs/"), {})
    for option in cast(list[Json], schema.get("anyOf", [])):
        if (found := _plain(option, root)).get("type") != "null":
            return found
    return schema


def things(offers: tuple[Offer, ...]) -> frozenset[str]:
    """The kinds of things that the tools speak of: `order`, `payment` …"""
    nouns = (parameter.noun for offer in offers for parameter in offer.parameters if parameter.noun)
    choices = (choice for offer in offers for parameter in offer.parameters for choice in parameter.choices)
    return frozenset(stem(noun) for noun in (*nouns, *choices))


def names_a(noun: str, identifier: str, before: str) -> bool:
    """Whether an id seems to name a `noun`: the word before it says so, or its letters abbreviate the word."""
    if stem(before) == stem(noun):
        return True
    prefix = re.split(r"[-_\d]", identifier.lower())[0]
    letters = iter(noun.lower())
    return bool(prefix) and noun.lower().startswith(prefix[0]) and all(letter in letters for letter in prefix)
