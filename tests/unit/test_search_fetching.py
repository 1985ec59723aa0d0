"""Windows of documents: every range gives back exactly what stands there, and all windows are the document."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from toolservers.search import fetching
from toolservers.search.fetching import WINDOW
from toolservers.search.references import Reference, referred
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import MAIN, DocumentRow, FileFacts, NewDocument
from toolward.errors import ToolError


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexFile]:
    file = IndexFile(tmp_path_factory.mktemp("index") / "index.db")
    yield file
    file.close()


def put(index: IndexFile, text: str, name: str = "a", **more: object) -> None:
    with index.writing() as writer:
        document = NewDocument(name, MAIN, "A", f"kb://x/{name}", "text", text, (), "2026-01-31", **more)  # pyright: ignore[reportArgumentType]
        writer.put(document)


def row_of(reader: Reader, name: str) -> DocumentRow:
    row = fetching.found(reader, Reference(name), name)
    assert row is not None
    return row


LINES = st.lists(
    st.sampled_from(["", "é" * 7, "漢" * 900, "\U0001f41d", "x" * 30_000]), min_size=1, max_size=9
)


@given(LINES, st.data())
@settings(max_examples=examples(30), deadline=None)
def test_every_range_and_all_windows_give_back_the_text(
    index: IndexFile, lines: list[str], data: st.DataObject
) -> None:
    text = "\n".join(lines)
    put(index, text)
    with index.reading() as reader:
        row = row_of(reader, "a")
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, len(text) + 5))
        part = fetching.window(reader, row, start, end, None)
        assert part.text == text[start:end][:WINDOW]
        assert text[part.start : part.end] == part.text
        pieces: list[str] = []
        following: int | None = 0
        while following is not None:
            part = fetching.window(reader, row, following, None, None)
            assert 0 < len(part.text) <= WINDOW or not text
            pieces.append(part.text)
            following = part.next_start
        assert "".join(pieces) == text


def test_a_window_ends_where_a_line_does_and_says_how_to_go_on(index: IndexFile) -> None:
    put(index, "line\n" * 10_000)
    with index.reading() as reader:
        row = row_of(reader, "a")
        part = fetching.window(reader, row, 1, None, None)
        assert part.text.endswith("line\n")
        assert part.next_start == part.end == 19_999 + 1
        assert part.note == "This is not all of it: go on with start 20000, or with the id a#char=20000,"
        beyond = fetching.window(reader, row, 60_000, None, None)
        assert (beyond.text, beyond.start, beyond.next_start) == ("", 50_000, None)
        assert beyond.note == "It has only 50,000 characters."
        with pytest.raises(ToolError, match="`end` is before `start`"):
            fetching.window(reader, row, 5, 4, None)


def test_a_document_says_what_it_lacks_and_whether_its_file_has_changed(
    index: IndexFile, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello")
    status = path.stat()
    facts = FileFacts("a.txt", status.st_size, status.st_mtime_ns, "")
    put(
        index,
        "hello",
        "with-a-file",
        file=facts,
        left_out=("Page 3 is an image without text.",),
        share=0.8,
        metadata={"title": "B"},
    )
    with index.reading() as reader:
        row = row_of(reader, "with-a-file")
        part = fetching.window(reader, row, 0, None, tmp_path)
        assert not part.stale
        assert part.metadata == {"updated": "2026-01-31", "format": "text"}
        assert part.note == "About 80 % of its file's text is here. Page 3 is an image without text."
        os.utime(path, ns=(0, 0))
        assert fetching.window(reader, row, 0, None, tmp_path).stale
        path.unlink()
        assert "or is gone" in fetching.window(reader, row, 0, None, tmp_path).note


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("a/b", Reference("a/b")),
        (" kb://shop/a%20b#char=1,20 ", Reference("a b", 1, 20)),
        ("KB://shop/a", Reference("a")),
        ("kb://manuals/k.pdf#char=7,", Reference("manuals:k.pdf", 7)),
        ("manuals:k.pdf#char=,9", Reference("manuals:k.pdf", None, 9)),
        ("a#char=7", Reference("a", 7)),
        ("a#char=x", Reference("a#char=x")),
    ],
)
def test_what_a_caller_may_name(asked: str, expected: Reference) -> None:
    assert referred(asked, "shop") == expected


def test_an_id_is_found_in_other_letters_and_the_nearest_is_named(index: IndexFile) -> None:
    put(index, "x", "returns-policy")
    put(index, "x", "odd#char=1,2")
    with index.reading() as reader:
        for asked, name in (("Returns-Policy", "returns-policy"), ("odd#char=1,2", "odd#char=1,2")):
            row = fetching.found(reader, referred(asked, "x"), asked)
            assert row is not None
            assert row.id == name
        assert fetching.found(reader, referred("return-policy", "x"), "return-policy") is None
        said = fetching.missing(reader, referred("return-policy", "x"))
        assert said == "There is no document 'return-policy'. The nearest id is returns-policy."
        assert "results of `search`" in fetching.missing(reader, referred("?", "x"))
