"""Conditions: what compiles, what is found before it can do harm, and that none ever raises."""

from typing import Any

import pytest

from gateway.core.arguments import ArgumentType, argument_types
from gateway.core.catalog import CatalogTool, ToolFacts, build_catalog
from gateway.core.conditions import (
    Conditions,
    Failed,
    check_syntax,
    operation_condition,
    operation_values,
)
from tests.twins import listing
from toolward.errors import ConfigurationError
from toolward.types import JsonObject, Principal, RunScope, Tool

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "amount_minor": {"type": "integer"},
        "rate": {"type": "number"},
        "reason": {"type": "string"},
        "urgent": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "extra": {"type": "object"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "kind": {"enum": ["a", "b"]},
        "place": {"$ref": "#/$defs/Place"},
        "two-words": {"type": "string"},
    },
    "$defs": {"Place": {"type": "string"}},
}
ADA = Principal("ada", ("support", "lead"), "acme")


def entry() -> CatalogTool:
    tool = Tool("refund", input_schema=SCHEMA)
    return build_catalog([listing("crm", tool)], {"crm.refund": ToolFacts(idempotent=True)}).tools[0]


def evaluate(text: str, arguments: JsonObject | None, run: RunScope | None = None) -> bool | Failed:
    conditions, types = Conditions(), argument_types(SCHEMA)
    condition = conditions.compile(text, types)
    variables = conditions.variables(condition.names, types)
    values = variables.of(ADA, entry(), run, arguments)
    plain, ready = condition.evaluate(values), condition.evaluate(variables.ready(values))
    assert type(plain) is type(ready)
    return ready


def test_types_of_arguments_come_from_the_schema() -> None:
    assert argument_types(SCHEMA) == {
        "amount_minor": ArgumentType("integer"),
        "rate": ArgumentType("number"),
        "reason": ArgumentType("string"),
        "urgent": ArgumentType("boolean"),
        "tags": ArgumentType("array", ArgumentType("string")),
        "extra": ArgumentType("object"),
        "note": ArgumentType("any"),
        "kind": ArgumentType("string"),
        "place": ArgumentType("string"),
        "two-words": ArgumentType("string"),
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"a": {"$ref": "#/properties/a"}}},
        {"properties": {"a": {"type": "array", "items": {"$ref": "#/properties/a"}}}},
        {"properties": {"a": {"anyOf": [{"$ref": "#/properties/a"}] * 500}}},
        {
            "properties": {"a": {"anyOf": [{"$ref": "#/$defs/1"}] * 200}},
            "$defs": {str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 200} for n in range(30)},
        },
    ],
)
def test_hostile_webs_of_references_are_read_in_no_time(schema: JsonObject) -> None:
    kinds = [argument.kind for argument in argument_types(schema).values()]
    assert all(kind in ("any", "array") for kind in kinds)


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("args.amount_minor > 5000 && args.amount_minor <= 50000", {"amount_minor": 5001}, True),
        ("args.amount_minor > 5000", {"amount_minor": 5000}, False),
        ("args.rate > 0.5", {"rate": 1}, True),
        ("args.kind == 'a' && args.place.startsWith('B')", {"kind": "a", "place": "Bonn"}, True),
        ("'vip' in args.tags", {"tags": ["x", "vip"]}, True),
        ("args.extra.level == 3", {"extra": {"level": 3}}, True),
        ("has(args.extra.level)", {"extra": {}}, False),
        ("args.note == null", {"note": None}, True),
        ("given.note && args.note == 'x'", {}, False),
        ("!given.urgent || !args.urgent", {}, True),
        ("args.urgent", {"urgent": True}, True),
        ("'lead' in principal.roles && principal.tenant == 'acme' && principal.id == 'ada'", {}, True),
        ("tool.name == 'crm.refund' && tool.backend == 'crm'", {}, True),
        ("tool.changes && tool.idempotent && !tool.keeps_keys", {}, True),
        ("run.agent == ''", {}, True),
        ("args.reason.matches('^(a+)+$')", {"reason": "a" * 5000 + "b"}, False),
    ],
)
def test_gives_an_answer(text: str, arguments: JsonObject, expected: bool) -> None:
    assert evaluate(text, arguments) is expected


def test_knows_the_run() -> None:
    run = RunScope("run_1", "support", ("*",))
    assert evaluate("run.agent == 'support' && run.id == 'run_1'", {}, run) is True


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("args.amount_minor > 5000", {}),
        ("args.amount_minor > 5000", {"amount_minor": 2**70}),
        ("args.amount_minor > 5000", {"amount_minor": 6000.0}),
        ("args.amount_minor / 0 > 1", {"amount_minor": 1}),
        ("args.extra.level > 3", {"extra": {}}),
        ("args.extra.level > 3", {"extra": {"level": "high"}}),
        ("args.note > 'a'", {"note": None}),
        ("args.note", {"note": "yes"}),
        ("args.reason == 'x'", {"reason": "\ud800"}),
        ("args.tags.all(a, args.tags.all(b, args.tags.all(c, a + b + c != '')))", {"tags": ["x"] * 300}),
    ],
)
def test_what_cannot_be_said_is_neither_true_nor_false(text: str, arguments: JsonObject) -> None:
    answer = evaluate(text, arguments)
    assert isinstance(answer, Failed)
    assert answer.why


def test_says_which_argument_is_missing() -> None:
    assert evaluate("args.amount_minor > 5000", {}) == Failed("args.amount_minor is not given")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("args.amont_minor > 5000", "Did you mean args.amount_minor?"),
        ("given.resaon", "Did you mean given.reason?"),
        ("principal.role == 'x'", "Did you mean principal.roles?"),
        ("args.amount_minor > 'x'", "at character 19: > does not go with int, string"),
        ("args.rate > 5", "Write 5.0"),
        ("args.amount_minor > 5000.0", "Write 5.0"),
        ("args.amount_minor", "of type int"),
        ("args['amount_minor'] > 1", "args.NAME"),
        ("nothing(1)", "there is no nothing"),
    ],
)
def test_mistakes_are_found_when_it_is_bound(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Conditions().compile(text, argument_types(SCHEMA))
    assert said in caught.value.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("args.a >", "it ends too early"),
        ("args.a && ", "it ends too early"),
        ("has(args.urgent)", "Write given.urgent"),
        ("1 == 1 && has( args . urgent )", "Write given.urgent"),
        ("(" * 1000 + "true" + ")" * 1000, "recursion limit"),
        ("true || " * 1000 + "true", "at most 4,000"),
    ],
)
def test_mistakes_of_form_are_found_before(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_syntax(text)
    assert said in caught.value.text
    assert len(caught.value.text) < 500


def test_a_text_that_only_speaks_of_presence_is_no_mistake() -> None:
    check_syntax("args.reason == 'has(args.x)'")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("principal.id == 'ada' || args.amount_minor > 5", True),
        ("principal.id == 'bob' && args.amount_minor > 5", False),
        ("principal.id == 'bob'", False),
    ],
)
def test_without_arguments_an_answer_holds_for_every_call(text: str, expected: bool) -> None:
    assert evaluate(text, None) is expected


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("args.reason.startsWith('a') && size(args.reason) == 1", {"reason": "a\0b"}),
        ("!args.reason.contains('b')", {"reason": "a\0b"}),
        ("args.tags.exists(tag, tag == 'a')", {"tags": ["a\0b"]}),
    ],
)
def test_nothing_is_hidden_behind_a_nul_character(text: str, arguments: JsonObject) -> None:
    found = evaluate(text, arguments)
    assert isinstance(found, Failed)
    assert "U+0000" in found.why


def test_nothing_of_a_resource_is_hidden_behind_a_nul_character() -> None:
    condition = operation_condition("resource.uri == 'docs://a'", ["uri"])
    assert condition.evaluate(operation_values(ADA, {"uri": "docs://a"})) is True
    assert isinstance(condition.evaluate(operation_values(ADA, {"uri": "docs://a\0b"})), Failed)


@pytest.mark.parametrize(
    "text", ["args.amount_minor > 5", "given.reason", "principal.id == 'ada' && args.urgent"]
)
def test_without_arguments_what_depends_on_them_is_open(text: str) -> None:
    assert isinstance(evaluate(text, None), Failed)


def test_the_same_condition_is_compiled_once() -> None:
    conditions = Conditions()
    types = argument_types(SCHEMA)
    others: dict[str, Any] = {"other": ArgumentType("string")}
    assert conditions.compile("!tool.changes", types) is conditions.compile("!tool.changes", others)
    about = "args.amount_minor > 1"
    assert conditions.compile(about, types) is conditions.compile(about, dict(types))
