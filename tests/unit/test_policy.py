"""Policy: what is refused in a file, what a rule means, how it binds, and laws that hold for every policy."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core import agent_tools
from gateway.core.catalog import Catalog, CatalogTool, ToolFacts, build_catalog
from gateway.core.policy import BoundPolicy, Decision, PolicySource, bind, parse_policy
from tests.examples import examples
from tests.policies import policy, source
from tests.twins import listing
from toolward.errors import ConfigurationError
from toolward.types import Agent, JsonObject, Principal, RunScope, Tool

REFUND: JsonObject = {
    "type": "object",
    "properties": {
        "payment_id": {"type": "string"},
        "amount_minor": {"type": "integer"},
        "reason": {"type": "string"},
        "options": {"type": "object"},
    },
    "required": ["payment_id", "amount_minor"],
}
ADA = Principal("ada", ("support",), "acme")
EVE = Principal("eve", (), "acme")


def catalog() -> Catalog:
    crm = listing("crm", Tool("refund", input_schema=REFUND), Tool("get_record"))
    return build_catalog(
        [crm, listing("files", Tool("read_file"))], {"crm.get_record": ToolFacts(changes=False)}
    )


def bound(text: str) -> BoundPolicy:
    return bind(policy("version: 1\nrules:\n" + text), catalog())


def tool(name: str) -> CatalogTool:
    found = catalog().find(name)
    assert found is not None
    return found


def decide(
    text: str, name: str = "crm.refund", who: Principal = ADA, run: RunScope | None = None, **arguments: Any
) -> Decision:
    return bound(text).decide(who, tool(name), arguments, run)


# --- files ----------------------------------------------------------------------------------------------

RULE = "version: 1\nrules:\n  - id: a\n    tools: [crm.refund]\n    effect: allow\n"
MISTAKES = {
    "[]": "a policy is a mapping",
    "rules: []": "the version is missing",
    "version: 2\nrules: []": "version 2 is not known",
    "version: true\nrules: []": "version True is not known",
    "version: 1": "`rules` must be a list",
    "version: 1\nrules: []\nrule: []": "3: there is no key 'rule' here, did you mean 'rules'?",
    "version: 1\nrules: [x]": "a rule is a mapping",
    RULE + "    efect: deny": "6: there is no key 'efect' here, did you mean 'effect'?",
    RULE.replace("allow", "alow"): "5: the effect 'alow' is not allow, ask or deny; did you mean allow?",
    RULE.replace("    effect: allow\n", ""): "3: `effect` is missing",
    RULE.replace("id: a", "id: A b"): "the id 'A b' must be",
    RULE.replace(
        "[crm.refund]", "crm.refund"
    ): "4: `tools` must be a list, and not empty: write [crm.refund]",
    RULE.replace("[crm.refund]", "[]"): "`tools` must be a list, and not empty",
    RULE.replace("    tools: [crm.refund]\n", ""): "`tools` is missing",
    RULE.replace("crm.refund", "refund"): "names no backend: write BACKEND.refund",
    RULE.replace("crm.refund", "crm__refund"): "is an alias: write crm.refund",
    RULE.replace("crm.refund", '"crm.?"'): "only * is a wildcard",
    RULE.replace("crm.refund", '"crm.[ab]"'): "only * is a wildcard",
    RULE.replace("crm.refund", "3"): "3 in `tools` is not a text",
    RULE + "    principals: [support]": "is none of user:NAME, role:NAME",
    RULE + "    principals: [rol:support]": "did you mean role:support?",
    RULE + "    principals: []": "`principals` must be a list, and not empty",
    RULE + "    approvers: [role:lead]": "only a rule with `effect: ask` has approvers",
    RULE.replace("allow", "ask"): "`approvers` is missing",
    RULE.replace("allow", "ask") + "    approvers: [agent:x]": "is none of user:NAME, role:NAME, tenant:NAME",
    RULE + "    when: args.a >": "6: The condition is wrong",
    RULE + "    principals: [role: support]": "is not a text: write 'role:support'",
    RULE + "    when: args.a = 5": "Write == in place of =.",
    RULE + "    when: args.a > 5 and args.a < 9": "Write && in place of and.",
    RULE + "    when: not given.a": "Write ! in place of not.",
    RULE + "    when: args.a == ' and ' &&": "it ends too early",
    RULE + "    args: {a: {maximum: 5}}": "keyword 'a'; if it is an argument, write it under",
    RULE + "    when: ''": "`when` must be a text, and not empty",
    RULE + "    origin: {a: user}": "must be a list like [user, trusted]",
    RULE + "    origin: []": "`origin` must be a mapping of arguments",
    RULE + "    args: []": "`args` must be a JSON Schema",
    RULE + "    args: {}": "`args` must be a JSON Schema",
    RULE + "    args: {minimum: 3}": "constrain arguments under `properties`",
    RULE + "    args: {anyOf: [{required: [a]}]}": "'anyOf' cannot stand here",
    RULE + "    args: {propertis: {}}": "did you mean 'properties'?",
    RULE
    + "    args:\n      properties:\n        a: {type: integer, maximun: 3}": "8: there is no keyword 'maximun'",
    RULE + "    args: {properties: {a: {type: string, format: email}}}": "`format` is not checked",
    RULE + "    args: {properties: {a: {items: {maxLenght: 3}}}}": "did you mean 'maxLength'?",
    RULE + "    args: {properties: {a: {type: strin}}}": "not a valid JSON Schema",
    RULE + "    args: {properties: {a: {const: 2020-01-01}}}": "not a valid JSON Schema",
    RULE + RULE.partition("rules:\n")[2]: "6: the id a is taken by the rule at policy.yaml:3",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_a_file_is_refused_with_file_and_line(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        policy(text)
    assert "policy.yaml:" in caught.value.message
    assert MISTAKES[text] in caught.value.message


def test_all_mistakes_of_all_files_are_told_at_once() -> None:
    good = RULE + "    when: args.a >"
    with pytest.raises(ConfigurationError) as caught:
        parse_policy([source(good, "one.yaml"), source(RULE + "    wen: true", "two.yaml")])
    assert "one.yaml:6" in caught.value.message
    assert "two.yaml:6" in caught.value.message


def test_without_known_lines_the_file_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"old\.yaml: `rules` must be a list"):
        parse_policy([PolicySource("old.yaml", {"version": 1})])


def test_several_files_are_one_policy_and_ids_are_unique_over_all() -> None:
    two = RULE.replace("id: a", "id: b")
    merged = parse_policy([source(RULE, "one.yaml"), source(two, "two.yaml")])
    assert [(rule.id, rule.where()) for rule in merged.rules] == [("a", "one.yaml:3"), ("b", "two.yaml:3")]
    with pytest.raises(
        ConfigurationError, match=r"two\.yaml:3: the id a is taken by the rule at one\.yaml:3"
    ):
        parse_policy([source(RULE, "one.yaml"), source(RULE, "two.yaml")])


def test_the_digest_follows_the_meaning_and_not_the_comments() -> None:
    assert policy("# why\n" + RULE).digest == policy(RULE).digest
    assert policy(RULE.replace("allow", "deny")).digest != policy(RULE).digest


# --- effects --------------------------------------------------------------------------------------------

ALLOW = "  - {id: yes, tools: ['crm.*'], effect: allow}\n"
ASK = "  - {id: maybe, tools: ['crm.*'], effect: ask, approvers: [role:lead]}\n"
DENY = "  - {id: never, tools: ['crm.*'], effect: deny, description: Not here}\n"


def test_what_no_rule_speaks_of_is_denied() -> None:
    decision = decide("  []")
    assert (decision.effect, decision.rule, decision.reason) == ("deny", "", "no rule allows it")
    assert decide(ALLOW, "files.read_file").effect == "deny"


@pytest.mark.parametrize("text", [ALLOW + ASK + DENY, DENY + ASK + ALLOW, ASK + DENY + ALLOW])
def test_deny_goes_before_ask_before_allow_in_any_order(text: str) -> None:
    decision = decide(text)
    assert (decision.effect, decision.rule) == ("deny", "never")
    assert decision.reason == "the rule never denies it: Not here"
    assert decide(text.replace(DENY, "")).effect == "ask"
    assert decide(ALLOW).effect == "allow"


def test_an_ask_names_its_approvers_and_every_decision_its_version() -> None:
    decision = decide(ASK)
    assert decision.approvers == ("role:lead",)
    assert decision.version == bound(ASK).version
    assert bound(ASK).version != bound(DENY).version
    other = bind(policy("version: 1\nrules:\n" + ASK), build_catalog([listing("crm", Tool("x"))]))
    assert other.version != bound(ASK).version


@pytest.mark.parametrize(
    ("principals", "matches"),
    [
        ("['*']", True),
        ("['user:ada']", True),
        ("['role:support']", True),
        ("['role:sup*']", True),
        ("['tenant:acme']", True),
        ("['role:lead', 'user:ada']", True),
        ("['role:lead']", False),
        ("['user:ad']", False),
        ("['role:SUPPORT']", False),
        ("['agent:support']", False),
        ("['user:*da*x']", False),
    ],
)
def test_principals_are_globs_over_labels(principals: str, matches: bool) -> None:
    rule = f"  - {{id: a, tools: ['*'], principals: {principals}, effect: allow}}\n"
    assert decide(rule).effect == ("allow" if matches else "deny")


class TestRun:
    SUPPORT = RunScope("run_1", "support", ("crm.*",))

    def test_a_rule_can_name_the_agent(self) -> None:
        rule = "  - {id: a, tools: ['*'], principals: ['agent:support'], effect: allow}\n"
        assert decide(rule, run=self.SUPPORT).effect == "allow"
        assert decide(rule).effect == "deny"
        assert decide(rule, who=Principal("agent:support")).effect == "deny"

    def test_an_agent_has_only_its_tools(self) -> None:
        everything = "  - {id: a, tools: ['*'], effect: allow}\n"
        decision = decide(everything, "files.read_file", run=self.SUPPORT)
        assert (decision.effect, decision.rule) == ("deny", "agent:support")
        assert not bound(everything).listable(ADA, tool("files.read_file"), self.SUPPORT)
        assert bound(everything).listable(ADA, tool("crm.refund"), self.SUPPORT)


class TestConstraints:
    SMALL = (
        "  - id: small\n    tools: [crm.refund]\n    effect: allow\n    args:\n      required: [amount_minor]\n"
        "      properties:\n        amount_minor: {type: integer, minimum: 1, maximum: 5000}\n"
    )

    def test_a_rule_is_for_the_arguments_that_its_schema_accepts(self) -> None:
        assert decide(self.SMALL, amount_minor=5000).effect == "allow"
        for other in (5001, 0, -1, "5", None, 4999.5):
            assert decide(self.SMALL, amount_minor=other).effect == "deny"
        assert decide(self.SMALL).effect == "deny"

    def test_a_condition_that_fails_never_allows(self) -> None:
        rule = "  - {id: a, tools: [crm.refund], effect: allow, when: args.reason == 'x'}\n"
        assert decide(rule).effect == "deny"
        assert decide(rule, reason="x").effect == "allow"

    def test_a_condition_that_fails_does_not_stop_an_ask_or_a_deny(self) -> None:
        rule = "  - {id: a, tools: [crm.refund], effect: EFFECT, when: args.reason == 'x'}\n"
        deny = decide(ALLOW + rule.replace("EFFECT", "deny"))
        assert (deny.effect, deny.rule) == ("deny", "a")
        ask = decide(ALLOW + rule.replace("EFFECT", "ask").replace("}", ", approvers: [role:lead]}"))
        assert (ask.effect, ask.rule) == ("ask", "a")
        assert decide(ALLOW + rule.replace("EFFECT", "deny"), reason="y").effect == "allow"

    def test_outside_a_run_no_origin_is_known_so_it_never_allows_and_always_restrains(self) -> None:
        rule = "  - {id: a, tools: [crm.refund], effect: EFFECT, origin: {payment_id: [user]}}\n"
        allow = bound(rule.replace("EFFECT", "allow"))
        assert allow.decide(ADA, tool("crm.refund"), {}).effect == "deny"
        assert allow.listable(ADA, tool("crm.refund"))
        assert decide(ALLOW + rule.replace("EFFECT", "deny")).effect == "deny"


# --- binding --------------------------------------------------------------------------------------------

MISFITS = {
    "effect: deny, when: args.amont_minor > 5": "did you mean args.amount_minor?",
    "effect: deny, when: args.amount_minor > '5'": "does not go with int, string",
    "effect: deny, args: {properties: {amont_minor: {type: integer}}}": "did you mean 'amount_minor'?",
    "effect: deny, args: {required: [resaon]}": "did you mean 'reason'?",
    "effect: deny, origin: {payment: [user]}": "did you mean 'payment_id'?",
    "effect: deny, args: {properties: {amount_minor: {type: string}}}": "its amount_minor is integer",
    "effect: deny, args: {properties: {amount_minor: {const: x}}}": "the rule wants string",
    "effect: allow, args: {properties: {amount_minor: {type: integer}}}": "is not in `required`",
    "effect: allow, args: {required: [amount_minor], properties: {amount_minor: {minimum: 1}}}": "no `type`",
    "effect: allow, args: {required: [options], properties: {options: {type: object, properties: {a: {type: "
    "integer}}}}}": "a is not in `required`",
}


@pytest.mark.parametrize("fields", MISFITS)
def test_a_rule_that_does_not_fit_a_tool_denies_that_tool_and_says_so(fields: str) -> None:
    everything = "  - {id: all, tools: ['*'], effect: allow}\n"
    policy_bound = bound(everything + f"  - {{id: bad, tools: [crm.refund], {fields}}}\n")
    (problem,) = policy_bound.problems
    assert problem.startswith("policy.yaml:4: the rule bad does not fit crm.refund: ")
    assert MISFITS[fields].lower() in problem.lower()
    decision = policy_bound.decide(ADA, tool("crm.refund"), {"amount_minor": 1, "payment_id": "x"})
    assert (decision.effect, decision.rule) == ("deny", "bad")
    assert not policy_bound.listable(ADA, tool("crm.refund"))
    assert policy_bound.decide(ADA, tool("crm.get_record"), {}).effect == "allow"


def test_a_misfit_is_told_with_the_line_of_the_argument() -> None:
    text = TestConstraints.SMALL.replace("amount_minor:", "amont_minor:").replace("[amount", "[amont")
    assert bound(text).problems[0].startswith("policy.yaml:9: ")


def test_a_rule_over_a_tool_that_is_not_there_is_a_warning_and_allows_nothing() -> None:
    policy_bound = bound("  - {id: a, tools: [crm.refnd, 'web.*'], effect: allow}\n")
    assert policy_bound.problems == ()
    assert policy_bound.warnings == (
        "policy.yaml:3: the rule a names crm.refnd, and there is no such tool; did you mean crm.refund?",
        "policy.yaml:3: the rule a names web.*, and there is no such tool; the rule waits until there is one",
    )


def test_a_rule_that_names_an_agent_that_is_not_there_is_a_warning() -> None:
    agents = agent_tools.listing((Agent("night"), Agent("support")))
    rules = policy("""
version: 1
rules:
  - {id: a, principals: ['agent:nihgt', 'agent:support', 'agent:n*'], tools: ['*'], effect: deny}
  - {id: b, operations: [run.start], resource: {agent: [suport]}, effect: allow}
""")
    assert bind(rules, build_catalog([agents])).warnings == (
        "policy.yaml:4: the rule a names the agent nihgt, and there is no such agent; did you mean night?",
        "policy.yaml:5: the rule b names the agent suport, and there is no such agent; did you mean support?",
    )
    assert bind(rules, catalog()).warnings == ()  # nobody said which there are


def test_a_value_with_a_nul_character_neither_passes_nor_escapes_a_condition() -> None:
    rules = """
  - {id: short, tools: [crm.refund], when: size(args.payment_id) < 9, effect: allow}
  - {id: never, tools: [crm.refund], when: args.payment_id.contains('secret'), effect: deny}
"""
    assert decide(rules, amount_minor=1, payment_id="PAY").effect == "allow"
    decision = decide(rules, amount_minor=1, payment_id="PAY\0secret")
    assert (decision.effect, decision.rule) == ("deny", "never")


def test_a_rule_over_a_backend_that_is_not_running_says_that() -> None:
    down = build_catalog([listing("crm", problem="connection refused")])
    warnings = bind(policy("version: 1\nrules:\n" + ALLOW), down).warnings
    assert "the backend crm is not running: connection refused" in warnings[0]


def test_a_tool_that_came_after_binding_is_denied() -> None:
    later = build_catalog([listing("crm", Tool("later"))]).tools[0]
    assert bound(ALLOW).decide(ADA, later, {}).effect == "deny"
    assert not bound(ALLOW).listable(ADA, later)


# --- listing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("  []", False),
        (ALLOW, True),
        (ASK, True),
        (ALLOW + DENY, False),
        (ALLOW + "  - {id: d, tools: ['*'], effect: deny, when: args.amount_minor > 5}\n", True),
        (ALLOW + "  - {id: d, tools: ['*'], effect: deny, when: tool.backend == 'crm'}\n", False),
        (ALLOW + "  - {id: d, tools: ['*'], effect: deny, when: principal.id == 'eve'}\n", True),
        ("  - {id: a, tools: ['*'], effect: allow, when: principal.id == 'eve'}\n", False),
        (
            "  - {id: a, tools: ['*'], effect: allow, when: principal.id == 'eve' && args.reason == 'x'}\n",
            False,
        ),
        ("  - {id: a, tools: ['*'], effect: allow, when: args.reason == 'x'}\n", True),
        (TestConstraints.SMALL, True),
        (ALLOW + "  - {id: d, tools: ['*'], principals: ['role:other'], effect: deny}\n", True),
    ],
)
def test_a_tool_is_listed_when_some_call_of_it_could_go_through(text: str, listed: bool) -> None:
    assert bound(text).listable(ADA, tool("crm.refund")) is listed


# --- explaining -----------------------------------------------------------------------------------------


def test_explains_every_rule_and_which_one_decided() -> None:
    text = (
        ALLOW
        + "  - {id: others, tools: ['*'], principals: ['role:lead'], effect: deny}\n"
        + "  - {id: files, tools: ['files.*'], effect: deny}\n"
        + "  - {id: big, tools: [crm.refund], effect: deny, when: args.amount_minor > 5}\n"
        + "  - {id: unsure, tools: [crm.refund], effect: ask, approvers: [self], when: args.reason == 'x'}\n"
        + TestConstraints.SMALL
    )
    explained = bound(text).explain(ADA, tool("crm.refund"), {"amount_minor": 3})
    assert [(one.rule, one.where, one.matched, one.decided) for one in explained] == [
        ("yes", "policy.yaml:3", True, False),
        ("others", "policy.yaml:4", False, False),
        ("files", "policy.yaml:5", False, False),
        ("big", "policy.yaml:6", False, False),
        ("unsure", "policy.yaml:7", True, True),
        ("small", "policy.yaml:8", True, False),
    ]
    assert [one.why for one in explained] == [
        "matches, but unsure decides",
        "is for other callers",
        "is for other tools",
        "does not match: its condition is false",
        "has a condition that could not be evaluated (args.reason is not given), so it applies",
        "matches, but unsure decides",
    ]


def test_explains_what_the_agent_and_a_misfit_forbid() -> None:
    run = RunScope("run_1", "clerk", ("files.*",))
    first = bound(ALLOW).explain(ADA, tool("crm.refund"), {}, run)[0]
    assert (first.rule, first.decided) == ("agent:clerk", True)
    bad = ALLOW + "  - {id: bad, tools: [crm.refund], effect: deny, when: args.nope}\n"
    explained = bound(bad).explain(ADA, tool("crm.refund"), {})
    assert [(one.rule, one.decided) for one in explained] == [("yes", False), ("bad", True)]
    assert "does not fit crm.refund" in explained[1].why


# --- laws -----------------------------------------------------------------------------------------------

_LABELS = ["user:ada", "role:support", "role:*", "tenant:acme", "agent:clerk", "*", "user:eve"]
_WHENS = [
    None,
    "args.amount_minor > 10",
    "args.reason == 'x'",
    "given.reason",
    "principal.id == 'ada'",
    "tool.changes",
    "run.agent == 'clerk' || args.amount_minor == 3",
    "principal.id == 'eve' && args.reason != ''",
]
_ARGS = [
    None,
    {"required": ["amount_minor"], "properties": {"amount_minor": {"type": "integer", "maximum": 10}}},
    {"required": ["reason"], "properties": {"reason": {"type": "string", "minLength": 1}}},
]


@st.composite
def rules(draw: st.DrawFn, effects: tuple[str, ...] = ("allow", "ask", "deny")) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "tools": draw(st.lists(st.sampled_from(["*", "crm.*", "crm.refund"]), min_size=1, max_size=2)),
        "effect": draw(st.sampled_from(effects)),
    }
    optional = {
        "principals": draw(st.none() | st.lists(st.sampled_from(_LABELS), min_size=1, max_size=2)),
        "when": draw(st.sampled_from(_WHENS)),
        "args": draw(st.sampled_from(_ARGS)),
        "origin": draw(st.sampled_from([None, None, None, {"reason": ["user"]}])),
    }
    rule |= {key: value for key, value in optional.items() if value is not None}
    if rule["effect"] == "ask":
        rule["approvers"] = ["role:lead"]
    return rule


_CALLS = st.fixed_dictionaries(
    {"payment_id": st.just("P"), "amount_minor": st.sampled_from([3, 10, 11, 2**80])},
    optional={"reason": st.sampled_from(["", "x", "y"])},
)
_RUNS = st.sampled_from([None, RunScope("r", "clerk", ("crm.*",)), RunScope("r", "clerk", ("files.*",))])
_CALLERS = st.sampled_from([ADA, EVE, Principal("eve", ("support",), "acme")])
_ONE_TOOL = build_catalog([listing("crm", Tool("refund", input_schema=REFUND))])


def bind_rules(written: list[dict[str, Any]]) -> BoundPolicy:
    numbered = [{"id": f"r{number}", **rule} for number, rule in enumerate(written)]
    found = bind(parse_policy([PolicySource("x.yaml", {"version": 1, "rules": numbered})]), _ONE_TOOL)
    assert found.problems == ()
    return found


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(rules(), max_size=6), rules(("deny",)), _CALLERS, _CALLS, _RUNS)
def test_law_nothing_allows_what_a_deny_matches_and_a_deny_never_allows_more(
    written: list[dict[str, Any]],
    deny: dict[str, Any],
    who: Principal,
    call: JsonObject,
    run: RunScope | None,
) -> None:
    target = _ONE_TOOL.tools[0]
    alone = bind_rules([{"tools": ["*"], "effect": "allow"}, deny]).decide(who, target, call, run)
    before = bind_rules(written).decide(who, target, call, run)
    after = bind_rules([*written, deny]).decide(who, target, call, run)
    if alone.effect == "deny":
        assert after.effect == "deny"
    order = ["deny", "ask", "allow"]
    assert order.index(after.effect) <= order.index(before.effect)


@settings(max_examples=examples(70), deadline=None)
@given(st.lists(rules(), max_size=6), _CALLERS, _CALLS, _RUNS)
def test_law_list_and_call_agree(
    written: list[dict[str, Any]], who: Principal, call: JsonObject, run: RunScope | None
) -> None:
    target = _ONE_TOOL.tools[0]
    found = bind_rules(written)
    decision = found.decide(who, target, call, run)
    if decision.effect != "deny":
        assert found.listable(who, target, run)
    if not found.listable(who, target, run):
        assert decision.effect == "deny"


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(rules(), max_size=6), _CALLERS, _CALLS, _RUNS)
def test_law_explain_says_what_decide_does(
    written: list[dict[str, Any]], who: Principal, call: JsonObject, run: RunScope | None
) -> None:
    target = _ONE_TOOL.tools[0]
    found = bind_rules(written)
    decision = found.decide(who, target, call, run)
    explained = found.explain(who, target, call, run)
    assert [one.rule for one in explained if one.decided] == ([decision.rule] if decision.rule else [])
    matching = {one.effect for one in explained if one.matched}
    assert decision.effect == next((e for e in ("deny", "ask", "allow") if e in matching), "deny")
