"""Hostile schemas and values, each checked for real: run as a program, which prints a line for each case.

Values are as large as those of a tool server may be. A process of its own, with bounds on its processor time and
memory, so that what stalls or crashes fails one test.
"""

import json
import resource
import sys
from collections.abc import Callable
from typing import Any, cast

from gateway.core.catalog import build_catalog
from tests.twins import listing
from toolward.errors import ToolwardError
from toolward.json_bounds import GIVEN
from toolward.schema import parse
from toolward.types import JsonObject, Tool

CPU_SECONDS = 60  # for all of them; the worst of before took minutes alone
MEMORY = 4 * 1024**3

INTEGER: JsonObject = {"type": "integer"}


def fan(keyword: str) -> JsonObject:
    """Two references to the next one, thirty times: a billion visits of one value."""
    defs: JsonObject = {f"d{at}": {keyword: [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(30)}
    return {"$defs": defs | {"d30": INTEGER}, "$ref": "#/$defs/d0"}


def twice(keyword: str) -> JsonObject:
    """Doubles its work with each level of the value."""
    branch: JsonObject = {"properties": {"a": {"$ref": "#/$defs/n"}}, "required": ["z"]}
    return {"$defs": {"n": {keyword: [branch, branch]}}, "$ref": "#/$defs/n"}


def unevaluated(levels: int) -> JsonObject:
    schema: JsonObject = {"properties": {"a": {}}}
    for _ in range(levels):
        schema = {"anyOf": [schema, {"required": ["z"]}], "unevaluatedProperties": INTEGER}
    return schema


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def items(schema: JsonObject) -> JsonObject:
    return {"type": "array", "items": schema}


FLAT = [{"a": number} for number in range(5_000)]

CASES: dict[str, tuple[Any, Callable[[], str]]] = {
    "references in a circle": (
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        str,
    ),
    "a reference to itself": ({"$ref": "#"}, str),
    "a dynamic reference to itself": ({"$dynamicAnchor": "n", "$dynamicRef": "#n"}, str),
    "allOf fan": (fan("allOf"), lambda: "1"),
    "anyOf fan": (fan("anyOf"), lambda: '"x"'),
    "oneOf fan": (fan("oneOf"), lambda: '"x"'),
    "allOf doubling": (twice("allOf"), lambda: nested(60)),
    "anyOf doubling": (twice("anyOf"), lambda: nested(60)),
    "unevaluated in unevaluated": (unevaluated(12), lambda: '{"b": 2}'),
    "many alternatives": (
        items({"anyOf": [{"const": number} for number in range(5_000)]}),
        lambda: json.dumps([-1] * 400_000),
    ),
    "alternatives of objects": (
        items(
            {"anyOf": [{"required": ["a"], "properties": {"a": {"const": number}}} for number in range(900)]}
        ),
        lambda: json.dumps([{"a": 899}] * 90_000),
    ),
    "an enum of objects": (items({"enum": FLAT}), lambda: json.dumps([{"a": 4_999}] * 90_000)),
    "an enum of texts": (
        items({"enum": [str(number) for number in range(20_000)]}),
        lambda: json.dumps(["19999"] * 400_000),
    ),
    "a hundred thousand required": ({"required": [f"n{number}" for number in range(20_000)]}, lambda: "{}"),
    "catastrophic pattern": ({"pattern": "^(a+)+$"}, lambda: json.dumps("a" * 1_000_000 + "!")),
    "a large pattern and a long text": (
        {"pattern": "^(a|b)*a(a|b){20000}c$"},
        lambda: json.dumps("abb" * 300_000),
    ),
    "a thousand patterns on one text": (
        {"allOf": [{"pattern": f"^(a|b)*a(a|b){{{100 + at}}}c$"} for at in range(200)]},
        lambda: json.dumps("abb" * 300_000),
    ),
    "pattern with huge repeats": ({"pattern": "((a{1000}){1000}){1000}"}, lambda: '"a"'),
    "three hundred huge patterns": (
        {"patternProperties": {rf"^{at}\pL{{100}}$": {} for at in range(300)}},
        lambda: "{}",
    ),
    "five thousand patterns": (
        {"patternProperties": {f"^a{at}.*x$": {} for at in range(5_000)}},
        lambda: "{}",
    ),
    "a thousand patterns on a thousand names": (
        {"patternProperties": {f"^a{at}.*x$": {} for at in range(1_000)}},
        lambda: json.dumps({f"a{at}": 1 for at in range(50_000)}),
    ),
    "a pattern that is none": ({"pattern": "("}, str),
    "a pattern that looks ahead": ({"pattern": "(?=a)"}, str),
    "many wrong items": (items({"type": "string"}), lambda: json.dumps([1] * 400_000)),
    "many wrong alternatives": (
        items({"anyOf": [{"type": "string"}, {"type": "null"}]}),
        lambda: json.dumps([1] * 400_000),
    ),
    "a thousand unique items": (items({}) | {"uniqueItems": True}, lambda: json.dumps(FLAT)),
    "an enormous number": ({"multipleOf": 1e-300}, lambda: "1" + "0" * 4_000),
    "a bound beyond numbers": ({"minimum": 10**4_000}, lambda: "1" + "0" * 4_100),
    "a length beyond lengths": ({"minLength": 10**30}, lambda: '"a"'),
    "not a number": ({"minimum": float("nan")}, lambda: "1"),
    "remote": ({"$ref": "http://127.0.0.1:9/schema"}, str),
    "of a file": ({"$ref": "file:///etc/passwd"}, str),
    "remote by its own address": ({"$id": "http://evil.test/x", "$ref": "y"}, str),
    "of nothing": ({"$ref": "#/$defs/none"}, str),
    "another dialect": (
        {"$schema": "http://json-schema.org/draft-04/schema#", "exclusiveMinimum": True},
        str,
    ),
    "names of other languages": (
        {
            "properties": {
                "__proto__": {"type": "string"},
                "constructor": {"type": "string"},
                "__class__": INTEGER,
            }
        },
        lambda: '{"__proto__": 1, "constructor": 2, "__class__": "x"}',
    ),
    "a lone surrogate": ({"title": "\ud800"}, str),
    "a number": (5, str),
    "nothing": (None, str),
    "a list": ([], str),
    "wrong inside": ({"properties": 5}, str),
    "deep data": ({"type": "object"}, lambda: nested(50_000)),
    "deep list": ({}, lambda: "[" * 50_000),
}


def deep_schema() -> JsonObject:
    schema: JsonObject = INTEGER
    for _ in range(100_000):
        schema = {"not": schema}
    return schema


def outcome(schema: Any, value: str) -> str:
    """What became of the tool and of one call, in a word and why."""
    whole = schema
    if isinstance(schema, dict):
        inner = cast(JsonObject, schema)
        whole = {"type": "object", "properties": {"v": inner}, "$defs": inner.get("$defs", {})}
    bad = Tool("bad", input_schema=whole)
    catalog = build_catalog([listing("crm", bad, Tool("good", input_schema={"type": "object"}))])
    assert catalog.find("crm.good") is not None
    tool = catalog.find("crm.bad")
    if tool is None:
        (problem,) = catalog.problems
        return f"left out: {problem[:300]}"
    try:
        arguments = parse(f'{{"v":{value or "1"}}}'.encode(), "results", most=GIVEN)
    except ToolwardError as error:
        return f"refused: {error.message[:300]}"
    found = tool.input_schema.violations(arguments)
    return f"violations: {[str(one)[:200] for one in found[:3]]}" if found else "accepted"


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for name, (schema, value) in CASES.items():
        print(json.dumps(name), end=" ", flush=True)
        print(json.dumps(outcome(schema, value())), flush=True)
    print(json.dumps("deep schema"), json.dumps(outcome(deep_schema(), "1")), flush=True)


if __name__ == "__main__":
    sys.setrecursionlimit(1_000)
    main()
