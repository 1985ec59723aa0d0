"""A new catalog and a new binding cost what changed, and say what one made from nothing would say."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.catalog import (
    MAX_LISTING_BYTES,
    MAX_PROBLEMS,
    Catalog,
    ToolFacts,
    build_catalog,
    catalog_steps,
)
from gateway.core.policy import BoundPolicy, bind, bind_steps
from gateway.core.ports import Listing
from gateway.core.snapshot import Snapshot
from gateway.core.steps import Steps
from tests.policies import policy
from tests.twins import listing
from toolward.names import ALIAS_LENGTH
from toolward.types import JsonObject, Principal, Tool

POLICY = policy("""
version: 1
rules:
  - {id: reads, tools: ['crm.*'], principals: ['role:clerk'], effect: allow}
  - {id: never, tools: ['*'], effect: deny, principals: ['user:eve']}
  - {id: small, tools: [crm.b], effect: allow, when: args.n < 5}
  - {id: waits, tools: [web.soon], effect: allow}
""")
N: JsonObject = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CLERK, EVE, NOBODY = Principal("ada", ("clerk",)), Principal("eve", ("clerk",)), Principal("nobody")


def steps_of(steps: Steps[object]) -> int:
    return sum(1 for _ in steps)


def test_a_listing_that_is_the_same_costs_nothing() -> None:
    listings = [listing("crm", Tool("a"), Tool("b", input_schema=N)), listing("files", Tool("a"))]
    before = build_catalog(listings)
    assert steps_of(catalog_steps(listings, before=before)) == 0
    after = build_catalog([listings[0], listing("files", Tool("a"), Tool("c"))], before=before)
    assert after.backends["crm"] is before.backends["crm"]
    assert after.find("files.a") is before.find("files.a")
    assert steps_of(catalog_steps([listings[0], listing("files", Tool("a"), Tool("c"))], before=before)) == 1


def test_a_backend_that_was_away_is_not_compiled_again() -> None:
    tools = (Tool("a"), Tool("b", input_schema=N))
    before = build_catalog([listing("crm", *tools)])
    bound = bind(POLICY, before)
    away = build_catalog([listing("crm", problem="down")], before=before)
    gone = bind(POLICY, away, bound)
    assert away.tools == ()
    assert away.find("crm.a") is None
    back = build_catalog([listing("crm", *tools)], before=away)
    assert back.tools == before.tools
    assert all(one is other for one, other in zip(back.tools, before.tools, strict=True))
    assert steps_of(bind_steps(POLICY, back, gone)) == len(bound.warnings)


def test_other_facts_take_the_compiled_schema_along() -> None:
    listings = [listing("crm", Tool("a"))]
    before = build_catalog(listings)
    after = build_catalog(listings, {"crm.a": ToolFacts(changes=False)}, before=before)
    assert after.tools[0].facts.changes is False
    assert after.tools[0].input_schema is before.tools[0].input_schema


def test_true_and_1_are_two_schemas() -> None:
    def of(value: object) -> Listing:
        schema: JsonObject = {"type": "object", "properties": {"a": {"const": value}}}
        return listing("crm", Tool("a", input_schema=schema))

    after = build_catalog([of(True)], before=build_catalog([of(1)]))
    assert after.tools[0].input_schema.violations({"a": 1})


def test_a_decision_names_the_catalog_that_is_in_force() -> None:
    before = build_catalog([listing("crm", Tool("a"))])
    bound = bind(POLICY, before)
    after = build_catalog([*[listing("crm", Tool("a"))], listing("files", Tool("x"))], before=before)
    again = bind(POLICY, after, bound)
    decision = again.decide(CLERK, after.tools[0], {})
    assert (decision.effect, decision.version) == ("allow", again.version)
    assert bound.decide(CLERK, before.tools[0], {}).version == bound.version != again.version


def test_another_policy_is_bound_from_nothing() -> None:
    catalog = build_catalog([listing("crm", Tool("a"))])
    other = policy("version: 1\nrules:\n  - {id: none, tools: ['*'], effect: deny}\n")
    assert bind(other, catalog, bind(POLICY, catalog)).decide(CLERK, catalog.tools[0], {}).effect == "deny"


tools = st.lists(
    st.builds(
        Tool,
        st.sampled_from(["a", "b", "a.b", "x" * 60, "y" * 129]),
        st.sampled_from(["", "more"]),
        st.sampled_from([N, {"type": "object"}, {"type": "string"}]),
    ),
    max_size=4,
)


def drawn(name: str, tools: list[Tool], problem: str) -> Listing:
    return listing(name, *([] if problem else tools), problem=problem)


listings = st.lists(
    st.builds(drawn, st.sampled_from(["crm", "web", "files"]), tools, st.sampled_from(["", "", "", "down"])),
    max_size=4,
)


TWICE = [[listing("crm", Tool("a"))], [listing("crm", Tool("a"), Tool("a"))]]


@given(st.lists(listings, min_size=1, max_size=4))
@example(TWICE)
def test_after_any_changes_it_is_what_one_from_nothing_is(turns: Sequence[Sequence[Listing]]) -> None:
    catalog: Catalog | None = None
    bound: BoundPolicy | None = None
    for turn in turns:
        catalog = build_catalog(turn, before=catalog)
        bound = bind(POLICY, catalog, bound)
        fresh = build_catalog(turn)
        anew = bind(POLICY, fresh)
        assert (catalog.digest, catalog.problems) == (fresh.digest, fresh.problems)
        assert [(one.name, one.alias, one.digest, one.facts) for one in catalog.tools] == [
            (one.name, one.alias, one.digest, one.facts) for one in fresh.tools
        ]
        assert (bound.version, bound.problems, bound.warnings) == (anew.version, anew.problems, anew.warnings)
        for tool, other in zip(catalog.tools, fresh.tools, strict=True):
            for who in (CLERK, EVE, NOBODY):
                assert bound.decide(who, tool, {"n": 3}) == anew.decide(who, other, {"n": 3})
                assert bound.listable(who, tool) == anew.listable(who, other)


@given(listings)
def test_names_and_aliases_are_one_tool_each_over_all_backends(turn: Sequence[Listing]) -> None:
    catalog = build_catalog(turn)
    names = [name for tool in catalog.tools for name in (tool.name, tool.alias)]
    assert len(set(names)) == len(names)
    for tool in catalog.tools:
        assert catalog.find(tool.name) is catalog.find(tool.alias) is tool
        assert (
            catalog.backend_of(tool.alias) is catalog.backend_of(tool.name) is catalog.backends[tool.backend]
        )
        assert len(tool.alias) <= ALIAS_LENGTH


backend_names = st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True)
tool_names = st.text("ab_.-", min_size=1, max_size=70).filter(
    lambda name: name.count(".") < 8
)  # more is refused


@given(st.dictionaries(backend_names, st.lists(tool_names, max_size=4, unique=True), max_size=3))
def test_no_name_of_one_backend_is_taken_for_one_of_another(named: dict[str, list[str]]) -> None:
    catalog = build_catalog([listing(name, *map(Tool, tools)) for name, tools in named.items()])
    found = {alias for tool in catalog.tools for alias in (tool.name, tool.alias)}
    assert len(found) == 2 * len(catalog.tools)
    assert all("alias" in problem for problem in catalog.problems)


def test_a_flood_of_text_is_cut_and_told_in_few_words() -> None:
    many = [Tool(f"t{number:03}", "x" * 200_000) for number in range(100)]
    catalog = build_catalog([listing("crm", *many), listing("files", Tool("a"))])
    assert catalog.find("files.a") is not None
    assert len(catalog.backends["crm"].tools) == MAX_LISTING_BYTES // 200_070
    assert len(catalog.problems) == MAX_PROBLEMS + 1
    assert catalog.problems[-1].startswith("Of the backend crm 39 more tools are left out")


@pytest.mark.parametrize("deep", [{"a": 1}, {"readOnlyHint": True}])
def test_annotations_too_deep_are_left_out(deep: JsonObject) -> None:
    for _ in range(100_000):
        deep = {"a": deep}
    catalog = build_catalog([listing("crm", Tool("a", annotations=deep), Tool("b"))])
    assert [tool.name for tool in catalog.tools] == ["crm.b"]
    assert "nested more than 64 levels" in catalog.problems[0]


class TestSnapshot:
    @pytest.fixture
    def snapshot(self) -> Snapshot:
        catalog = build_catalog(
            [listing("crm", *(Tool(f"t{at:02}") for at in range(20))), listing("web", Tool("x"))]
        )
        return Snapshot(catalog, bind(POLICY, catalog))

    @given(st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), max_size=6))
    def test_shows_the_same_however_it_was_looked_at_before(self, looks: list[tuple[int, int]]) -> None:
        catalog = build_catalog(
            [listing("crm", *(Tool(f"t{at:02}") for at in range(20))), listing("web", Tool("x"))]
        )
        bound = bind(POLICY, catalog)
        snapshot = Snapshot(catalog, bound)
        expected = [tool for tool in catalog.tools if bound.listable(CLERK, tool)]
        for start, count in looks:
            shown = snapshot.visible(CLERK, start=start)
            found = [tool for tool, _ in zip(shown, range(count), strict=False)]
            rest = [tool for tool in expected if (catalog.position(tool.name) or 0) >= start]
            assert found == rest[:count]

    def test_two_who_look_at_the_same_time_see_the_same(self, snapshot: Snapshot) -> None:
        one, two = snapshot.visible(CLERK), snapshot.visible(CLERK)
        pairs = list(zip(one, two, strict=True))
        assert len(pairs) == 20
        assert all(left is right for left, right in pairs)

    def test_asks_the_policy_once(self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        first = list(snapshot.visible(CLERK))

        def never(*_: object) -> bool:
            raise AssertionError("asked again")

        monkeypatch.setattr(BoundPolicy, "listable", never)
        assert list(snapshot.visible(CLERK)) == first

    def test_remembers_no_more_callers_than_its_bound(self, snapshot: Snapshot) -> None:
        for number in range(1_000):
            assert list(snapshot.visible(Principal(f"p{number}"))) == []
        assert len(list(snapshot.visible(CLERK))) == 20
