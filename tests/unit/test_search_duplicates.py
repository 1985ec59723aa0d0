"""The same text twice, nearly the same text twice, and what only looks like it."""

import random
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.unit.search_documents import document, require_whole
from toolservers.search.ingestion.duplicates import ALIKE, are_alike, placed, signature_of
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.records import NewDocument

chance = random.Random(20261126)
WORDS = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(3000)]


def prose(words: int, seed: int = 1) -> list[str]:
    return random.Random(seed).choices(WORDS, k=words)


def changed(words: list[str], share: float) -> list[str]:
    """As many runs of three words are others as the share says."""
    other = list(words)
    for at in range(1, len(words), max(3, round(3 / share))):
        other[at] = "another"
    return other


def made(
    identifier: str, text: str, updated: str = "2026-01-01", source: str = "", path: str = ""
) -> NewDocument:
    signature = signature_of(text)
    return document(
        identifier,
        text,
        path=path,
        updated=updated,
        source=source,
        signature=signature.value,
        bands=signature.bands,
    )


@pytest.fixture
def index(tmp_path: Path) -> Generator[IndexFile]:
    opened = IndexFile(tmp_path / "index.db")
    yield opened
    require_whole(opened)
    opened.close()


def duplicates(index: IndexFile, *documents: NewDocument) -> dict[str, str]:
    """Of each document in the index, what it is a duplicate of."""
    for one in documents:
        with index.writing() as writer:
            placed(writer, one)
    with index.reading() as reader:
        return {row.id: row.duplicate_of for row in reader.documents()}


@pytest.mark.parametrize(("length", "times"), [(60, 30), (300, 30), (9_000, 3)])
def test_the_sketch_tells_near_texts_from_others(length: int, times: int) -> None:
    right = 0
    for seed in range(times):
        words = prose(length, seed)
        sign = signature_of(" ".join(words))
        near = signature_of(" ".join(changed(words, 0.02)))
        far = signature_of(" ".join(changed(words, 0.3)))
        assert not are_alike(sign.value, far.value)
        right += are_alike(sign.value, near.value) and bool(set(sign.bands) & set(near.bands))
    assert right >= 0.9 * times
    assert ALIKE == 0.9


def test_layout_and_letters_make_no_difference() -> None:
    words = prose(100)
    assert signature_of(" ".join(words)) == signature_of("\n\n".join(words).upper() + ".")


@pytest.mark.parametrize(
    ("one", "other"), [("14 days", "30 days"), ("E-1042", "E-1043"), ("on 2026-01-05", "on 2026-02-05")]
)
def test_texts_that_differ_in_a_number_are_no_duplicates(index: IndexFile, one: str, other: str) -> None:
    text = " ".join(prose(500))
    assert duplicates(index, made("a", f"{text} {one}"), made("b", f"{text} {other}")) == {"a": "", "b": ""}


def test_of_the_same_text_the_first_is_the_original_however_short(index: IndexFile) -> None:
    found = duplicates(index, made("a", "Ring the bell."), made("b", "Ring the bell.", "2026-05-01"))
    assert found == {"a": "", "b": "a"}


def test_of_nearly_the_same_text_the_newest_is_the_original(index: IndexFile) -> None:
    words = prose(400)
    old, copy = made("old", " ".join(words), "2025-01-01"), made("copy", " ".join(words), "2025-01-02")
    assert duplicates(index, old, copy) == {"copy": "old", "old": ""}
    new = made("new", " ".join(changed(words, 0.02)), "2026-01-01")
    assert duplicates(index, new) == {"copy": "new", "new": "", "old": "new"}
    older = made("older", " ".join(changed(words, 0.01)), "2024-01-01")
    assert duplicates(index, older)["older"] == "new"


def test_a_document_that_came_by_a_tool_never_hides_the_operators(index: IndexFile) -> None:
    words = prose(400)
    mine = made("policy", " ".join(words), "2025-01-01")
    other = made("added:policy", " ".join(changed(words, 0.01)), "2030-01-01", "added")
    assert duplicates(index, mine, other) == {"added:policy": "policy", "policy": ""}
    same = made("added:x", "Ring the bell.", source="added")
    assert duplicates(index, same, made("bell", "Ring the bell."))["added:x"] == "bell"


def test_what_changes_or_goes_leaves_its_duplicates_an_original(index: IndexFile) -> None:
    text = " ".join(prose(100))
    a, b, c = (made(name, text, path=f"{name}.md") for name in "abc")
    assert duplicates(index, a, b, c) == {"a": "", "b": "a", "c": "a"}
    assert duplicates(index, made("a", "Something else.", path="a.md")) == {"a": "", "b": "", "c": "b"}
    assert duplicates(index, a) == {"a": "b", "b": "", "c": "b"}
    with index.writing() as writer:
        row = writer.document("b")
        assert row is not None
        writer.delete([row.key])
    assert duplicates(index) == {"a": "c", "c": ""}


def test_the_cost_does_not_grow_with_the_number_of_copies(index: IndexFile) -> None:
    """Counted in hundreds of SQLite's steps, not in seconds."""
    words = prose(100)
    costs: list[int] = []

    def count() -> bool:
        costs[-1] += 1
        return False

    for number in range(200):
        other = made(f"d{number:03}", " ".join([*words[: number % 7], "other", *words[number % 7 + 1 :]]))
        costs.append(0)
        with index.writing() as writer:
            writer.connection.set_progress_handler(count, 100)
            placed(writer, other)
            writer.connection.set_progress_handler(None)
    assert max(costs[150:]) <= 1.2 * max(costs[70:110])
