"""JSON at the border: parsing under bounds, and JSON Schema 2020-12 compiled once.

Both the kit and the gateway check with this module, so they agree on every value and say the same words.
"""

import re
from collections.abc import Mapping
from typing import Any, NoReturn

import jsonschema_rs
import msgspec

from toolward.errors import ConfigurationError, InvalidArguments, InvalidRequest, TooLarge, Violation
from toolward.names import closest
from toolward.types import Json, JsonObject

MAX_BYTES = 4 * 1024 * 1024
"""The largest arguments or structured result, unless a caller says otherwise."""

MAX_DEPTH = 64
"""The deepest nesting of arrays and objects."""

MAX_VIOLATIONS = 20
_SHOWN = 80  # characters of an offending value that a message quotes

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKET = bytes(set(range(256)) - set(b"[]{}"))


def parse(raw: bytes, what: str, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Json:
    """The value of a JSON text. Integers keep every digit; NaN and numbers beyond a double are refused.

    `what` names the text in errors ("arguments of crm.get_record"). Raises TooLarge, InvalidRequest.
    """
    if len(raw) > max_bytes:
        raise TooLarge(
            f"The {what} are {len(raw):,} bytes; at most {max_bytes:,} are taken.",
            hint="Send less, or send it in parts.",
        )
    if depth_exceeds(raw, max_depth):
        raise too_deep(what, max_depth)
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # huge numbers too
        raise InvalidRequest(f"The {what} are not valid JSON: {error}.") from None


def parse_object(raw: bytes, what: str, *, max_bytes: int = MAX_BYTES) -> JsonObject:
    """`parse`, for a text that must be an object. Raises InvalidArguments too."""
    value = parse(raw, what, max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise InvalidArguments(
            f"The {what} must be a JSON object.", violations=[Violation("", "not an object")]
        )
    return value  # pyright: ignore[reportUnknownVariableType] -- JSON


def too_deep(what: str, limit: int = MAX_DEPTH) -> TooLarge:
    return TooLarge(f"The {what} are nested more than {limit} levels deep.", hint="Send a flatter value.")


def depth_exceeds(raw: bytes, limit: int) -> bool:
    """Whether brackets nest deeper than `limit`, in one pass and without recursion."""
    if raw.count(b"[") + raw.count(b"{") <= limit:  # the common case, at the speed of a memory scan
        return False
    depth = 0
    for byte in _STRING.sub(b"", raw).translate(None, _NOT_BRACKET):
        if byte in b"[{":
            depth += 1
            if depth > limit:
                return True
        else:
            depth -= 1
    return False


class Schema:
    """A compiled JSON Schema. Remote references are refused, and patterns run in linear time."""

    __slots__ = ("_known", "_validator")

    def __init__(self, schema: JsonObject, what: str) -> None:
        """Raises ConfigurationError when `schema` is no valid schema of the 2020-12 dialect."""
        _check_depth(schema, what)
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                schema, retriever=_no_retrieval, pattern_options=jsonschema_rs.RegexOptions()
            )
        except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            raise ConfigurationError(
                f"The {what} is not a valid JSON Schema: {_first_line(error)}."
            ) from None
        self._known = tuple(schema.get("properties", {}))

    def accepts(self, value: Json) -> bool:
        return self._validator.is_valid(value)

    def violations(self, value: Json) -> tuple[Violation, ...]:
        """Every place where `value` breaks the schema (the first 20), in the order of the schema."""
        if self._validator.is_valid(value):  # the common case costs no iterator
            return ()
        found: list[Violation] = []
        for error in self._validator.iter_errors(value):
            found.append(self._describe(error))
            if len(found) == MAX_VIOLATIONS:
                break
        return tuple(found)

    def _describe(self, error: jsonschema_rs.ValidationError) -> Violation:
        pointer = "".join(f"/{pointer_part(part)}" for part in error.instance_path)
        message = _shorten(error.message)
        unexpected = getattr(error.kind, "unexpected", None)
        if not pointer and isinstance(unexpected, list):
            names: list[str] = [str(name) for name in unexpected]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            message = "; ".join(_unknown(name, self._known) for name in names[:MAX_VIOLATIONS])
        return Violation(pointer, message)


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
