"""The search server's tools, over the bundled documents and over folders of one's own."""

import hashlib
import re
from collections.abc import AsyncGenerator
from functools import cache
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.unit.search_calls import ADA, call, ids
from toolservers.documents.opening import extract
from toolservers.search import fetching, writing_tools
from toolservers.search.settings import BUNDLED
from toolservers.search.tools import Settings, server
from toolward.errors import InvalidArguments, NotFound
from toolward.schema import Schema
from toolward.types import NO_CONTEXT


@pytest.fixture(scope="module")
async def knowledge(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[None]:
    index = tmp_path_factory.mktemp("knowledge") / "index.db"
    async with server.running(Settings(index=index, embeddings="none")):
        yield


QUESTIONS = {
    "what does our returns policy say about damaged items": "returns-policy",
    "my plate arrived broken, can I get my money back?": "returns-policy",
    "how much is express delivery": "shipping-costs-and-times",
    "my parcel is late, is there compensation": "delayed-shipments",
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
    "penalty for delayed delivery business customer SLA": "business-service-levels",
    "how long does a refund take on a credit card": "refunds-timing-and-limits",
    "how long is the warranty on the coffee grinder": "warranty",
    "goodwill credit": "returns-policy",
    "two customers with the same name, how do I verify identity": "identity-checks",
}


@pytest.mark.usefixtures("knowledge")
@pytest.mark.parametrize(("question", "expected"), QUESTIONS.items())
async def test_a_question_finds_its_document_first(question: str, expected: str) -> None:
    assert (await ids(question))[0] == expected


@pytest.mark.usefixtures("knowledge")
@pytest.mark.parametrize(("question", "expected"), AMONG_THREE.items())
async def test_a_wider_question_has_its_document_among_three(question: str, expected: str) -> None:
    assert expected in await ids(question, limit=3)


@pytest.mark.usefixtures("knowledge")
async def test_a_search_answers_in_the_connector_contract() -> None:
    result = await call("search", query="damaged", limit=2)
    assert msgspec.json.decode(result.text) == result.structured
    first = result.structured["results"][0]
    assert first["id"] == "returns-policy"
    assert first["title"] == "Returns policy, including damaged items"
    assert first["url"] == "kb://fernhill/returns-policy"
    assert "**damaged**" in first["snippet"].casefold()
    scores = [hit["score"] for hit in result.structured["results"]]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 2


@pytest.mark.usefixtures("knowledge")
async def test_a_document_is_fetched_by_id_and_by_url() -> None:
    document = (await call("fetch", id="returns-policy")).structured
    assert document["url"] == "kb://fernhill/returns-policy"
    assert document["metadata"] == {"updated": "2026-09-01", "category": "returns", "format": "markdown"}
    assert "within 14 days of delivery are replaced or refunded in full" in document["text"]
    assert "up to 20 % of the order total" in document["text"]
    assert (document["start"], document["end"], document["next_start"]) == (0, len(document["text"]), None)
    assert not document["stale"]
    assert (await call("fetch", id=document["url"])).structured == document


@pytest.mark.usefixtures("knowledge")
async def test_each_result_names_the_place_that_was_found() -> None:
    for hit in (await call("search", query="order payment refund", limit=20)).structured["results"]:
        place = hit["locator"]
        reference = f"{hit['url']}#char={place['start']},{place['end']}"
        document = (await call("fetch", id=reference)).structured
        assert document["title"] == hit["title"]
        assert (document["start"], document["end"]) == (place["start"], place["end"])
        shown = set(re.findall(r"\w+", hit["snippet"]))
        assert shown <= set(re.findall(r"\w+", document["text"]))


@pytest.mark.usefixtures("knowledge")
async def test_an_unknown_document_is_an_error_that_names_the_nearest() -> None:
    result = await call("fetch", id="return-policy")
    assert result.is_error
    assert result.text == "There is no document 'return-policy'. The nearest id is returns-policy."


@pytest.mark.usefixtures("knowledge")
@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("xylophone", "No document has any of these words: xylophone."),
        ("what is it?", "The query has no word to look for. Name the subject in a few words."),
        ('"*" ^ - + : ( )', "The query has no word to look for. Name the subject in a few words."),
        ("damaged type:xls", "No document passes the filter type:xls."),
        ("damaged source:garden", "Sources that there are: fernhill."),
    ],
)
async def test_finding_nothing_is_no_error_and_says_why(query: str, note: str) -> None:
    result = await call("search", query=query)
    assert not result.is_error
    assert result.structured["results"] == []
    assert note in result.structured["note"]
    assert "by meaning is switched off" in result.structured["note"]


@pytest.mark.usefixtures("knowledge")
async def test_filters_are_arguments_too_and_pages_go_on() -> None:
    narrowed: dict[str, Any] = {"types": ["md"], "sources": ["fernhill"], "after": "2026-01-01"}
    one = (await call("search", query="refund", limit=1, **narrowed)).structured
    two = (await call("search", query="refund", limit=20, cursor=one["next_cursor"], **narrowed)).structured
    found = [hit for page in (one, two) for hit in page["results"]]
    assert len(found) == len({hit["id"] for hit in found}) > 5
    assert all(hit["format"] == "markdown" and hit["updated"] >= "2026-01-01" for hit in found)
    returns = (await call("search", query="refund", metadata={"Category": "Returns"})).structured["results"]
    for hit in returns:
        assert (await call("fetch", id=hit["id"])).structured["metadata"]["category"] == "returns"
    assert returns
    other = await call("search", query="kettle", cursor=one["next_cursor"], **narrowed)
    assert "belongs to another query" in other.text
    wrong = await call("search", query="refund", before="yesterday")
    assert wrong.text == "before is 'yesterday', which is no date. Write it like 2026-01-31."


@pytest.mark.usefixtures("knowledge")
async def test_all_documents_are_listed_page_by_page() -> None:
    listed: list[str] = []
    cursor = ""
    while True:
        page = (await call("list_documents", limit=40, cursor=cursor)).structured
        listed += [one["id"] for one in page["documents"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert listed == sorted(listed)
    assert sorted(name.removesuffix(".md") for name in FILES) == listed
    assert len(listed) >= 60
    assert (await call("list_documents", source="added")).structured["documents"] == []
    refused = await call("list_documents", source="garden")
    assert refused.text == "There is no source 'garden'. There are: fernhill, added."


@pytest.mark.usefixtures("knowledge")
async def test_the_status_says_what_can_be_searched() -> None:
    told = (await call("get_index_status")).structured
    assert told["documents"] >= 60
    assert told["sources"] == [
        {"name": "fernhill", "documents": told["documents"], "problems": 0, "state": "followed"}
    ]
    assert told["indexing"] == "Up to date; changes of files are followed."
    assert told["meaning"] == "Search by meaning is switched off (embeddings: none)."
    assert told["share"] > 0.99


@pytest.mark.usefixtures("knowledge")
async def test_a_document_is_a_resource_at_its_address() -> None:
    resources = server.resources
    assert resources is not None
    (template,) = (await resources.list_templates(ADA)).templates
    assert template.uri_template == "kb://{source}/{+path}"
    text = (await call("fetch", id="returns-policy")).structured["text"]
    (body,) = await resources.read_resource(ADA, "kb://fernhill/returns-policy", NO_CONTEXT)
    assert (body.text, body.mime_type) == (text, "text/markdown")
    (body,) = await resources.read_resource(ADA, "kb://fernhill/returns-policy#char=5,9", NO_CONTEXT)
    assert body.text == text[5:9]
    with pytest.raises(NotFound, match="The nearest id is returns-policy"):
        await resources.read_resource(ADA, "kb://fernhill/return-policy", NO_CONTEXT)


@pytest.mark.usefixtures("knowledge")
@pytest.mark.parametrize(
    "arguments",
    [
        {"limit": 0},
        {"limit": 21},
        {"limit": "5"},
        {"sources": "fernhill"},
        {"kind": "pdf"},
        {"cursor": "x" * 2_001},
    ],
)
async def test_arguments_out_of_bounds_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments, match=next(iter(arguments))):
        await call("search", query="damaged", **arguments)


@pytest.mark.usefixtures("knowledge")
async def test_a_query_longer_than_the_bound_says_what_was_used() -> None:
    result = await call("search", query=" ".join(["damaged", *(f"word{n}" for n in range(20_000))]))
    assert result.structured["results"][0]["id"] == "returns-policy"
    assert "Only the first 4,000 characters of the query were used." in result.structured["note"]


@pytest.mark.usefixtures("knowledge")
async def test_results_keep_their_output_schemas() -> None:
    schemas = {tool.name: tool.output_schema or {} for tool in (await server.list_tools(ADA)).tools}
    asked = {
        "search": {"query": "damaged"},
        "fetch": {"id": "gift-cards"},
        "list_documents": {},
        "get_index_status": {},
    }
    for name, arguments in asked.items():
        answer = (await call(name, **arguments)).structured
        assert Schema(schemas[name], name).violations(answer) == ()


async def test_the_tool_list_is_short_enough_for_a_model() -> None:
    with writing_tools.offered(server):
        tools = (await server.list_tools(ADA)).tools
    reading = ["search", "fetch", "list_documents", "get_index_status"]
    assert [tool.name for tool in tools] == [*reading, "add_documents", "delete_documents", "watch_folder"]
    sent = sum(len(t.name + t.description) + len(msgspec.json.encode(t.input_schema)) for t in tools)
    assert sent / 4 < 1_500
    assert [tool.name for tool in (await server.list_tools(ADA)).tools] == reading


FILES = {
    path.relative_to(BUNDLED).as_posix(): path
    for path in sorted(BUNDLED.rglob("*"))
    if path.is_file() and not any(part.startswith(".") for part in path.relative_to(BUNDLED).parts)
}


@cache
def text_of(name: str) -> str:
    return extract(FILES[name].read_bytes(), name).text


@pytest.mark.usefixtures("knowledge")
@given(st.data())
@settings(max_examples=examples(40), deadline=None)
async def test_every_range_of_every_document_gives_back_exactly_its_text(data: st.DataObject) -> None:
    """Of all formats: what `fetch` gives is what stands in the text that comes out of the file."""
    kind = data.draw(st.sampled_from(sorted({path.suffix for path in FILES.values()})))
    name = data.draw(st.sampled_from([name for name, path in FILES.items() if path.suffix == kind]))
    text = text_of(name)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, min(len(text), start + fetching.WINDOW)))
    url = f"kb://fernhill/{quote(name.removesuffix('.md'))}"
    document = (await call("fetch", id=f"{url}#char={start},{end}")).structured
    assert document["text"] == text[start:end]
    assert document["url"] == url
    assert document["sha256"] == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.usefixtures("knowledge")
@given(query=st.text(max_size=60))
@settings(max_examples=examples(30), deadline=None)
async def test_no_query_makes_the_tool_raise(query: str) -> None:
    assert len(await ids(query, limit=3)) <= 3
