"""Laws that hold for every policy, principal and call; and that the shortcuts of `gateway.core` decide exactly as
a plain reading of the rules does."""

from collections.abc import Sequence
from typing import Any, Literal, cast, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.arguments import argument_types
from gateway.core.catalog import CatalogTool, ToolFacts, build_catalog
from gateway.core.conditions import Conditions, Failed
from gateway.core.guards import Among, Begins, Between, alternatives, guards_of_args
from gateway.core.policy import BoundPolicy, Effect, PolicySource, bind, parse_policy
from gateway.core.rules import Rule
from gateway.core.selection import Values, positions
from tests.examples import examples
from tests.twins import listing
from toolward.types import JsonObject, Origin, Principal, RunScope, Tool

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "amount": {"type": "integer"},
        "reason": {"type": "string"},
        "path": {"type": "string"},
        "rate": {"type": "number"},
        "note": {},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
CATALOG = build_catalog(
    [listing("crm", Tool("refund", input_schema=SCHEMA), Tool("get", input_schema=SCHEMA))],
    {"crm.get": ToolFacts(changes=False)},
)
REFUND, GET = (CATALOG.find(name) for name in ("crm.refund", "crm.get"))
TYPES = argument_types(SCHEMA)

# --- what is drawn ----------------------------------------------------------------------------------------

LABELS = ["user:ada", "user:eve", "role:a", "role:b", "role:*", "tenant:acme", "agent:clerk", "*"]
COMPARED = [
    *(
        f"args.amount {operator} {number}"
        for operator in ("<", "<=", ">", ">=", "==", "!=")
        for number in (3, 7)
    ),
    *("7 >= args.amount", "3 < args.amount", "args.amount > -1", "args.amount > 9223372036854775807"),
    *("args.amount / (args.amount - 3) > 0", "args.amount == 9223372036854775807"),
    *("args.reason == 'x'", "'x' == args.reason", "args.reason != 'x'", "args.reason in ['x', 'é', '']"),
    *(
        "args.reason in []",
        "args.path.startsWith('n/')",
        "args.path.startsWith('')",
        "args.path.endsWith('d')",
    ),
    *("args.path.contains('..')", "args.rate > 0.5", "args.note == 'x'", "args.note == 3", "args.note > 3"),
    *("args.note in ['x', 'y']", "args.note.startsWith('x')", "'x' in args.tags", "args.tags == ['x']"),
    *("args.tags.exists(t, t == args.reason)", "given.reason", "!given.note", "given.amount"),
    *(
        "principal.id == 'ada'",
        "principal.tenant == 'acme'",
        "'a' in principal.roles",
        "'b' in principal.roles",
    ),
    *(
        "tool.changes",
        "tool.name == 'crm.get'",
        "run.agent == 'clerk'",
        "run.id == ''",
        "run.untrusted",
        "true",
        "false",
    ),
]
CONDITIONS = st.recursive(
    st.sampled_from(COMPARED),
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
    ),
    max_leaves=4,
)
ARGUMENT_SCHEMAS: dict[str, list[JsonObject]] = {
    "amount": [
        {"type": "integer", "maximum": 6},
        {"type": "integer", "minimum": 3, "maximum": 7},
        {"const": 3},
        {"enum": [3, 7.0]},
        {"enum": [3, 7, None]},
        {"type": "integer", "minimum": 2.5},
    ],
    "reason": [{"const": "x"}, {"enum": ["x", "é"]}, {"type": "string", "minLength": 1}],
    "note": [{"const": "x"}, {"enum": ["x", 3]}, {"type": "integer", "minimum": 3}, {"const": True}],
}


ORIGINS = (
    {"reason": ["user"]},
    {"reason": ["untrusted"]},
    {"note": ["user", "trusted"], "reason": ["user", "trusted", "model"]},
    {"tags": ["untrusted", "model"]},
)


@st.composite
def constraints(draw: st.DrawFn) -> JsonObject:
    named = draw(st.lists(st.sampled_from(sorted(ARGUMENT_SCHEMAS)), min_size=1, max_size=2, unique=True))
    properties = {name: draw(st.sampled_from(ARGUMENT_SCHEMAS[name])) for name in named}
    return {"required": named, "properties": properties}


@st.composite
def rules(draw: st.DrawFn, effects: Sequence[Effect] = get_args(Effect)) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "tools": draw(st.sampled_from([["*"], ["crm.*"], ["crm.refund"], ["crm.get"]])),
        "effect": draw(st.sampled_from(effects)),
    }
    optional = {
        "principals": draw(st.none() | st.lists(st.sampled_from(LABELS), min_size=1, max_size=2)),
        "when": draw(st.none() | CONDITIONS),
        "args": draw(st.none() | constraints()),
        "origin": draw(st.sampled_from([None, None, None, *ORIGINS])),
    }
    rule |= {key: value for key, value in optional.items() if value is not None}
    if rule["effect"] == "ask":
        rule["approvers"] = ["role:lead"]
    return rule


POLICIES = st.lists(rules(), max_size=7)
# No half of a surrogate pair: JSON with one is refused before policy.
TEXTS = st.sampled_from(["", "x", "y", "é", "n/a.d", "n", "../d"])
ODD = st.none() | st.booleans() | st.sampled_from([3, 7, 3.0, 2**63, "x", [3], ["x"], {"a": 1}])
CALLS = st.fixed_dictionaries(
    {},
    optional={
        # Validation stands before policy; here are also values that it would refuse, since no rule may rely on it.
        "amount": st.sampled_from([-(2**63), -1, 0, 2, 3, 4, 7, 8, 2**63 - 1, 2**63, 2**80, 3.0]) | ODD,
        "reason": TEXTS | ODD,
        "path": TEXTS,
        "rate": st.sampled_from([0, 1, 0.5, 0.6]),
        "note": TEXTS | ODD,
        "tags": st.lists(TEXTS, max_size=3),
    },
)
CALLERS = st.sampled_from(
    [
        Principal("ada", ("a",), "acme"),
        Principal("eve", (), "acme"),
        Principal("eve", ("a", "b"), "other"),
        Principal("é", ("é", "b")),
    ]
)
RECORDED = (
    *(Origin("/reason", "user", "the input"), Origin("/note", "untrusted", "a result")),
    *(
        Origin("/tags/0", "trusted", "a result"),
        Origin("/tags/1", "model", "itself"),
        Origin("/tags", "model", ""),
    ),
)
RUNS = st.sampled_from(
    [
        None,
        RunScope("r", "clerk", ("crm.*",)),
        RunScope("r", "other", ("crm.get",)),
        RunScope("r", "clerk", ("crm.*",), untrusted=False, origins=RECORDED),
        RunScope("r", "clerk", ("crm.*",), untrusted=True, origins=RECORDED[:2]),
    ]
)
TOOLS = st.sampled_from([tool for tool in (REFUND, GET) if tool is not None])

MANY = settings(max_examples=40, deadline=None)


def bound(written: list[dict[str, Any]], files: int = 1) -> BoundPolicy:
    numbered = [{"id": rule.get("id", f"r{number}")} | rule for number, rule in enumerate(written)]
    sources = [
        PolicySource(f"{file}.yaml", {"version": 1, "rules": numbered[file::files]}) for file in range(files)
    ]
    found = bind(parse_policy(sources), CATALOG)
    assert found.problems == ()
    return found


# --- the plain reading ------------------------------------------------------------------------------------

Answer = Literal["yes", "no", "open", "failed", "unknown"]


def plain_answer(
    rule: Rule, who: Principal, tool: CatalogTool, arguments: JsonObject | None, run: RunScope | None
) -> Answer:
    """What one rule makes of one call, from the rule alone."""
    labels = [f"user:{who.id}", f"tenant:{who.tenant}", *(f"role:{role}" for role in who.roles)]
    labels += [f"agent:{run.agent}"] if run else []
    if not rule.tools.matches(tool.name):
        return "no"
    if rule.principals is not None and not rule.principals.matches_any(labels):
        return "no"
    answer: Answer = "yes"
    if rule.args_schema is not None:
        if arguments is None:
            answer = "open"
        elif not rule.args_schema.accepts(arguments):
            return "no"
    if rule.when:
        found = plain_condition(rule.when, who, tool, arguments, run)
        if found is False:
            return "no"
        if found is not True:
            answer = "open" if arguments is None else "failed"
    return plain_origin(rule, arguments, run, answer) if rule.origin else answer


def plain_origin(rule: Rule, arguments: JsonObject | None, run: RunScope | None, answer: Answer) -> Answer:
    """What `origin` makes of an answer of the rest of the rule; `unknown` for a call of which nothing is known."""
    known = None if run is None or run.origins is None else {one.path: one.label for one in run.origins}
    if arguments is None:
        return "open"
    if known is None:
        return "unknown"
    found: list[tuple[str | None, bool]] = []
    for name, wanted in rule.origin.items():
        value: Any = arguments.get(name, [])
        paths = [f"/{name}"] if name in arguments else []
        if isinstance(value, dict) and value:
            paths = [f"/{name}/{key}" for key in cast(JsonObject, value)]
        elif isinstance(value, list) and value:
            paths = [f"/{name}/{at}" for at, _ in enumerate(cast(list[Any], value))]
        found += [(known.get(path), known.get(path) in wanted) for path in paths]
    if restrains(rule):
        if any(fits for _, fits in found):
            return answer
        return "unknown" if any(label is None for label, _ in found) else "no"
    if any(label is not None and not fits for label, fits in found):
        return "no"
    return "unknown" if any(label is None for label, _ in found) else answer


def restrains(rule: Rule) -> bool:
    named = {label for labels in rule.origin.values() for label in labels}
    return rule.effect == "deny" or (rule.effect == "ask" and bool(named & {"untrusted", "model"}))


def plain_condition(
    text: str, who: Principal, tool: CatalogTool, arguments: JsonObject | None, run: RunScope | None
) -> bool | Failed:
    """Compiled alone, with every variable there is, and no activation shared."""
    values: dict[str, Any] = {
        "principal.id": who.id,
        "principal.tenant": who.tenant,
        "principal.roles": list(who.roles),
        "tool.name": tool.name,
        "tool.backend": tool.backend,
        "tool.changes": tool.facts.changes,
        "tool.idempotent": tool.facts.idempotent,
        "tool.keeps_keys": tool.facts.keeps_keys,
        "run.id": run.run_id if run else "",
        "run.agent": run.agent if run else "",
    }
    if arguments is not None:
        values["run.untrusted"] = run is None or run.untrusted is not False
    if arguments is not None:
        values |= {f"given.{name}": name in arguments for name in TYPES}
        values |= {f"args.{name}": value for name, value in arguments.items()}
    return COMPILED.compile(text, TYPES).evaluate(values)


COMPILED = Conditions()


def plain_decision(
    policy: BoundPolicy, who: Principal, tool: CatalogTool, arguments: JsonObject, run: RunScope | None
) -> tuple[str, str]:
    """Effect and deciding rule: of what applies deny, else ask, else allow; the first in the files."""
    if run is not None and not any(name in ("crm.*", tool.name) for name in run.tools):
        return "deny", f"agent:{run.agent}"
    for effect in ("deny", "ask", "allow"):
        for rule in policy.policy.rules:
            if rule.effect == effect and applies(rule, plain_answer(rule, who, tool, arguments, run)):
                return effect, rule.id
    return "deny", ""


def applies(rule: Rule, answer: Answer) -> bool:
    if answer == "unknown":
        return restrains(rule)
    return answer == "yes" or (answer == "failed" and rule.effect != "allow")


def plain_listable(policy: BoundPolicy, who: Principal, tool: CatalogTool, run: RunScope | None) -> bool:
    if run is not None and not any(name in ("crm.*", tool.name) for name in run.tools):
        return False
    over = policy.policy.rules
    answers: list[tuple[Rule, Answer]] = [(rule, plain_answer(rule, who, tool, None, run)) for rule in over]
    if any(rule.effect == "deny" and applies(rule, answer) for rule, answer in answers):
        return False
    return any(answer == "open" or applies(rule, answer) for rule, answer in answers if rule.effect != "deny")


@settings(max_examples=examples(60), deadline=None)
@given(POLICIES, CALLERS, TOOLS, CALLS, RUNS)
def test_the_fast_path_decides_as_the_plain_reading(
    written: list[dict[str, Any]], who: Principal, tool: CatalogTool, call: JsonObject, run: RunScope | None
) -> None:
    policy = bound(written)
    decision = policy.decide(who, tool, call, run)
    assert (decision.effect, decision.rule) == plain_decision(policy, who, tool, call, run)
    assert policy.listable(who, tool, run) == plain_listable(policy, who, tool, run)


# --- laws -------------------------------------------------------------------------------------------------


@MANY
@given(POLICIES, rules(("deny",)), CALLERS, TOOLS, CALLS, RUNS)
def test_nothing_allows_what_a_deny_matches_and_a_deny_never_allows_more(
    written: list[dict[str, Any]],
    deny: dict[str, Any],
    who: Principal,
    tool: CatalogTool,
    call: JsonObject,
    run: RunScope | None,
) -> None:
    order = get_args(Effect)[::-1]
    assert order == ("deny", "ask", "allow")
    alone = bound([{"tools": ["*"], "effect": "allow"}, deny]).decide(who, tool, call, run)
    before, after = bound(written), bound([*written, {"id": "deny"} | deny])
    was, now = (policy.decide(who, tool, call, run) for policy in (before, after))
    if alone.effect == "deny":
        assert now.effect == "deny"
    assert order.index(now.effect) <= order.index(was.effect)
    assert before.listable(who, tool, run) or not after.listable(who, tool, run)


@MANY
@given(POLICIES, CALLERS, TOOLS, st.lists(CALLS, min_size=1, max_size=4), RUNS)
def test_list_and_call_agree(
    written: list[dict[str, Any]],
    who: Principal,
    tool: CatalogTool,
    calls: list[JsonObject],
    run: RunScope | None,
) -> None:
    policy = bound(written)
    if any(policy.decide(who, tool, call, run).effect != "deny" for call in calls):
        assert policy.listable(who, tool, run)


@MANY
@given(st.lists(rules(("ask", "deny")), max_size=5), CONDITIONS, CALLERS, TOOLS, CALLS, RUNS)
def test_a_condition_that_errs_never_allows_and_always_restrains(
    written: list[dict[str, Any]],
    condition: str,
    who: Principal,
    tool: CatalogTool,
    call: JsonObject,
    run: RunScope | None,
) -> None:
    errs = f"({condition}) && args.amount / 0 == 1"
    answer = plain_condition(errs, who, tool, call, run)
    assert answer is not True
    here = run is None or "crm.*" in run.tools or tool.name in run.tools
    only_allow = bound([*written, {"tools": ["*"], "effect": "allow", "when": errs}])
    assert only_allow.decide(who, tool, call, run).effect != "allow"
    if isinstance(answer, Failed) and here:
        allow: dict[str, Any] = {"id": "all", "tools": ["*"], "effect": "allow"}
        ask = {"tools": ["*"], "effect": "ask", "when": errs, "approvers": ["role:lead"]}
        deny = {"tools": ["*"], "effect": "deny", "when": errs}
        assert bound([allow, ask]).decide(who, tool, call, run).effect == "ask"
        assert bound([allow, deny]).decide(who, tool, call, run).effect == "deny"


@MANY
@given(st.data(), POLICIES, CALLERS, TOOLS, CALLS, RUNS)
def test_neither_the_order_of_rules_nor_of_files_matters_to_the_effect(
    data: st.DataObject,
    written: list[dict[str, Any]],
    who: Principal,
    tool: CatalogTool,
    call: JsonObject,
    run: RunScope | None,
) -> None:
    named = [{"id": f"n{number}"} | rule for number, rule in enumerate(written)]
    other = bound(data.draw(st.permutations(named)), files=data.draw(st.integers(1, 3)))
    one = bound(named)
    assert one.decide(who, tool, call, run).effect == other.decide(who, tool, call, run).effect
    assert one.listable(who, tool, run) == other.listable(who, tool, run)


@MANY
@given(POLICIES, CALLERS, TOOLS, CALLS, RUNS)
def test_explaining_says_what_deciding_does(
    written: list[dict[str, Any]], who: Principal, tool: CatalogTool, call: JsonObject, run: RunScope | None
) -> None:
    policy = bound(written)
    decision = policy.decide(who, tool, call, run)
    explained = policy.explain(who, tool, call, run)
    assert [one.rule for one in explained if one.decided] == ([decision.rule] if decision.rule else [])


# --- guards -----------------------------------------------------------------------------------------------


PLAIN: list[tuple[str, list[dict[str, Any]]]] = [
    ("args.amount > 5 && args.amount <= 9", [{"args.amount": {Between(least=6), Between(most=9)}}]),
    ("5 < args.amount", [{"args.amount": {Between(least=6)}}]),
    ("args.amount >= -5", [{"args.amount": {Between(least=-5)}}]),
    (
        "args.amount == 5 || args.reason == 'x'",
        [{"args.amount": {Between(5, 5)}}, {"args.reason": {Among(frozenset("x"))}}],
    ),
    (
        "args.reason in ['x', 'y'] && 'a' in principal.roles",
        [{"args.reason": {Among(frozenset("xy"))}, "principal.roles": {Among(frozenset("a"))}}],
    ),
    ("args.path.startsWith('n/')", [{"args.path": {Begins("n/")}}]),
    ("!(args.amount > 5)", [{}]),
    ("args.amount != 5", [{}]),
    ("args.amount > 5 == given.reason", [{}]),
    ("args.reason < 'x'", [{}]),
    ("args.rate > 5.0", [{}]),
    ("args.reason.startsWith(args.path)", [{}]),
    ("'n/'.startsWith(args.path)", [{}]),
    ("[5].exists(n, n == args.amount)", [{}]),
    ("args.amount > 5 ? true : false", [{}]),
]


@pytest.mark.parametrize(("text", "expected"), PLAIN)
def test_what_a_condition_says_plainly_is_found(text: str, expected: list[dict[str, Any]]) -> None:
    found = COMPILED.compile(text, TYPES).alternatives
    plain = [{name: set(guards) for name, guards in one.items()} for one in found]
    assert len(plain) == len(expected)
    assert all(one in expected for one in plain)


def test_rules_that_values_rule_out_are_not_possible() -> None:
    """The shortcut is one: it would decide rightly, and slowly, if it let everything through."""
    texts = ["args.amount > 5", "args.reason == 'x'", "args.path.startsWith('n/')", "'a' in principal.roles"]
    guards = [COMPILED.compile(text, TYPES).alternatives[0] for text in texts]
    guards.append(guards_of_args({"properties": {"amount": {"minimum": 3, "maximum": 4}}}))
    table = Values(guards)

    def possible(**values: Any) -> list[int]:
        named = {f"args.{name}": value for name, value in values.items() if name != "roles"}
        return list(positions(table.possible(named | {"principal.roles": values.get("roles", [])}, 0b11111)))

    assert possible(amount=4, reason="y", path="m/", roles=["b"]) == [4]
    assert possible(amount=6, reason="x", path="n/a", roles=["b", "a"]) == [0, 1, 2, 3]
    assert possible(amount=0, reason="x", path="n", roles=[]) == [1]
    assert possible() == [0, 1, 2, 4]
    assert possible(amount=2**63, reason="\ud800", path=None, roles=["\ud800"]) == [0, 1, 2, 3, 4]


def test_a_text_that_no_condition_can_read_is_no_way_around_a_deny() -> None:
    deny = {"tools": ["*"], "effect": "deny", "when": "args.reason == 'x'"}
    policy = bound([{"id": "all", "tools": ["*"], "effect": "allow"}, deny])
    decision = policy.decide(Principal("ada"), CATALOG.tools[0], {"reason": "\ud800"})
    assert (decision.effect, decision.rule) == ("deny", "r1")


@pytest.mark.parametrize(
    ("text", "plainly"),
    [
        ("args.amount > 5 && args.amount <= 9", True),
        ("args.amount > 5 && args.reason in ['x']", True),
        ("args.path.startsWith('n/')", True),
        ("args.amount > 5 && args.rate > 0.5", False),
        ("args.amount > 5 || args.amount < 3", False),
        ("args.amount > 9", False),
        ("args.note == 'x'", False),
    ],
)
def test_a_condition_of_plain_comparisons_is_true_without_being_evaluated(text: str, plainly: bool) -> None:
    values: JsonObject = {"args.amount": 9, "args.reason": "x", "args.path": "n/a", "args.rate": 0.6}
    assert COMPILED.compile(text, TYPES).plainly_true(values) is plainly


def test_a_form_that_is_not_known_is_no_guard() -> None:
    assert alternatives(b"") == ({},)
