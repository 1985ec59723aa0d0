from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolservers.search.index import Index
from toolservers.search.knowledge import BUNDLED, load
from toolservers.search.tools import Settings, server
from toolward.errors import ConfigurationError, InvalidArguments
from toolward.schema import Schema
from toolward.types import NO_CONTEXT, Principal, ToolCall, ToolResult

ADA = Principal("ada")


async def call(name: str, **arguments: Any) -> ToolResult:
    return await server.call_tool(ADA, ToolCall(name, msgspec.json.encode(arguments)), NO_CONTEXT)


async def ids(query: str, limit: int = 5) -> list[str]:
    return [hit["id"] for hit in (await call("search", query=query, limit=limit)).structured["results"]]


@pytest.fixture
async def knowledge() -> AsyncGenerator[None, None]:
    async with server.running(Settings()):
        yield


QUESTIONS = {
    "what does our returns policy say about damaged items": "returns-policy",
    "my plate arrived broken, can I get my money back?": "returns-policy",
    "how much is express delivery": "shipping-costs-and-times",
    "my parcel is late, is there compensation": "delayed-shipments",
    "penalty for delayed delivery business customer SLA": "business-service-levels",
    "can I change the delivery address after shipping": "change-delivery-address",
    "cancel my order": "cancelling-orders",
    "I want to pause my subscription": "refill-club-subscription",
    "downgrade from Scale to Team": "connect-plans",
    "How do I configure single sign-on?": "single-sign-on",
    "my API call returns 403": "api-errors",
    "delete my personal data": "privacy-and-data-deletion",
    "I see a charge on my card that I do not recognise": "suspicious-charges",
    "lost gift card code": "gift-cards",
    "found it cheaper at another shop": "price-match",
    "do I pay import duties to Switzerland": "customs-and-international",
    "schedule a meeting, send the invite, attach the report": "scheduling-meetings",
    "when is support open on Saturday": "contact-and-opening-hours",
    "the robot vacuum blinks red": "manual-robot-vacuum",
    "kettle recall serial number": "safety-notice-kettle",
    "where is my order?": "order-status",
    "charged twice in October": "incident-notes",
    "I want to talk to a human": "escalation-to-a-person",
    "how many loyalty points do I get": "loyalty-programme",
}

AMONG_THREE = {
    "how long does a refund take on a credit card": "refunds-timing-and-limits",
    "how long is the warranty on the coffee grinder": "warranty",
    "goodwill credit": "returns-policy",
    "two customers with the same name, how do I verify identity": "identity-checks",
}


@pytest.mark.parametrize(("question", "expected"), QUESTIONS.items())
async def test_a_question_finds_its_document_first(knowledge: None, question: str, expected: str) -> None:
    assert (await ids(question))[0] == expected


@pytest.mark.parametrize(("question", "expected"), AMONG_THREE.items())
async def test_a_wider_question_has_its_document_among_three(
    knowledge: None, question: str, expected: str
) -> None:
    assert expected in await ids(question, limit=3)


async def test_a_search_answers_in_the_connector_contract(knowledge: None) -> None:
    result = await call("search", query="damaged", limit=2)
    assert msgspec.json.decode(result.text) == result.structured
    first = result.structured["results"][0]
    assert first["id"] == "returns-policy"
    assert first["title"] == "Returns policy, including damaged items"
    assert first["url"] == "kb://fernhill/returns-policy"
    assert "**damaged**" in first["snippet"]
    scores = [hit["score"] for hit in result.structured["results"]]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 2


async def test_a_document_is_fetched_whole_by_id_and_by_url(knowledge: None) -> None:
    document = (await call("fetch", id="returns-policy")).structured
    assert document["url"] == "kb://fernhill/returns-policy"
    assert document["metadata"] == {"updated": "2026-09-01", "category": "returns"}
    assert "within 14 days of delivery are replaced or refunded in full" in document["text"]
    assert "up to 20 % of the order total" in document["text"]
    assert (await call("fetch", id=document["url"])).structured == document


async def test_every_result_can_be_fetched(knowledge: None) -> None:
    for hit in (await call("search", query="order payment refund", limit=20)).structured["results"]:
        assert (await call("fetch", id=hit["id"])).structured["title"] == hit["title"]


async def test_an_unknown_document_is_an_error_that_names_the_nearest(knowledge: None) -> None:
    result = await call("fetch", id="return-policy")
    assert result.is_error
    assert result.text == "There is no document 'return-policy'. The nearest id is returns-policy."
    assert "results of `search`" in (await call("fetch", id="?")).text


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("xylophone", "No document has any of these words: xylophone. Try other words."),
        ("what is it?", "The query has no word to look for. Name the subject in a few words."),
        ('"*" ^ - + : ( )', "The query has no word to look for. Name the subject in a few words."),
    ],
)
async def test_finding_nothing_is_no_error_and_says_why(knowledge: None, query: str, note: str) -> None:
    result = await call("search", query=query)
    assert not result.is_error
    assert result.structured == {"results": [], "note": note}


@pytest.mark.parametrize(
    "query",
    ["what's C++ \"foo", "damaged AND (", "title:damaged*", "NEAR(damaged items", "damaged\x00items", "'--"],
)
async def test_operators_in_a_query_are_only_words(knowledge: None, query: str) -> None:
    assert not (await call("search", query=query)).is_error


async def test_a_query_longer_than_the_bound_says_what_was_used(knowledge: None) -> None:
    result = await call("search", query=" ".join(["damaged", *(f"word{n}" for n in range(20_000))]))
    assert result.structured["results"][0]["id"] == "returns-policy"
    assert result.structured["note"] == "Only the first 64 words of the query were used."


@pytest.mark.parametrize("limit", [0, 21, "5"])
async def test_a_limit_out_of_bounds_is_refused(knowledge: None, limit: Any) -> None:
    with pytest.raises(InvalidArguments, match="limit"):
        await call("search", query="damaged", limit=limit)


@given(st.text(max_size=60))
def test_no_query_makes_the_index_raise(query: str) -> None:
    assert len(INDEX.search(query, 3).results) <= 3


INDEX = Index(load(BUNDLED), "fernhill")


async def test_results_keep_their_output_schemas(knowledge: None) -> None:
    schemas = {tool.name: tool.output_schema or {} for tool in (await server.list_tools(ADA)).tools}
    found = await call("search", query="damaged")
    fetched = await call("fetch", id="gift-cards")
    assert Schema(schemas["search"], "search").violations(found.structured) == ()
    assert Schema(schemas["fetch"], "fetch").violations(fetched.structured) == ()


async def test_the_tool_list_is_short_enough_for_a_model() -> None:
    tools = (await server.list_tools(ADA)).tools
    assert [tool.name for tool in tools] == ["search", "fetch"]
    sent = sum(len(t.name + t.description) + len(msgspec.json.encode(t.input_schema)) for t in tools)
    assert sent / 4 < 1_500


def test_every_bundled_document_is_whole() -> None:
    articles = load(BUNDLED)
    assert len(articles) >= 60
    outdated = {"superseded_by", "valid_until"}
    for article in articles:
        more = outdated if article.metadata.get("status") == "superseded" else set[str]()
        assert set(article.metadata) - {"status"} == {"updated", "category"} | more, article.id
        assert 150 <= len(article.text.split()) <= 400, article.id
    assert len({article.title for article in articles}) == len(articles)


async def test_a_folder_of_ones_own_is_searched_with_its_own_addresses(tmp_path: Path) -> None:
    (tmp_path / "guides").mkdir()
    (tmp_path / "guides" / "bees.md").write_text(
        "# Keeping bees\n\nHives stand in the sun.", encoding="utf-8"
    )
    (tmp_path / "plain.md").write_text("Only wasps here.", encoding="utf-8")
    async with server.running(Settings(folder=tmp_path, collection="garden")):
        (hit,) = (await call("search", query="hive")).structured["results"]
        assert (hit["id"], hit["title"], hit["url"]) == (
            "guides/bees",
            "Keeping bees",
            "kb://garden/guides/bees",
        )
        assert (await call("fetch", id="plain")).structured["title"] == "plain"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"---\ntitle: x\nno end", "is no `key: value` line"),
        (b"---\ntitle: x\n", "the front matter does not end"),
        (b"caf\xe9", "is not UTF-8: byte 3"),
        (None, "has no Markdown file"),
    ],
)
async def test_an_unusable_folder_is_named_at_the_start(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "bad.md").write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        async with server.running(Settings(folder=tmp_path)):
            pass


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere is not a folder"):
        async with server.running(Settings(folder=tmp_path / "nowhere")):
            pass
