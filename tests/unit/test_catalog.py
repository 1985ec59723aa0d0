"""The catalog: what may be offered, under which names, with which facts; the rest is left out and reported."""

import pytest

from gateway.core.catalog import MAX_TOOLS, UNKNOWN, ToolFacts, build_catalog
from tests.twins import listing
from toolward.types import JsonObject, Tool

READ = {"readOnlyHint": True}


def tool(name: str, **fields: object) -> Tool:
    return Tool(name, **fields)  # pyright: ignore[reportArgumentType] -- the test names real fields


def test_offers_tools_under_qualified_names_in_a_fixed_order() -> None:
    listings = [listing("files", tool("read_file")), listing("crm", tool("b"), tool("a"))]
    catalog = build_catalog(listings)
    assert [entry.name for entry in catalog.tools] == ["files.read_file", "crm.a", "crm.b"]
    assert catalog.tools[1].tool.name == "crm.a"
    assert catalog.tools[1].own_name == "a"
    assert catalog.problems == ()


def test_finds_by_qualified_name_and_by_alias_and_by_nothing_else() -> None:
    catalog = build_catalog([listing("crm", tool("get.record"), tool("get_record"))])
    plain = catalog.find("crm.get_record")
    assert plain is not None
    assert plain is catalog.find("crm__get_record")
    dotted = catalog.find("crm.get.record")
    assert dotted is not None
    assert dotted is catalog.find(dotted.alias)
    assert catalog.find("get_record") is None


def test_digest_says_whether_anything_changed() -> None:
    before = build_catalog([listing("crm", tool("a"), tool("b"))])
    assert build_catalog([listing("crm", tool("b"), tool("a"))]).digest == before.digest
    assert build_catalog([listing("crm", tool("a"), tool("b", description="new"))]).digest != before.digest
    assert (
        build_catalog([listing("crm", tool("a"), tool("b"))], {"crm.a": ToolFacts(changes=False)}).digest
        != before.digest
    )


def test_a_dead_backend_is_kept_with_its_problem_and_hides_nobody() -> None:
    catalog = build_catalog(
        [listing("crm", tool("stale"), problem="connection refused"), listing("files", tool("read"))]
    )
    assert [entry.name for entry in catalog.tools] == ["files.read"]
    assert catalog.backends["crm"].complaint == "crm is not running: connection refused"
    assert catalog.problems == ("The backend crm is not running: connection refused.",)
    for name in ("crm.anything", "crm__anything"):
        assert catalog.backend_of(name) is catalog.backends["crm"]
    assert catalog.backend_of("anything") is None


BROKEN: dict[str, tuple[Tool, str]] = {
    "invalid name": (tool("sp ace"), "1 to 128 characters"),
    "overlong name": (tool("a" * 129), "1 to 128 characters"),
    "invalid schema": (tool("t", input_schema={"type": "objct"}), "not a valid JSON Schema"),
    "not an object": (tool("t", input_schema={"type": "string"}), "arguments are an object"),
    "no type": (tool("t", input_schema={}), "arguments are an object"),
    "remote reference": (
        tool("t", input_schema={"type": "object", "properties": {"a": {"$ref": "http://x.test/y"}}}),
        "remote references are not followed",
    ),
    "dangling reference": (tool("t", output_schema={"$ref": "#/$defs/none"}), "does not exist"),
    "invalid output schema": (tool("t", output_schema={"minimum": "1"}), "output schema"),
    "huge": (tool("t", description="x" * 300_000), "at most 262,144"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_offered_is_left_out_and_reported(case: str) -> None:
    broken, reason = BROKEN[case]
    catalog = build_catalog([listing("crm", broken, tool("good")), listing("files", tool("read"))])
    assert [entry.name for entry in catalog.tools] == ["crm.good", "files.read"]
    (problem,) = catalog.problems
    assert problem.startswith("The tool crm.")
    assert reason in problem


def test_a_schema_too_deep_to_compile_is_left_out() -> None:
    schema: JsonObject = {"type": "object"}
    for _ in range(5_000):
        schema = {"type": "object", "properties": {"a": schema}}
    catalog = build_catalog([listing("crm", tool("deep", input_schema=schema))])
    assert catalog.tools == ()
    assert "levels deep" in catalog.problems[0]


def test_of_two_tools_with_one_name_the_second_is_left_out() -> None:
    catalog = build_catalog([listing("crm", tool("a", description="first"), tool("a", description="second"))])
    assert [entry.tool.description for entry in catalog.tools] == ["first"]
    assert "same name or alias as crm.a" in catalog.problems[0]


def test_of_two_tools_with_one_alias_the_second_is_left_out() -> None:
    dotted = build_catalog([listing("crm", tool("a.b"))]).tools[0]
    imitation = tool(dotted.alias.removeprefix("crm__"))
    catalog = build_catalog([listing("crm", tool("a.b"), imitation)])
    assert [entry.name for entry in catalog.tools] == ["crm.a.b"]
    assert "same name or alias as crm.a.b" in catalog.problems[0]


def test_a_flood_of_tools_is_cut_and_reported() -> None:
    many = [tool(f"t{number:05d}") for number in range(MAX_TOOLS + 5)]
    catalog = build_catalog([listing("crm", *many)])
    assert len(catalog.tools) == MAX_TOOLS
    assert "lists 1,005 tools" in catalog.problems[0]


def test_backends_need_sound_and_different_names() -> None:
    catalog = build_catalog([listing("crm", tool("a")), listing("CRM", tool("b")), listing("crm", tool("c"))])
    assert [entry.name for entry in catalog.tools] == ["crm.a"]
    assert len(catalog.problems) == 2


class TestFacts:
    def test_unknown_means_the_worst(self) -> None:
        catalog = build_catalog([listing("crm", tool("t", annotations=READ))])
        assert catalog.tools[0].facts == UNKNOWN
        assert (UNKNOWN.changes, UNKNOWN.idempotent, UNKNOWN.keeps_keys) == (True, False, False)

    def test_annotations_count_only_for_trusted_backends(self) -> None:
        listings = [listing("crm", tool("t", annotations=READ)), listing("web", tool("t", annotations=READ))]
        catalog = build_catalog(listings, {}, {"crm"})
        assert [entry.facts.changes for entry in catalog.tools] == [False, True]

    @pytest.mark.parametrize("hint", ["true", 1, None])
    def test_a_hint_that_is_not_plainly_true_says_nothing(self, hint: object) -> None:
        annotations = {"readOnlyHint": hint, "idempotentHint": hint}
        catalog = build_catalog([listing("crm", tool("t", annotations=annotations))], {}, {"crm"})
        assert catalog.tools[0].facts == UNKNOWN

    def test_the_operator_goes_before_annotations_and_the_nearer_name_before_the_wider(self) -> None:
        facts = {
            "*": ToolFacts(changes=False),
            "crm.*": ToolFacts(keeps_keys=True),
            "crm.get_*": ToolFacts(idempotent=True),
            "crm.get_record": ToolFacts(changes=False, idempotent=True),
        }
        names = ("get_record", "get_other", "add")
        listings = [listing("crm", *(tool(name, annotations=READ) for name in names))]
        catalog = build_catalog(listings, facts, {"crm"})
        found = {entry.own_name: entry.facts for entry in catalog.tools}
        assert found["get_record"] == facts["crm.get_record"]
        assert found["get_other"] == facts["crm.get_*"]
        assert found["add"] == facts["crm.*"]
