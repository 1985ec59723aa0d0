"""Operations: what is not a tool call is decided too, and nobody may what no rule allows."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.catalog import build_catalog
from gateway.core.operations import OPERATIONS, flaw_in_resource
from gateway.core.policy import BoundPolicy, Policy, bind
from gateway.core.ports import RequestSpec, RunRecord
from gateway.runs.access import Access
from tests.policies import policy, shipped
from tests.twins import listing
from toolward.errors import ConfigurationError, Denied, NotFound
from toolward.types import InputRequest, Principal, RequestKind, RequestState, Run, RunState, Tool

ADA = Principal("ada", ("support",), "acme")
EVE = Principal("eve", ("support",), "acme")
LEAD = Principal("lea", ("support-lead",), "acme")
ZOE = Principal("zoe", ("support-lead", "operator"), "other")

NO_TOOLS = build_catalog(())


def bound(rules: str) -> BoundPolicy:
    return bind(policy("version: 1\nrules:\n" + rules), NO_TOOLS)


def effect(rules: str, operation: str, who: Principal = ADA, **resource: str) -> str:
    return bound(rules).decide_operation(who, operation, resource).effect


ALLOW = "  - {id: yes, operations: ['run.*'], effect: allow}\n"
DENY = "  - {id: never, operations: [run.cancel], effect: deny, description: Let it end}\n"
OWN = "  - {id: own, operations: [run.read], when: resource.owner == principal.id, effect: allow}\n"


# --- deciding -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_no_rule_allows_is_denied(operation: str) -> None:
    resource = dict.fromkeys(OPERATIONS[operation], "x")
    everything = "  - {id: tools, tools: ['*'], effect: allow}\n"
    for rules in ("  []", everything):
        decision = bound(rules).decide_operation(ADA, operation, resource)
        assert (decision.effect, decision.rule) == ("deny", "")
        assert decision.reason == f"no rule allows {operation}"


def test_what_is_no_operation_is_denied() -> None:
    assert effect("  - {id: yes, operations: ['*'], effect: allow}\n", "run.strat") == "deny"


@pytest.mark.parametrize("rules", [ALLOW + DENY, DENY + ALLOW])
def test_deny_beats_allow_in_whatever_order(rules: str) -> None:
    decision = bound(rules).decide_operation(ADA, "run.cancel", {"agent": "a", "owner": "ada"})
    assert (decision.effect, decision.rule) == ("deny", "never")
    assert decision.reason == "the rule never denies it: Let it end"
    assert effect(rules, "run.read", agent="a", owner="ada") == "allow"


def test_a_condition_looks_at_the_caller_and_the_resource() -> None:
    assert effect(OWN, "run.read", ADA, agent="a", owner="ada") == "allow"
    assert effect(OWN, "run.read", EVE, agent="a", owner="ada") == "deny"
    roles = "  - {id: a, operations: [key.*], when: '\"support\" in principal.roles', effect: allow}\n"
    assert effect(roles, "key.create", ADA, owner="ada") == "allow"
    assert effect(roles, "key.create", LEAD, owner="ada") == "deny"


def test_patterns_over_the_resource_must_all_match() -> None:
    of = "  - {id: a, operations: [run.read], resource: {agent: ['sup*', x], owner: [ada]}, effect: allow}\n"
    assert effect(of, "run.read", agent="support", owner="ada") == "allow"
    assert effect(of, "run.read", agent="desk", owner="ada") == "deny"
    assert effect(of, "run.read", agent="x", owner="eve") == "deny"
    assert bound(of).explain_operation(ADA, "run.read", {"agent": "desk", "owner": "ada"})[0].why == (
        "is for others: its `resource` does not match this agent"
    )
    assert effect(of, "run.read", agent="support") == "deny"
    assert effect(ALLOW + of.replace("allow", "deny"), "run.read", agent="support") == "deny"
    assert policy("version: 1\nrules:\n" + of).digest != policy("version: 1\nrules:\n" + OWN).digest


def test_a_condition_without_an_answer_never_allows_and_never_keeps_a_deny_away() -> None:
    assert effect(OWN, "run.read", ADA) == "deny"
    denying = ALLOW + OWN.replace("allow", "deny").replace("==", "!=")
    assert bound(denying).decide_operation(ADA, "run.read", {}).rule == "own"


def test_explaining_says_of_every_rule_what_it_made_of_it() -> None:
    rules = bound(ALLOW + DENY + OWN.replace("[run.read]", "[run.cancel]"))
    assert [
        (one.rule, one.matched, one.decided, one.why)
        for one in rules.explain_operation(ADA, "run.cancel", {"agent": "a", "owner": "eve"})
    ] == [
        ("yes", True, False, "matches, but never decides"),
        ("never", True, True, "matches"),
        ("own", False, False, "does not match: its condition is false"),
    ]
    assert rules.explain_operation(ADA, "policy.read", {})[0].why == "is for other operations"


def test_rules_over_operations_say_nothing_of_tools() -> None:
    catalog = build_catalog([listing("crm", Tool("get"))])
    rules = bind(policy("version: 1\nrules:\n  - {id: all, operations: ['*'], effect: allow}\n"), catalog)
    (tool,) = catalog.tools
    assert not rules.listable(ADA, tool)
    assert rules.decide(ADA, tool, {}).effect == "deny"
    assert rules.explain(ADA, tool, {}) == ()
    assert rules.warnings == ()


# --- files ----------------------------------------------------------------------------------------------

RULE = "version: 1\nrules:\n  - id: a\n    operations: [run.read]\n    effect: allow\n"
MISTAKES = {
    RULE.replace(
        "run.read", "run.raed"
    ): "4: 'run.raed' in `operations` is no operation; did you mean run.read?",
    RULE.replace("run.read", '"runs.*"'): "4: 'runs.*' in `operations` is no operation",
    RULE.replace("run.read", "run.?"): "only * is a wildcard",
    RULE.replace("[run.read]", "run.read"): "4: `operations` must be a list",
    RULE.replace("[run.read]", "[]"): "`operations` must be a list, and not empty",
    RULE.replace("allow", "ask"): "5: the effect 'ask' is not allow or deny",
    RULE + "    approvers: [self]": "6: only a rule over `tools` has `approvers`",
    RULE + "    tools: ['*']": "6: a rule is over `tools` or over `operations`",
    RULE + "    args: {required: [a]}": "only a rule over `tools` has `args`",
    RULE + "    origin: {a: [user]}": "only a rule over `tools` has `origin`",
    RULE + "    limits: {rate: 1/minute}": "only a rule over `tools` has `limits`",
    RULE
    + "    output: {redact: [email]}": "6: of rules over operations only an allow of resource.read and prompt.get",
    RULE.replace("run.read", "prompt.get")
    + "    output: {trust: trusted}": "6: resources and prompts are never trusted",
    RULE + "    resource: {onwer: [a]}": "6: there is no key 'onwer' here, did you mean 'owner'?",
    RULE + "    resource: {owner: a}": "6: `owner` must be a list, and not empty",
    RULE + "    resource: {owner: ['a?']}": "6: 'a?' in `owner` has '?' in it, and only * is a wildcard",
    RULE + "    resource: []": "6: `resource` must be a mapping of attributes to lists of patterns",
    RULE.replace("operations: [run.read]", "tools: ['*']")
    + "    resource: {owner: [a]}": "only a rule over `operations` has",
    RULE + "    principals: ['agent:x']": "is none of user:NAME, role:NAME, tenant:NAME",
    RULE + "    when: resource.onwer == principal.id": "6: The condition is wrong at character 9: there is no"
    " resource.onwer. Did you mean resource.owner?",
    RULE + "    when: resource.owner == 3": "6: The condition is wrong",
    RULE + "    when: resource.owner": "gives a value of type string, not true or false",
    RULE + "    when: args.a == 1": "there is no args.a",
    RULE + "    when: tool.changes": "there is no tool.changes",
    RULE.replace("run.read", "run.read, run.start") + "    when: resource.owner == ''": "no resource.owner",
    RULE.replace("run.read", '"*"') + "    when: resource.agent == ''": "there is no resource.agent",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_a_rule_over_operations_is_refused_with_file_and_line(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        policy(text)
    assert "policy.yaml:" in caught.value.message
    assert MISTAKES[text] in caught.value.message


def test_a_resource_has_every_attribute_of_its_operation_and_no_other() -> None:
    for operation, attributes in OPERATIONS.items():
        assert flaw_in_resource(operation, attributes) == ""
        assert "no attribute 'zzz'" in flaw_in_resource(operation, (*attributes, "zzz"))
        for name in attributes:
            lacking = [other for other in attributes if other != name]
            assert flaw_in_resource(operation, lacking) == f"lacks the attribute {name!r}"


def test_a_condition_may_use_what_all_its_operations_have() -> None:
    policy(RULE.replace("run.read", "run.read, run.cancel, request.read") + "    when: resource.owner == ''")
    policy(RULE.replace("run.read", '"run.*"') + "    when: resource.agent == 'support'")


# --- runs and requests ----------------------------------------------------------------------------------


def access(rules: BoundPolicy) -> Access:
    from gateway.core.operation_policy import refusal

    def authorize(principal: Principal, operation: str, resource: Any, /) -> Denied | None:
        return refusal(rules.decide_operation(principal, operation, resource), principal, operation)

    return Access(authorize)


def record(owner: Principal = ADA, agent: str = "support") -> RunRecord:
    run = Run("run_1", agent, owner.id, RunState.RUNNING, "Look.")
    return RunRecord(run, owner.tenant, owner.roles)


def request(owner: Principal = ADA, *approvers: str) -> RequestSpec:
    asked = InputRequest("req_1", RequestKind.APPROVAL, RequestState.OPEN, "May they?", approvers=approvers)
    asked.detail["principal"] = owner.id
    asked.detail["tenant"] = owner.tenant
    return RequestSpec(asked, owner.id, owner.tenant, "crm.refund", "d")


def verdict(work: Any, *arguments: Any, **more: Any) -> str:
    try:
        work(*arguments, **more)
    except NotFound:
        return "not found"
    except Denied as error:
        return f"denied by {error.rule or 'nobody'}"
    return "done"


SUPPORT = access(bind(shipped("support"), NO_TOOLS))
DEFAULT = access(bind(shipped("default"), NO_TOOLS))
READ_ONLY = access(bind(shipped("read-only"), NO_TOOLS))


def test_support_starts_and_reads_its_own_and_leads_look_in() -> None:
    assert SUPPORT.refuses_start(ADA, "support") is None
    assert verdict(SUPPORT.run, ADA, record(), "run_1") == "done"
    assert verdict(SUPPORT.run, ADA, record(), "run_1", "run.cancel") == "done"
    assert verdict(SUPPORT.run, EVE, record(), "run_1") == "not found"
    assert verdict(SUPPORT.run, EVE, record(), "run_1", "run.cancel") == "not found"
    assert verdict(SUPPORT.run, LEAD, record(), "run_1", "run.cancel") == "done"
    assert SUPPORT.refuses_start(Principal("nobody"), "support") is not None


def test_support_answers_where_the_requests_rule_names_them() -> None:
    asked = request(ADA, "role:support-lead")
    assert verdict(SUPPORT.request, LEAD, asked, "req_1", answer=True) == "done"
    assert verdict(SUPPORT.request, EVE, asked, "req_1", answer=True) == "not found"
    assert verdict(SUPPORT.request, ADA, asked, "req_1") == "done"


@pytest.mark.parametrize("house", [SUPPORT, DEFAULT, READ_ONLY])
def test_what_belongs_to_another_tenant_is_not_found_whatever_policy_says(house: Access) -> None:
    for who in (ZOE, Principal("ada", ("operator", "support-lead"), "other")):
        assert verdict(house.run, who, record(), "run_1") == "not found"
        assert verdict(house.request, who, request(ADA, "*"), "req_1", answer=True) == "not found"
        assert not house.may_read(who, request(ADA, "*"))


def test_the_local_person_may_do_everything_and_read_only_answers_nothing() -> None:
    me = Principal("me", ("operator",))
    bound_default = bind(shipped("default"), NO_TOOLS)
    for operation, attributes in OPERATIONS.items():
        resource = dict.fromkeys(attributes, "x")
        assert bound_default.decide_operation(me, operation, resource).rule == "at-home"
    asked = request(ADA, "role:support")
    assert verdict(READ_ONLY.request, ADA, asked, "req_1") == "done"
    assert verdict(READ_ONLY.request, ADA, asked, "req_1", answer=True) == "denied by nobody"


def test_of_their_own_a_caller_is_told_which_rule_denies() -> None:
    house = access(bound(ALLOW + DENY))
    assert verdict(house.run, ADA, record(), "run_1", "run.cancel") == "denied by never"
    nothing = access(bound("  []"))
    assert verdict(nothing.run, ADA, record(), "run_1") == "denied by nobody"
    assert verdict(nothing.run, EVE, record(), "run_1") == "not found"
    denied = nothing.refuses_start(ADA, "support")
    assert denied is not None
    assert denied.text == (
        "Policy denies run.start to ada: no rule allows run.start."
        " A rule with `operations: [run.start]` can allow it."
    )


# --- laws -----------------------------------------------------------------------------------------------

LABELS = ("user:ada", "user:eve", "role:support", "role:*", "tenant:acme", "*")
CONDITIONS = ("", "principal.id == 'ada'", "principal.tenant != 'acme'", "'x' in principal.roles")
NAMES = (*OPERATIONS, "run.*", "request.*", "*", "*.read")


@st.composite
def rules(draw: st.DrawFn, number: int) -> str:
    effect = draw(st.sampled_from(["allow", "allow", "deny"]))
    when = draw(st.sampled_from(CONDITIONS))
    names = ", ".join(f"'{name}'" for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)))
    label = draw(st.sampled_from(LABELS))
    condition = f', when: "{when}"' if when else ""
    return f"  - {{id: r{number}, operations: [{names}], principals: ['{label}'], effect: {effect}{condition}}}\n"


POLICIES = st.integers(0, 5).flatmap(lambda count: st.tuples(*(rules(number) for number in range(count))))
WHO = st.sampled_from([ADA, EVE, LEAD, ZOE])


def parsed(texts: tuple[str, ...]) -> Policy:
    return policy("version: 1\nrules:\n" + ("".join(texts) or "  []"))


def allowed(of: Policy, who: Principal) -> set[str]:
    found = bind(of, NO_TOOLS)
    return {
        operation
        for operation, names in OPERATIONS.items()
        if found.decide_operation(who, operation, dict.fromkeys(names, "ada")).effect == "allow"
    }


@settings(max_examples=50, deadline=None)
@given(POLICIES, rules(99), WHO)
def test_adding_a_deny_never_allows_more_and_adding_an_allow_never_less(
    texts: tuple[str, ...], more: str, who: Principal
) -> None:
    before = allowed(parsed(texts), who)
    denying = more.replace("effect: allow", "effect: deny")
    for changed in ((*texts, denying), (denying, *texts)):
        assert allowed(parsed(changed), who) <= before
    assert allowed(parsed((more.replace("effect: deny", "effect: allow"), *texts)), who) >= before


@settings(max_examples=40, deadline=None)
@given(POLICIES, WHO)
def test_what_a_deny_matches_is_never_allowed_and_lists_agree_with_calls(
    texts: tuple[str, ...], who: Principal
) -> None:
    found = bind(parsed(texts), NO_TOOLS)
    house = access(found)
    for operation, names in OPERATIONS.items():
        resource = dict.fromkeys(names, "ada")
        explained = found.explain_operation(who, operation, resource)
        decision = found.decide_operation(who, operation, resource)
        if any(one.matched and one.effect == "deny" for one in explained):
            assert decision.effect == "deny"
        assert (decision.effect == "allow") == (
            any(one.matched for one in explained)
            and not any(one.matched and one.effect == "deny" for one in explained)
        )
    run = record()
    listed = who.tenant == "acme" and house.readable(who, [run.run]) == (run.run,)
    assert listed == (verdict(house.run, who, run, "run_1") == "done")
    asked = request(ADA, "*")
    assert house.may_read(who, asked) == (verdict(house.request, who, asked, "req_1") == "done")
