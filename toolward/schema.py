"""JSON at the border: parsing under bounds, and JSON Schema 2020-12 compiled once.

Both the kit and the gateway check with this module, so they agree on every value and say the same words.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn, cast

import jsonschema_rs
import msgspec
from pydantic_core import SchemaValidator, core_schema

from toolward.errors import ConfigurationError, InvalidArguments, InvalidRequest, TooLarge, Violation
from toolward.json_bounds import (
    ASKED,
    MAX_DEPTH,
    Amount,
    depth_exceeds,
    is_too_much,
    too_deep,
    too_much,
    without_strings,
)
from toolward.names import closest
from toolward.schema_cost import cost_of
from toolward.schema_patterns import patterns_of
from toolward.types import Json, JsonObject

MAX_BYTES = 4 * 1024 * 1024
"""The largest arguments or structured result, unless a caller says otherwise."""

MAX_VIOLATIONS = 20
_WORTH_ALL = 20_000  # visits; every error costs some microseconds, found by the first look or not
_SHOWN = 80  # characters of an offending value that a message quotes


def parse(
    raw: bytes, what: str, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH, most: Amount = ASKED
) -> Json:
    """The value of a JSON text. Integers keep every digit; NaN, numbers beyond a double, and a name that comes
    twice in one object are refused: readers do not agree on what those mean.

    `what` names the text in errors ("arguments of crm.get_record"). Raises TooLarge, InvalidRequest,
    InvalidArguments.
    """
    if len(raw) > max_bytes:
        raise TooLarge(
            f"The {what} are {len(raw):,} bytes; at most {max_bytes:,} are taken.",
            hint="Send less, or send it in parts.",
        )
    if is_too_much(raw, most):
        raise too_much(what, most)
    if depth_exceeds(raw, max_depth):
        raise too_deep(what, max_depth)
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # huge numbers too
        raise InvalidRequest(f"The {what} are not valid JSON: {error}.") from None
    if _names_are_lost(raw, value):
        said = f"the name {_shorten(_doubled_name(raw))!r} comes twice in one object"
        raise InvalidArguments(
            f"The {what} are wrong: {said}.", hint="Say each once.", violations=[Violation("", said)]
        )
    return value


def parse_object(raw: bytes, what: str, *, max_bytes: int = MAX_BYTES) -> JsonObject:
    """`parse`, for a text that must be an object. Raises InvalidArguments too."""
    value = parse(raw, what, max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise InvalidArguments(
            f"The {what} must be a JSON object.", violations=[Violation("", "not an object")]
        )
    return value  # pyright: ignore[reportUnknownVariableType] -- JSON


def _names_are_lost(raw: bytes, value: Json) -> bool:
    """Whether `value` has fewer members than its text: of two with the same name the last one is kept."""
    colons = raw.count(b":")
    if isinstance(value, dict) and colons == len(value):  # pyright: ignore[reportUnknownArgumentType] -- JSON
        return False  # the common case, at the speed of a memory scan
    members = _count_members([value])
    return colons != members and without_strings(raw).count(b":") != members


def _count_members(value: Json) -> int:
    """Of all objects in a value, whose depth is bounded."""
    count = 0
    children: Iterable[Any]
    if isinstance(value, dict):
        count = len(cast(JsonObject, value))
        children = cast(JsonObject, value).values()
    else:
        children = cast(list[Any], value)
    for child in children:
        if type(child) in _CONTAINERS:
            count += _count_members(child)
    return count


_CONTAINERS = frozenset({dict, list})


def _doubled_name(raw: bytes) -> str:
    doubled: list[str] = []

    def look(members: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in members:
            if name in seen:
                doubled.append(name)
            seen.add(name)

    json.loads(raw, object_pairs_hook=look, parse_int=str, parse_float=str)
    return doubled[0]


def _asserted(shape: str, schema: core_schema.CoreSchema) -> Callable[[str], bool]:
    """A format as pydantic reads it (so that the kit makes a value of all that is accepted here), and no looser
    than `shape`: pydantic also takes `1700000000` for a date."""
    pattern = re.compile(shape)
    validator = SchemaValidator(schema)

    def accepts(text: str) -> bool:
        return pattern.match(text) is not None and validator.isinstance_python(text)

    return accepts


def _anything(text: str) -> bool:
    return True


_DATE, _TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[0-9]{2}:[0-9]{2}"
_HEX = "[0-9a-fA-F]"

_FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _asserted(rf"{_DATE}[Tt ]{_TIME}", core_schema.datetime_schema()),
    "date": _asserted(rf"{_DATE}\Z", core_schema.date_schema()),
    "time": _asserted(_TIME, core_schema.time_schema()),
    "duration": _asserted(r"[-+]?P", core_schema.timedelta_schema()),
    "uuid": _asserted(rf"{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}}\Z", core_schema.uuid_schema()),
} | dict.fromkeys(
    # What these mean differs too much between those who write and those who read them.
    (
        *("email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uri", "uri-reference", "iri"),
        *("iri-reference", "uri-template", "json-pointer", "relative-json-pointer", "regex"),
    ),
    _anything,
)
"""`date-time` may lack its offset, as in Python; other formats are descriptions, as JSON Schema has it."""


class Schema:
    """A compiled JSON Schema. Remote references are refused, patterns run in linear time, and what one check may
    cost is bounded (`toolward.schema_cost`). Formats of dates, times and UUIDs are asserted; others describe."""

    __slots__ = ("_cost", "_patterns", "_schema", "_validator")

    def __init__(self, schema: JsonObject, what: str) -> None:
        """Raises ConfigurationError when `schema` is no valid schema of the 2020-12 dialect, or costs too much."""
        _check_depth(schema, what)
        self._cost = cost_of(schema, what, MAX_DEPTH)
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                schema,
                retriever=_no_retrieval,
                pattern_options=jsonschema_rs.RegexOptions(size_limit=self._cost.pattern_bytes),
                validate_formats=True,
                formats=_FORMATS,
            )
        except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            raise ConfigurationError(
                f"The {what} is not a valid JSON Schema: {_first_line(error)}."
            ) from None
        self._schema = schema
        cost = self._cost
        self._patterns = patterns_of(schema, cost.patterns, cost.pattern_bytes, cost.visits[-1])

    def accepts(self, value: Json) -> bool:
        """Whatever that costs: for schemas of our own and the operator's."""
        return self._validator.is_valid(value)

    def violations(self, value: Json) -> tuple[Violation, ...]:
        """Every place where `value` breaks the schema (the first 20), in the order of the schema. Of a large value,
        where finding them all would take long, one."""
        if self._cost.is_too_high(value) or self._patterns.is_too_much(value):
            return (Violation("", "too large to be checked against this schema"),)
        if self._validator.is_valid(value):  # the common case costs no iterator
            return ()
        if self._cost.work(value) > _WORTH_ALL:
            return self._first(value)
        errors = self._validator.iter_errors(value)
        return tuple(islice((found for error in errors for found in self._describe(error)), MAX_VIOLATIONS))

    def _first(self, value: Json) -> tuple[Violation, ...]:
        if not self._cost.several:  # an error that has none within it is found and told at once
            try:
                self._validator.validate(value)
            except jsonschema_rs.ValidationError as error:
                return tuple(self._describe(error))
        return (Violation("", "does not match its schema, and is too large to say where"),)

    def _describe(self, error: jsonschema_rs.ValidationError) -> Iterator[Violation]:
        if (branch := _meant_branch(error)) is not None:
            for inner in branch:
                yield from self._describe(inner)
            return
        pointer = "".join(f"/{pointer_part(part)}" for part in error.instance_path)
        message = _shorten(error.message)
        unexpected = getattr(error.kind, "unexpected", None)
        if isinstance(unexpected, list):
            names: list[str] = [str(name) for name in unexpected]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            known = self._known_at(error.schema_path[:-1])
            message = "; ".join(_unknown(name, known) for name in names[:MAX_VIOLATIONS])
        yield Violation(pointer, message)

    def _known_at(self, path: list[str | int]) -> tuple[str, ...]:
        """The names that the schema at `path` knows."""
        node: Any = self._schema
        try:
            for part in path:
                node = node[part]
            return tuple(node.get("properties", ()))
        except (KeyError, IndexError, TypeError, AttributeError):
            return ()


def _meant_branch(error: jsonschema_rs.ValidationError) -> list[jsonschema_rs.ValidationError] | None:
    """The errors of the one alternative that the value has the type of, so that what is wrong inside an optional
    value is said where it is; None where that is not so plain."""
    branches: list[list[jsonschema_rs.ValidationError]] = getattr(error.kind, "context", [])
    place = error.instance_path
    meant = [
        branch
        for branch in branches
        if not any(inner.kind.name == "type" and inner.instance_path == place for inner in branch)
    ]
    return meant[0] if len(meant) == 1 else None


def check_arguments(schema: Schema, arguments: JsonObject, tool: str) -> None:
    """Raises InvalidArguments with all violations where `arguments` break the input schema of `tool`."""
    if violations := schema.violations(arguments):
        raise invalid_arguments(tool, violations)


def invalid_arguments(tool: str, violations: tuple[Violation, ...]) -> InvalidArguments:
    said = "; ".join(map(str, violations))
    return InvalidArguments(
        f"The arguments of {tool} are wrong: {said}.",
        hint="Look at the tool's input schema and call again.",
        violations=violations,
    )


def _unknown(name: str, known: tuple[str, ...]) -> str:
    near = closest(name, known)
    return f"unknown argument {_shorten(name)!r}" + (f", did you mean {near!r}?" if near else "")


def _no_retrieval(uri: str) -> NoReturn:
    raise ValueError(f"remote references are not followed ({uri})")


def _check_depth(schema: Mapping[str, Any], what: str) -> None:
    """Compiling recurses, so the nesting is bounded first."""
    level: list[Any] = [schema]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise ConfigurationError(f"The {what} is nested more than {MAX_DEPTH} levels deep.")


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return list(node) if isinstance(node, list) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def pointer_part(part: str | int) -> str:
    """One step of an RFC 6901 pointer."""
    return str(part).replace("~", "~0").replace("/", "~1")


def _shorten(text: str) -> str:
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]} … {text[-_SHOWN:]}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
