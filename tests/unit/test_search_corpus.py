"""The bundled documents: what is made is as it is made, and what is outdated says so and names what holds now."""

import re
from datetime import date

import pytest

from tests.data.knowledge_files.making import KNOWLEDGE, files
from tests.unit.search_articles import load

ARTICLES = {article.id: article for article in load(KNOWLEDGE)}
SUPERSEDED = sorted(name for name, one in ARTICLES.items() if one.metadata.get("status") == "superseded")
TODAY = date(2026, 11, 16)
"""The day that the demo's world stands at."""


def test_pdf_and_docx_are_what_their_texts_make() -> None:
    made = files()
    there = {path.relative_to(KNOWLEDGE).as_posix() for path in KNOWLEDGE.rglob("*.*[fx]")}
    assert made.keys() == there
    stale = [name for name, data in made.items() if (KNOWLEDGE / name).read_bytes() != data]
    assert not stale, "run: python -m tests.data.knowledge_files"


@pytest.mark.parametrize("name", SUPERSEDED)
def test_an_outdated_page_ended_when_the_present_one_began(name: str) -> None:
    old = ARTICLES[name].metadata
    present = ARTICLES[old["superseded_by"]]
    assert present.metadata.get("status") is None
    assert date.fromisoformat(old["updated"]) < date.fromisoformat(old["valid_until"]) < TODAY


def test_all_that_is_in_the_archive_is_outdated_and_nothing_else() -> None:
    assert [name for name in sorted(ARTICLES) if name.startswith("archive/")] == SUPERSEDED


def test_every_page_that_a_page_names_in_italics_is_there() -> None:
    """`see *Gift cards*`: a title, or its part before a colon or comma."""
    titles = {re.split("[:,] ", one.title)[0] for one in ARTICLES.values()}
    titles |= {one.title for one in ARTICLES.values()}
    named = {
        (name, " ".join(title.split()))
        for name, one in ARTICLES.items()
        for title in re.findall(r"[Ss]ee \*([^*]+)\*|as described in \*([^*]+)\*", one.text)
        for title in title
        if title
    }
    assert {(name, title) for name, title in named if title not in titles} == set()
