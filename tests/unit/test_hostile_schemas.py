"""No schema and no value stalls or crashes us, and none takes another tool with it.

What is measured is processor time, and that in a process of its own: a machine that is busy fails nothing here.
"""

import json
import subprocess
import sys
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.hostile import CASES
from toolward.errors import ConfigurationError
from toolward.schema import Schema
from toolward.schema_cost import MAX_WORK, cost_of
from toolward.schema_patterns import patterns_of
from toolward.types import JsonObject


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.hostile"], capture_output=True, text=True, timeout=110, check=False
    )
    last = done.stdout.rstrip().rpartition("\n")[2][:100]
    assert done.returncode == 0, f"it ended with {done.returncode} at {last}: {done.stderr[-2000:]}"
    found: dict[str, str] = {}
    decoder = json.JSONDecoder()
    for line in done.stdout.splitlines():
        name, end = decoder.raw_decode(line)
        found[name] = json.loads(line[end:])
    return found


def test_every_case_ends(outcomes: dict[str, str]) -> None:
    assert outcomes.keys() == {*CASES, "deep schema"}


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("references in a circle", "go round in a circle"),
        ("a reference to itself", "violations"),
        ("allOf fan", "too costly to check with"),
        ("anyOf fan", "too costly to check with"),
        ("oneOf fan", "too costly to check with"),
        ("allOf doubling", "too large to be checked"),
        ("anyOf doubling", "too large to be checked"),
        ("unevaluated in unevaluated", "too costly to check with"),
        ("many alternatives", "too large to be checked"),
        ("an enum of objects", "too large to be checked"),
        ("catastrophic pattern", "does not match"),
        ("a large pattern and a long text", "too large to be checked"),
        ("a thousand patterns on one text", "too large to be checked"),
        ("pattern with huge repeats", "not a valid JSON Schema"),
        ("three hundred huge patterns", "not a valid JSON Schema"),
        ("five thousand patterns", "more than 1,000 patterns"),
        ("many wrong items", '/v/0: 1 is not of type "string"'),
        ("many wrong alternatives", "too large to say where"),
        ("remote", "remote references are not followed"),
        ("of a file", "remote references are not followed"),
        ("remote by its own address", "remote references are not followed"),
        ("of nothing", "does not exist"),
        ("names of other languages", "/v/__proto__"),
        ("not a number", "none in JSON"),
        ("deep data", "nested more than 64 levels"),
        ("deep schema", "nested more than 64 levels"),
    ],
)
def test_is_refused_for_what_it_is(outcomes: dict[str, str], case: str, said: str) -> None:
    assert said in outcomes[case]


ORDINARY: dict[str, JsonObject] = {
    "a tree": {
        "$defs": {
            "n": {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/n"}}}}
        },
        "$ref": "#/$defs/n",
    },
    "a filter": {
        "$defs": {
            "f": {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {"and": {"type": "array", "items": {"$ref": "#/$defs/f"}}},
                        "required": ["and"],
                    },
                    {
                        "type": "object",
                        "properties": {"or": {"type": "array", "items": {"$ref": "#/$defs/f"}}},
                        "required": ["or"],
                    },
                    {"type": "object", "properties": {"field": {"type": "string"}}, "required": ["field"]},
                ]
            }
        },
        "$ref": "#/$defs/f",
    },
    "by its id": {"$defs": {"x": {"$id": "item.json", "type": "object"}}, "$ref": "item.json"},
    "by its anchor": {"$defs": {"x": {"$anchor": "item", "type": "object"}}, "$ref": "#item"},
    "many countries": {"properties": {"country": {"enum": [f"C{number}" for number in range(250)]}}},
}


@pytest.mark.parametrize("name", ORDINARY)
def test_what_people_write_is_taken(name: str) -> None:
    value: JsonObject = {"field": "x"}
    for _ in range(4):
        value = {"and": [value, value]}
    assert Schema(ORDINARY[name], "input schema").violations(value) == ()


def test_a_tree_of_any_depth_costs_a_visit_a_value() -> None:
    assert max(cost_of(ORDINARY["a tree"], "x", 64).visits) <= 3


def test_bounds_are_on_the_work_not_on_the_form() -> None:
    schema = Schema({"items": {"enum": [str(number) for number in range(3_200)]}}, "x")  # 201 visits an item
    assert schema.violations(["7"] * 1_000) == ()
    assert "too large" in schema.violations(["7"] * (MAX_WORK // 200))[0].message


def test_a_long_text_beside_a_pattern_is_no_trouble() -> None:
    path: JsonObject = {"type": "string", "pattern": r"^[\w./-]{1,255}$"}
    schema = Schema({"properties": {"path": path, "content": {"type": "string"}}}, "x")
    assert schema.violations({"path": "a/b.txt", "content": "x" * 3_000_000}) == ()
    assert "too large" in schema.violations({"path": "x" * 3_000_000})[0].message


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"pattern": "P"}, "b": {"$ref": "#/properties/a"}}},
        {"$defs": {"p": {"pattern": "P"}}, "properties": {"b": {"$ref": "#/$defs/p"}}},
        {"properties": {"a": {"additionalProperties": {"pattern": "P"}}}},
        {"properties": {"a": {"items": {"properties": {"b": {"pattern": "P"}}}}}},
        {"patternProperties": {"P": {}}},
    ],
)
def test_a_pattern_counts_wherever_it_can_be_applied(schema: JsonObject) -> None:
    whole = json.loads(json.dumps(schema).replace('"P"', json.dumps("^(a|b)*a(a|b){20000}c$")))
    text = "abb" * 100_000
    for value in ({"b": text}, {"a": {"b": text}}, {"a": [{"b": text}]}, {text: 1}):
        cost = cost_of(whole, "x", 64)
        patterns = patterns_of(whole, cost.patterns, cost.pattern_bytes, cost.visits[-1])
        applied = patterns.names is None or "b" in patterns.names
        assert applied
        assert patterns.is_too_much(value) or (text in value and patterns.names is not None)


names = st.sampled_from(["a", "b", "~/", "c"])
leaves = st.sampled_from(
    [{"type": "string"}, {"type": "integer"}, {"minimum": 3}, {"pattern": "^x"}, True, False]
)
schemas = st.recursive(
    leaves,
    lambda inner: (
        st.fixed_dictionaries({"properties": st.dictionaries(names, inner, max_size=3)})
        | st.fixed_dictionaries({"items": inner})
        | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"required": st.lists(names, unique=True), "additionalProperties": inner})
    ),
    max_leaves=8,
)
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def follow(value: Any, pointer: str) -> Any:
    """RFC 6901, by the book. Raises where the pointer points nowhere."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = cast(Any, value[int(key)] if isinstance(value, list) else value[key])
    return value


@given(schemas, values)
def test_every_pointer_points_at_something(schema: Any, value: Any) -> None:
    found = Schema({"allOf": [schema]}, "x").violations(value)
    for one in found:
        assert one.pointer == "" or one.pointer.startswith("/")
        follow(value, one.pointer)


@given(schemas, values)
@example({"required": ["a", "b", "~/"]}, {})
def test_no_check_makes_more_visits_than_were_counted(schema: Any, value: Any) -> None:
    """The count is an upper bound: the errors that are found are never more, those that one visit finds together (a
    visit of `required` finds every name that is missing) taken as one."""
    whole: JsonObject = {"allOf": [schema]}
    try:
        cost = cost_of(whole, "x", 64)
    except ConfigurationError:
        return
    found = Schema(whole, "x").violations(value)
    missing = [one for one in found if one.message.endswith(" is a required property")]
    at_least = len(found) - len(missing) + len({one.pointer for one in missing})
    assert at_least <= cost.work(value)
