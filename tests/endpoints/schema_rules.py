"""What services refuse in the schemas of tools."""

import re
from typing import Any, cast

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_AT_THE_TOP = ("oneOf", "anyOf", "allOf", "enum", "not", "const")
_NOT_IN_STRICT = (
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "dependentRequired",
    "default",
)
_OPENAI_STRICT_KEYS = _NOT_IN_STRICT
_ANTHROPIC_STRICT_KEYS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
    *("maxItems", "uniqueItems", "not", "if", "then", "else", "patternProperties", "oneOf"),
)


def openai_schema_faults(functions: list[dict[str, Any]]) -> list[str]:
    """Of functions: `name`, `parameters`, `strict`."""
    faults = _names([function["name"] for function in functions])
    for function in functions:
        schema = function.get("parameters")
        at = f"tool {function['name']}"
        if schema is None:
            continue
        faults += _top(schema, at)
        if "properties" not in schema:
            faults.append(f"{at}: object schema missing properties")
        if function.get("strict"):
            faults += _strict(schema, at, all_required=True, refused=_OPENAI_STRICT_KEYS)
    return faults


def anthropic_schema_faults(tools: list[dict[str, Any]]) -> list[str]:
    faults = _names([tool["name"] for tool in tools])
    for tool in tools:
        at = f"tool {tool['name']}"
        faults += _top(tool["input_schema"], at)
        if tool.get("strict"):
            faults += _strict(tool["input_schema"], at, all_required=False, refused=_ANTHROPIC_STRICT_KEYS)
    return faults


def _names(names: list[str]) -> list[str]:
    faults = [f"{name!r} is no name of a tool" for name in names if not _NAME.fullmatch(name)]
    return faults if len(set(names)) == len(names) else [*faults, "tool names must be unique"]


def _top(schema: dict[str, Any], at: str) -> list[str]:
    faults = [] if schema.get("type") == "object" else [f"{at}: type must be 'object'"]
    return faults + [f"{at}: {key!r} at the top level" for key in _NOT_AT_THE_TOP if key in schema]


def _strict(schema: Any, at: str, *, all_required: bool, refused: tuple[str, ...]) -> list[str]:
    """A schema, in strict mode, and all that are in it."""
    if not isinstance(schema, dict):
        return []
    found = cast(dict[str, Any], schema)
    faults = [f"{at}: {key!r} is not permitted in strict mode" for key in refused if key in found]
    if found.get("type") == "object" or "properties" in found:
        properties = cast(dict[str, Any], found.get("properties", {}))
        if found.get("additionalProperties") is not False:
            faults.append(f"{at}: additionalProperties must be false in strict mode")
        if all_required and set(found.get("required", ())) != set(properties):
            faults.append(f"{at}: all properties must be required in strict mode")
        for name, inner in properties.items():
            faults += _strict(inner, f"{at}.{name}", all_required=all_required, refused=refused)
    for name in ("$defs", "definitions"):
        for key, inner in cast(dict[str, Any], found.get(name, {})).items():
            faults += _strict(inner, f"{at}.{name}.{key}", all_required=all_required, refused=refused)
    faults += _strict(found.get("items"), f"{at}[]", all_required=all_required, refused=refused)
    for inner in cast(list[Any], found.get("anyOf", [])):
        faults += _strict(inner, f"{at}|", all_required=all_required, refused=refused)
    return faults
