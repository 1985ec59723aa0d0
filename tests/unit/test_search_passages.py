"""Passages: exact offsets, nothing lost, cuts where the text has them."""

import json
import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from toolservers.documents.extracted import Extracted, Heading, Page
from toolservers.documents.opening import extract
from toolservers.search.ingestion.passages import LONGEST, passages_of
from toolservers.search.storage.records import Passage

SENTENCE = "The kettle boils a litre in three minutes and then turns itself off. "


def markdown(text: str, pages: tuple[int, ...] = ()) -> Extracted:
    headings = tuple(
        Heading(len(found[1]), found[2], found.start(), found.end())
        for found in re.finditer(r"^(#{1,6}) (.*)$", text, re.MULTILINE)
    )
    numbered = tuple(Page(number, start) for number, start in enumerate(pages, 1))
    return Extracted(text, "markdown", headings=headings, pages=numbered)


def bodies(extracted: Extracted) -> list[str]:
    return [extracted.text[passage.start : passage.end] for passage in passages_of(extracted)]


SHORT = [
    "# One\n",
    "## Two\n",
    "### Three\n",
    "\n\n",
    "\n",
    " ",
    "word ",
    "- item\n",
    "é̄ ",
    "🙂",
    "1. first\n",
    "\xa0",
]
LONG = [SENTENCE, SENTENCE * 20, "x" * 1200, "。", "漢字" * 300, "| a | b |\n", "Ends? ", "\t\n\n \n"]
pieces = st.sampled_from(SHORT + LONG)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(pieces, max_size=40), st.data())
def test_nothing_is_lost_and_every_offset_is_exact(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    starts = data.draw(st.lists(st.integers(0, max(len(text) - 1, 0)), max_size=4, unique=True).map(sorted))
    extracted = markdown(text, tuple(starts))
    found = passages_of(extracted)
    covered = {at for passage in found for at in range(passage.start, passage.end)}
    assert all(at in covered or character.isspace() for at, character in enumerate(text))
    assert [passage.number for passage in found] == list(range(len(found)))
    for passage in found:
        body = text[passage.start : passage.end]
        assert body == body.strip() != ""
        assert len(body) <= LONGEST + 200
        assert passage.page == extracted.page_at(passage.start)
    assert all(one.start < following.start for one, following in pairwise(found))


def test_a_heading_of_level_1_or_2_begins_a_passage_and_carries_its_text() -> None:
    text = f"# Manual\n\n## Use\n\n{SENTENCE}\n\n### Water\n\n{SENTENCE}\n\n## Care\n\n{SENTENCE}"
    first, second = passages_of(markdown(text))
    assert (first.start, first.heading) == (0, "Manual > Use")
    assert (second.start, second.heading) == (text.index("## Care"), "Manual > Care")


def test_neighbours_share_a_sentence_and_none_is_cut_inside_one() -> None:
    found = bodies(markdown(SENTENCE * 40))
    assert all(body.startswith("The kettle") and body.endswith("off.") for body in found)
    assert sum(map(len, found)) > len(SENTENCE) * 40
    assert all(400 < len(body) <= LONGEST for body in found)


def test_a_passage_keeps_to_its_page_but_for_the_sentence_that_goes_on() -> None:
    text = SENTENCE * 3 + "The warranty lasts " + "for 24 months in all. " + SENTENCE * 3
    extracted = markdown(text, (0, text.index("for 24")))
    first, second = passages_of(extracted)
    assert text[first.start : first.end].endswith("The warranty lasts for 24 months in all.")
    assert (first.page, second.page, second.start) == (1, 2, text.index("for 24"))


def test_rows_are_not_cut() -> None:
    rows = [f"sku: E-{number}, price: {number}.00 EUR, stock: {number % 7}" for number in range(100)]
    for body in bodies(Extracted("\n".join(rows), "csv")):
        assert set(body.split("\n")) <= set(rows)


@pytest.mark.parametrize(
    "text", ["a" * 10**6, "a " * 5 * 10**5, "# h\n" * 10**5, "。" * 10**5, "\n - " * 10**5, " \n" * 10**5, ""]
)
def test_endless_lines_and_headings_end_soon(text: str) -> None:
    found: tuple[Passage, ...] = passages_of(markdown(text))
    assert len(found) <= len(text) / 60


def test_the_time_grows_with_the_text_and_not_faster() -> None:
    """Where nothing divides it: ten times the text takes about ten times the time, and not a hundred times."""
    times: list[float] = []
    for words in (100_000, 1_000_000):
        extracted = markdown("word " * words)
        began = time.process_time()
        passages_of(extracted)
        times.append(time.process_time() - began)
    assert times[1] < 30 * times[0]


@pytest.mark.parametrize("name", ["prices.json", "prices.csv"])
def test_a_record_is_not_cut(name: str) -> None:
    records = [
        {"code": f"E-{number}", "says": "Nothing was found here. " * 20, "try": f"Ask for {number}."}
        for number in range(40)
    ]
    lines = [",".join(records[0]), *(",".join(record.values()) for record in records)]
    text = json.dumps(records) if name.endswith(".json") else "\n".join(lines)
    extracted = extract(text.encode(), name)
    shown = [extracted.text[passage.start : passage.end] for passage in passages_of(extracted)]
    for record in records:
        assert any(record["code"] in one and record["try"] in one for one in shown), record["code"]
