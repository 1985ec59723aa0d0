"""Scopes only subtract: of what policy gives a caller, of calls, lists and operations alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.core.catalog import build_catalog
from gateway.core.globs import globs
from gateway.core.operations import OPERATIONS
from gateway.core.policy import bind
from gateway.core.scopes import RULE, covers, flaw_in_scope, narrower
from gateway.core.snapshot import Snapshot
from tests.policies import policy
from tests.twins import listing
from toolward.errors import Denied
from toolward.types import Principal, RunScope, Tool

CATALOG = build_catalog([listing("crm", Tool("get"), Tool("set")), listing("web", Tool("get"), Tool("post"))])
POLICY = bind(
    policy(
        """
version: 1
rules:
  - {id: reads, tools: ["*.get"], effect: allow}
  - {id: writes, principals: ["role:a"], tools: [crm.set], effect: ask, approvers: [self]}
  - {id: never, tools: [web.post], effect: deny}
  - {id: runs, operations: ["run.*", "key.*"], effect: allow}
  - {id: no-cancel, operations: [run.cancel], effect: deny}
"""
    ),
    CATALOG,
)
NAMES = [*(tool.name for tool in CATALOG.tools), *OPERATIONS]
CALLERS = st.sampled_from([Principal("ada"), Principal("ada", ("a",), "acme")])
PIECES = st.sampled_from(
    ["*", "crm.*", "*.get", "crm.get", "web.p*t", "c*", "run.*", "run.read", "*e*", "key.*"]
)
PATTERNS = st.one_of(PIECES, st.text("crmwebgtn.*", min_size=1, max_size=6), st.sampled_from(NAMES))
SCOPES = st.lists(PATTERNS, max_size=3).map(tuple)
RUNS = st.sampled_from([None, RunScope("run_1", "clerk", ("crm.*",))])
RANK = {"deny": 0, "ask": 1, "allow": 2}


def matches(scopes: tuple[str, ...] | None, name: str) -> bool:
    return scopes is None or globs(scopes).matches(name)


@given(CALLERS, SCOPES, RUNS)
def test_what_a_scope_matches_is_decided_as_ever_and_all_else_is_denied(
    caller: Principal, scopes: tuple[str, ...], run: RunScope | None
) -> None:
    narrowed = replace(caller, scopes=scopes)
    for tool in CATALOG.tools:
        before, after = POLICY.decide(caller, tool, {}, run), POLICY.decide(narrowed, tool, {}, run)
        assert RANK[after.effect] <= RANK[before.effect]
        listed = POLICY.listable(narrowed, tool, run)
        assert listed == (matches(scopes, tool.name) and POLICY.listable(caller, tool, run))
        assert POLICY.may_know(narrowed, tool.name, run) == (
            matches(scopes, tool.name) and POLICY.may_know(caller, tool.name, run)
        )
        if matches(scopes, tool.name):
            assert after == before
        else:
            assert after.effect == "deny"
            assert after.rule == RULE or after == before  # the agent has no such tool
            assert not listed
    seen = [tool.name for tool in Snapshot(CATALOG, POLICY).visible(narrowed, run)]
    assert seen == [tool.name for tool in CATALOG.tools if POLICY.listable(narrowed, tool, run)]
    for operation, attributes in OPERATIONS.items():
        resource = dict.fromkeys(attributes, "x")
        decided = POLICY.decide_operation(narrowed, operation, resource)
        if matches(scopes, operation):
            assert decided == POLICY.decide_operation(caller, operation, resource)
        else:
            assert (decided.effect, decided.rule) == ("deny", RULE)


def test_the_reason_names_what_no_scope_matches_and_explaining_says_so_first() -> None:
    ada = Principal("ada", scopes=("crm.*",))
    tool = CATALOG.find("web.get")
    assert tool is not None
    said = "what the caller proves itself with is not good for web.get: none of its scopes matches it"
    assert POLICY.decide(ada, tool, {}).reason == said
    assert POLICY.explain(ada, tool, {})[0].why == said
    assert "run.read" in POLICY.explain_operation(ada, "run.read", {"agent": "a", "owner": "ada"})[0].why


@given(st.none() | SCOPES, st.none() | SCOPES)
def test_scopes_that_cover_others_match_all_that_those_match(
    one: tuple[str, ...] | None, other: tuple[str, ...] | None
) -> None:
    if covers(one, other):
        assert all(matches(one, name) for name in [*NAMES, "crm.a.b", "run.", "*"] if matches(other, name))
    assert covers(one, one)
    if covers(one, other) or covers(other, one):
        found = narrower(one, other)
        assert all(matches(one, name) and matches(other, name) for name in NAMES if matches(found, name))
    else:
        with pytest.raises(Denied):
            narrower(one, other)


@pytest.mark.parametrize(
    "scope", ["*", "crm.*", "crm.get", "*.get", "run.*", "ledger.rotate-key", "run*", "c*.get"]
)
def test_globs_over_tools_and_operations_are_scopes(scope: str) -> None:
    assert flaw_in_scope(scope) == ""


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ("", "is empty"),
        ("crm", "write crm.* or *"),
        ("crm.get crm.set", "only * is a wildcard"),
        ("crm__get", "is an alias: write crm.get"),
        ("!crm.get", "only * is a wildcard"),
    ],
)
def test_what_is_no_scope_says_what_is(scope: str, said: str) -> None:
    assert said in flaw_in_scope(scope)
