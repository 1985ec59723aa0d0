"""*Allow like this*: whatever a call's values are, the rule made of it is for just that call."""

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.source import parse_yaml
from gateway.core.catalog import build_catalog
from gateway.core.policy import BoundPolicy, PolicySource, bind, parse_policy
from gateway.oversight.policies.allowing import Like, can_be_written, rule_like, with_rule, without
from gateway.oversight.policies.trying import difference, flaw_in_text
from tests.examples import examples
from tests.twins import listing
from toolward.types import JsonObject, Principal, RunScope, Tool

ADA, BOB = Principal("ada", ("support",)), Principal("bob", ("support",))
DECLARED = ("text", "count", "ratio", "flag", "rest")
SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "flag": {"type": "boolean"},
        "rest": {},
    },
}
CATALOG = build_catalog([listing("crm", Tool("act", input_schema=SCHEMA), Tool("other"))])
HEAD = "version: 1\nrules:\n"
OTHER = "  - {id: first, tools: [crm.other], effect: allow}\n"
ASK = "  - id: asks\n    tools: [crm.act]\n    effect: ask\n    approvers: [self]\n"

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
)
texts = st.text(st.characters(codec="utf-8"), max_size=12)
anything = st.recursive(
    leaves | texts,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(texts, one, max_size=3),
    max_leaves=6,
)
values: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "text": texts,
        "count": st.integers(-(2**53), 2**53),
        "ratio": st.floats(allow_nan=False, allow_infinity=False, width=32),
        "flag": st.booleans(),
        "rest": anything,
    },
)


def bound(text: str) -> BoundPolicy:
    source = parse_yaml(text, "mine.yaml")
    return bind(parse_policy([PolicySource(source.file, source.data, source.line_of)]), CATALOG)


def decided(policy: BoundPolicy, who: Principal, arguments: JsonObject, run: RunScope | None = None) -> str:
    tool = CATALOG.find("crm.act")
    assert tool is not None
    return policy.decide(who, tool, arguments, run).effect


def like(arguments: JsonObject | None, who: Principal = ADA, agent: str = "") -> Like:
    return Like(who, "crm.act", arguments, agent, DECLARED)


def added(text: str, one: Like) -> str:
    found = with_rule(text, rule_like(one, {"first"}, 'Like "this": one.'), bound(text).policy, "mine.yaml")
    assert found is not None
    return found


@settings(max_examples=examples(60), deadline=None)
@given(values, values)
def test_it_allows_this_call_and_no_other(arguments: JsonObject, others: JsonObject) -> None:
    policy = bound(added(HEAD + OTHER, like(arguments)))
    assert policy.problems == ()
    assert decided(policy, ADA, arguments) == "allow"
    assert decided(policy, BOB, arguments) == "deny"
    assert (decided(policy, ADA, others) == "allow") is same(arguments, others)


@settings(max_examples=examples(40), deadline=None)
@given(values, values)
def test_a_rule_that_asks_leaves_out_this_call_and_no_other(
    arguments: JsonObject, others: JsonObject
) -> None:
    text = added(HEAD + OTHER + ASK, like(arguments))
    rule = next(one for one in bound(text).policy.rules if one.id == "asks")
    narrowed = without(text, rule, like(arguments))
    if narrowed is None:  # a value that CEL does not compare plainly
        assert any(not isinstance(one, bool | int | str) or "\0" in str(one) for one in arguments.values())
        return
    policy = bound(narrowed)
    assert policy.problems == ()
    assert decided(policy, ADA, arguments) == "allow"
    assert decided(policy, BOB, arguments) == "ask"
    if not same(arguments, others):
        assert decided(policy, ADA, others) == "ask"


def same(one: Any, other: Any) -> bool:
    """As JSON Schema compares: 1 is 1.0, and true is not 1, which in Python it is."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        mine, theirs = cast(JsonObject, one), cast(JsonObject, other)
        return mine.keys() == theirs.keys() and all(same(mine[name], theirs[name]) for name in mine)
    if isinstance(one, list) and isinstance(other, list):
        each, of_other = cast(list[Any], one), cast(list[Any], other)
        return len(each) == len(of_other) and all(map(same, each, of_other))
    return bool(one == other)


@pytest.mark.parametrize("when", ["args.count > 5", "'args.count > 5 || !given.count'", '"args.count > 5"'])
def test_a_condition_in_one_line_is_narrowed_and_all_else_stays(when: str) -> None:
    ask = ASK.replace("    effect", f"    when: {when}  # as agreed\n    effect")
    if "'" not in when and '"' not in when:
        ask = ask.replace("  # as agreed", "")
    text = HEAD + ask + "\n  # behind it\n" + OTHER
    rule = bound(text).policy.rules[0]
    narrowed = without(text, rule, like({"count": 7}))
    assert narrowed is not None
    changed = [line for line in difference(text, narrowed) if line.mark in "+-"]
    assert [line.mark for line in changed] == ["-", "+"]
    policy = bound(narrowed)
    assert (decided(policy, ADA, {"count": 7}), decided(policy, ADA, {"count": 8})) == ("deny", "ask")


@pytest.mark.parametrize(
    "ask",
    [
        ASK.replace("    effect", "    when: >-\n      args.count > 5\n    effect"),
        ASK.replace("    effect", "    when: args.count > 5 &&\n      args.count < 9\n    effect"),
        "  - {id: asks, tools: [crm.act], effect: ask, approvers: [self]}\n",
    ],
    ids=["a block", "two lines", "one line of flow"],
)
def test_what_is_not_one_lines_matter_is_left_to_a_person(ask: str) -> None:
    rule = bound(HEAD + ask).policy.rules[0]
    assert without(HEAD + ask, rule, like({"count": 7})) is None


def test_the_rule_goes_to_the_end_of_the_list_and_nothing_else_moves() -> None:
    text = HEAD.replace("rules", "patterns:\n  x: 'y'\nrules") + OTHER + "\n# The end.\n"
    found = added(text, like({"count": 1}))
    assert [line.text for line in difference(text, found) if line.mark == "-"] == []
    assert found.endswith("\n\n# The end.\n")
    before = "rules:\n- id: first\n  tools: [crm.other]\n  effect: allow\nversion: 1\n"
    assert [one.id for one in bound(added(before, like(None))).policy.rules] == ["first", "allow-crm-act"]


def test_a_list_in_one_line_is_left_to_a_person() -> None:
    text = "version: 1\nrules: [{id: first, tools: [crm.other], effect: allow}]\n"
    assert with_rule(text, rule_like(like({}), ()), bound(text).policy, "mine.yaml") is None


def test_an_agents_call_is_allowed_to_that_agent_and_that_tenant_alone() -> None:
    acme = Principal("ada", (), "acme")
    policy = bound(added(HEAD + OTHER, like({}, acme, "clerk")))
    clerk, other = (RunScope("run_1", name, ("*",)) for name in ("clerk", "other"))
    assert decided(policy, acme, {}, clerk) == "allow"
    assert decided(policy, acme, {}, other) == decided(policy, acme, {}) == "deny"
    assert decided(policy, ADA, {}, clerk) == "deny"


def test_ids_are_free_and_names_with_patterns_in_them_are_no_callers() -> None:
    assert rule_like(like(None), {"allow-crm-act"}).startswith("- id: allow-crm-act-2\n")
    assert can_be_written(like(None))
    assert not can_be_written(like(None, Principal("a*")))
    assert not can_be_written(like(None, Principal("a b")))


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\x07", "\u2028", "\ufeff"])
def test_characters_that_cannot_be_seen_are_named_with_their_line(hidden: str) -> None:
    assert flaw_in_text(f"a: b\n# x{hidden}y\n") == (
        f"Line 2 has a character that cannot be seen: U+{ord(hidden):04X}."
    )
    assert flaw_in_text("a: b\n\t# größer 二\u3000\u00a0x\n") == ""
