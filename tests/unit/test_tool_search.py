"""Tool search: the right tool among the few that are offered, for a small part of what all schemas cost."""

import json
import time
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agent.loop_tools import CALL_TOOL, READ_RESULT, find_tools
from gateway.core.ports import ModelTool
from gateway.core.tool_search import MOST, OFFERED, SHOWN_BYTES, Index, shown
from gateway.core.word_forms import stem, words
from tests.data.tool_catalog import Labelled, requests, tools
from toolward.types import JsonObject

CATALOG = tools()
INDEX = Index(CATALOG)


def share(labelled: Sequence[Labelled], field: str) -> float:
    """In how many of the cases the tool is among those that are offered."""
    found = [any(tool.name == one.tool for tool in INDEX.find(getattr(one, field))) for one in labelled]
    return sum(found) / len(found)


def tool(name: str, description: str = "", /, **properties: JsonObject) -> ModelTool:
    return ModelTool(name, description, {"type": "object", "properties": properties})


def test_the_catalog_is_what_it_says() -> None:
    names = {one.name for one in CATALOG}
    assert len(names) == len(CATALOG) >= 500
    every = [one for part in requests() for one in part]
    assert len(every) == 360
    assert {one.tool for one in every} <= names


@pytest.mark.parametrize("part", ["tuning", "held_out", "fresh"])
def test_what_a_model_asks_for_is_offered(part: str) -> None:
    assert share(getattr(requests(), part), "query") >= 0.98


@pytest.mark.parametrize(("part", "at_least"), [("tuning", 0.95), ("held_out", 0.85), ("fresh", 0.5)])
def test_how_far_the_words_of_people_alone_lead(part: str, at_least: float) -> None:
    assert share(getattr(requests(), part), "request") >= at_least


def test_a_search_costs_less_than_a_tenth_of_all_schemas() -> None:
    servers = sorted({one.name.partition("__")[0] for one in CATALOG})
    own = [find_tools(len(CATALOG), servers), CALL_TOOL, READ_RESULT]
    answers = [len(shown(INDEX.find(one.query))) for one in requests().held_out]
    spent = len(msgspec.json.encode(own)) + max(answers)
    assert spent < 0.1 * len(msgspec.json.encode(CATALOG[:500]))


def test_it_is_quick() -> None:
    def best(count: int, asked: Sequence[Labelled]) -> float:
        took: list[float] = []
        for _ in range(count):
            began = time.thread_time()
            index = INDEX if asked else Index(CATALOG[:500])
            for one in asked:
                index.find(one.query)
            took.append(time.thread_time() - began)
        return min(took)

    assert best(3, ()) < 0.2  # 0.02 where nothing else runs
    assert best(3, requests().fresh) / len(requests().fresh) < 0.002  # 0.0001


def test_the_same_question_has_the_same_answer_whatever_was_asked_before() -> None:
    asked = [one.request for one in requests().held_out]
    before = [INDEX.find(text) for text in asked]
    other = Index(CATALOG)
    assert [other.find(text) for text in reversed(asked)] == before[::-1]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("billing__refund_payment", "billing__refund_payment"),
        ("Use `billing.refund_payment`, please", "billing__refund_payment"),
        ("refundPayment billing", "billing__refund_payment"),
        ("REFUNDS of payments", "billing__refund_payment"),
        ("time sheet", "hr__get_timesheet"),
        ("dishwasher", "home__start_appliance"),  # only a value of an argument
        ("cancellation subscriptions", "billing__cancel_subscription"),
    ],
)
def test_however_it_is_written(query: str, name: str) -> None:
    index = Index(CATALOG, [one.name.replace("__", ".", 1) for one in CATALOG])
    assert index.find(query)[0].name == name


def test_nested_properties_and_what_is_said_of_them_are_found() -> None:
    address: JsonObject = {"type": "object", "properties": {"zip": {"description": "The Postleitzahl."}}}
    listed: JsonObject = {
        "type": "array",
        "items": {"type": "object", "properties": {"colour": {"enum": ["mauve"]}}},
    }
    index = Index(
        [tool("a__x", "One"), tool("a__y", "Two", address=address), tool("a__z", "Three", listed=listed)]
    )
    assert [one.name for one in index.find("postleitzahl")] == ["a__y"]
    assert [one.name for one in index.find("mauve", 1)] == ["a__z"]


def test_a_stuffed_description_does_not_win_every_search() -> None:
    stuffed = tool("evil__anything", " ".join(one.description for one in CATALOG) * 3)
    index = Index([stuffed, *CATALOG])
    firsts = [index.find(one.query)[0].name for one in requests().held_out]
    assert firsts.count("evil__anything") == 0


def test_a_huge_tool_costs_no_more_than_what_counts() -> None:
    many: JsonObject = {
        f"a{at}": {"description": "x " * 1_000, "enum": ["y" * 50] * 100} for at in range(500)
    }
    began = time.thread_time()
    Index([tool(f"big__{at}", "z " * 100_000, **many) for at in range(20)]).find("w " * 100_000)
    assert time.thread_time() - began < 0.5


@given(st.text(max_size=300), st.integers(-5, 50))
def test_any_text_can_be_asked_for(query: str, limit: int) -> None:
    found = INDEX.find(query, limit)
    assert len(found) <= min(max(limit, 1), MOST)
    assert len(set(map(id, found))) == len(found)
    json.loads(shown(found))


@settings(max_examples=30)
@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["properties", "items", "enum", "description", "type", "x"]),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_no_schema_breaks_it(value: object) -> None:
    odd = ModelTool("a__odd", "Odd.", {"type": "object", "properties": value})
    assert Index([odd]).find("odd") == (odd,)
    json.loads(shown([odd]))


def test_words_and_their_stems() -> None:
    assert words("createHTTPUser2_for_Äpfel-x's") == ["create", "http", "user", "2", "for", "äpfel", "x"]
    for same in (
        ("cancel", "cancels", "cancelled", "canceling", "cancellation"),
        ("copy", "copies", "copied"),
        ("delete", "deletes", "deleting", "deletion"),
        ("translate", "translation"),
        ("box", "boxes"),
    ):
        assert len({stem(word) for word in same}) == 1, same


class TestShown:
    def test_names_words_and_schemas_and_how_to_go_on(self) -> None:
        said = json.loads(shown(INDEX.find("refund payment", 2)))
        assert said["tools"][0] == {
            "name": "billing__refund_payment",
            "description": "Return money to the customer for a captured payment, fully or in part.",
            "input_schema": next(
                one.input_schema for one in CATALOG if one.name == "billing__refund_payment"
            ),
        }
        assert "call_tool" in said["note"]

    def test_nothing_found_says_what_to_do(self) -> None:
        said = json.loads(shown(INDEX.find("of the")))
        assert said["tools"] == []
        assert "other words" in said["note"]

    @pytest.mark.parametrize(
        ("schema", "kept"),
        [
            ({"a": {"type": "string", "description": "x" * 5_000}}, {"a": {"type": "string"}}),
            ({"description": {"type": "string", "title": "x" * 5_000}}, {"description": {"type": "string"}}),
            ({"a": {"type": "string", "enum": ["x" * 5_000]}}, {"a": {"type": "string"}}),
            ({f"a{at}": {"type": "string"} for at in range(500)}, None),
        ],
    )
    def test_a_large_schema_is_shortened_and_the_answer_bounded(
        self, schema: JsonObject, kept: JsonObject | None
    ) -> None:
        said = shown([tool("big__one", "Big. " * 1_000, **schema)] * OFFERED)
        assert len(said) <= SHOWN_BYTES + 500
        first = json.loads(said)["tools"][0]
        assert first.get("input_schema", {}).get("properties") == kept
        assert "schema" in first["note"].lower()
