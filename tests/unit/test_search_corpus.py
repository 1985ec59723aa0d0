"""The bundled documents: what is made is as it is made, and what is outdated says so and names what holds now."""

import re
from collections import Counter
from datetime import date

import pytest

from tests.data.knowledge_files.making import KNOWLEDGE, files
from toolservers.documents.opening import extract

PATHS = sorted(path for path in KNOWLEDGE.rglob("*") if path.is_file())
PAGES = {
    path.relative_to(KNOWLEDGE).with_suffix("").as_posix(): extract(path.read_bytes(), path.name)
    for path in PATHS
    if path.suffix == ".md"
}
SUPERSEDED = [name for name, page in PAGES.items() if page.metadata.get("status") == "superseded"]
TODAY = date(2026, 11, 26)
"""Nothing that is outdated still holds then: the demo's world stands at 16 November."""


def test_pdf_and_docx_are_what_their_texts_make() -> None:
    made = files()
    there = {path.relative_to(KNOWLEDGE).as_posix() for path in PATHS if path.suffix in (".pdf", ".docx")}
    assert made.keys() == there
    stale = [name for name, data in made.items() if (KNOWLEDGE / name).read_bytes() != data]
    assert not stale, "run: python -m tests.data.knowledge_files"


def test_the_documents_are_many_and_of_every_format() -> None:
    formats = Counter(path.suffix for path in PATHS)
    assert formats.keys() == {".md", ".txt", ".html", ".pdf", ".docx", ".csv", ".json", ".eml"}
    assert formats[".md"] >= 60


def test_every_page_is_whole() -> None:
    for name, page in PAGES.items():
        more = {"superseded_by", "valid_until"} if name in SUPERSEDED else set[str]()
        assert page.metadata.keys() - {"title", "status"} == {"updated", "category"} | more, name
        assert 150 <= len(page.text.split()) <= 400, name
    assert len({page.title for page in PAGES.values()}) == len(PAGES)


@pytest.mark.parametrize("name", SUPERSEDED)
def test_an_outdated_page_names_the_present_one_and_its_own_end(name: str) -> None:
    old = PAGES[name].metadata
    present = PAGES[old["superseded_by"]].metadata
    assert "status" not in present
    assert date.fromisoformat(old["updated"]) < date.fromisoformat(old["valid_until"]) < TODAY


def test_the_archive_is_outdated_and_nothing_else_is() -> None:
    assert [name for name in PAGES if name.startswith("archive/")] == SUPERSEDED


def test_a_page_that_a_page_names_is_there() -> None:
    """`see *Gift cards*`: a title, or its part before a colon or comma."""
    titles = {part for page in PAGES.values() for part in (page.title, re.split("[:,] ", page.title)[0])}
    named = {
        (name, " ".join(title.split()))
        for name, page in PAGES.items()
        for title in re.findall(r"(?:[Ss]ee|as described in) \*([^*]+)\*", page.text)
    }
    assert {(name, title) for name, title in named if title not in titles} == set()
