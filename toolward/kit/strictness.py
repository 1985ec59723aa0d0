"""Where pydantic, even strict, takes or refuses other values than the JSON Schema that it writes."""

from collections.abc import Callable
from typing import Any, cast

from pydantic_core import CoreSchema, PydanticCustomError, core_schema


def tightened(schema: CoreSchema) -> CoreSchema:
    """No infinity where a number is wanted; no `true` for a literal 1 and no 1 for a literal `true`."""
    return _rewrite(schema, _tighten)


def with_whole_floats(schema: CoreSchema) -> CoreSchema:
    """`5.0` for an integer, as JSON Schema has it."""
    return _rewrite(schema, _whole)


def _rewrite(node: Any, change: Callable[[dict[str, Any]], Any]) -> Any:
    """A copy in which every core schema went through `change`, the innermost first."""
    if isinstance(node, list):
        return [_rewrite(item, change) for item in cast(list[Any], node)]
    if isinstance(node, tuple):
        return tuple(_rewrite(item, change) for item in cast(tuple[Any, ...], node))
    if not isinstance(node, dict):
        return node
    entries = cast(dict[str, Any], node)
    copied = {
        key: value if key in ("metadata", "expected", "members", "default") else _rewrite(value, change)
        for key, value in entries.items()
    }
    return change(copied)


def _tighten(node: dict[str, Any]) -> Any:
    match node.get("type"):
        case "float":
            return node | {"allow_inf_nan": False}
        case "literal":
            return _no_mistaken_bool(node, node["expected"])
        case "enum":
            return _no_mistaken_bool(node, [member.value for member in node["members"]])
        case _:
            return node


def _no_mistaken_bool(node: dict[str, Any], values: list[Any]) -> Any:
    """Python says that True == 1; JSON does not."""
    numbers = [value for value in values if isinstance(value, int | float)]
    if not numbers:
        return node

    def check(value: Any) -> Any:
        is_bool = type(value) is bool
        if isinstance(value, int | float) and not any(
            value == one and is_bool == (type(one) is bool) for one in numbers
        ):
            raise PydanticCustomError("literal_error", "Input should be one of the allowed values")
        return value

    return _before(check, node)


def _whole(node: dict[str, Any]) -> Any:
    if node.get("type") not in ("int", "literal", "enum"):
        return node

    def whole(value: Any) -> Any:
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return _before(whole, node)


def _before(change: Callable[[Any], Any], node: dict[str, Any]) -> CoreSchema:
    """`change` first, then `node`; under the name by which other parts of the schema refer to it."""
    inner = {key: value for key, value in node.items() if key != "ref"}
    return core_schema.no_info_before_validator_function(change, cast(CoreSchema, inner), ref=node.get("ref"))
