"""The index file: whole documents or none, one state for whoever reads, clear words when it cannot be used."""

import sqlite3
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.unit.search_documents import document, found, require_whole
from toolservers.search.storage.file import IndexFile, connect
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import FileFacts, NewDocument, Problem
from toolservers.search.storage.schema import PART
from toolward.errors import ConfigurationError, Conflict, ToolwardError, Unavailable


@pytest.fixture
def index(tmp_path: Path) -> Generator[IndexFile]:
    opened = IndexFile(tmp_path / "index.db")
    yield opened
    opened.close()


def put(index: IndexFile, *documents: NewDocument) -> list[int]:
    with index.writing() as writer:
        return [writer.put(one) for one in documents]


def test_a_document_comes_back_as_it_was_put(index: IndexFile) -> None:
    new = document(
        "manual.pdf",
        "First page\nE-1042 漢字",
        path="manual.pdf",
        title="Kettle",
        metadata={"author": "Ümit"},
        left_out=("Page 3 is an image without text.",),
        share=0.5,
        pages=((1, 0), (2, 11)),
        encoding="UTF-8",
    )
    (key,) = put(index, new)
    with index.reading() as reader:
        row = reader.document("manual.pdf")
        assert row is not None
        assert (row.key, row.title, row.file, row.metadata) == (key, "Kettle", new.file, {"author": "Ümit"})
        assert (row.left_out, row.share, row.encoding) == (new.left_out, 0.5, "UTF-8")
        assert reader.pages(key) == [(1, 0), (2, 11)]
        assert reader.text(key) == new.text
        assert [(p.start, p.end) for p in reader.passages_of(key)] == [(0, 10), (11, 20)]
        assert found(reader, '"字"') == found(reader, "kettle") == ["manual.pdf"]
        assert reader.partial() == [("manual.pdf", 0.5, new.left_out)]
    require_whole(index)


@settings(max_examples=examples(15), deadline=None)
@given(st.integers(0, 3 * PART), st.data())
def test_a_range_of_the_text_is_exactly_that(length: int, data: st.DataObject) -> None:
    text = "".join(chr(0x61 + at % 25) if at % 7 else "🙂" for at in range(length))
    start = data.draw(st.integers(0, length + 2))
    end = data.draw(st.none() | st.integers(0, length + 2))
    connection = _in_memory()
    connection.executemany(
        "INSERT INTO texts VALUES (1, ?, ?)",
        [(at // PART, text[at : at + PART]) for at in range(0, length, PART)],
    )
    assert Reader(connection).text(1, start, end) == text[start : None if end is None else max(start, end)]


def _in_memory() -> Any:
    connection: Any = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE texts (document, part, text)")
    return connection


def test_a_new_version_takes_the_place_of_the_old_one(index: IndexFile) -> None:
    put(index, document("a", "old words", path="a.md"), document("b", "other", path="b.md"))
    put(index, document("a", "new ones\nof two lines", path="a.md"))
    with index.reading() as reader:
        assert (found(reader, "words"), found(reader, "ones")) == ([], ["a"])
        assert reader.ids() == ["a", "b"]
    require_whole(index)


def test_an_id_that_another_file_has_is_refused_and_nothing_changes(index: IndexFile) -> None:
    put(index, document("a", path="a.md"))
    with pytest.raises(Conflict, match="a is the id"):
        put(index, document("b", path="b.md"), document("a", path="a"))
    with index.reading() as reader:
        assert reader.ids() == ["a"]


def test_a_rename_keeps_passages_and_a_new_title_is_found(index: IndexFile) -> None:
    (key,) = put(index, document("old", "Some text", path="old.md"))
    with index.reading() as reader:
        before = reader.passages_of(key)
    with index.writing() as writer:
        writer.renamed(key, "new", "kb://test/new", FileFacts("new.md", 9, 2, "digest"))
        writer.retitle(key, "new")
    with index.reading() as reader:
        assert reader.passages_of(key) == before
        assert (found(reader, "old"), found(reader, "new"), found(reader, "text")) == ([], ["new"], ["new"])
    require_whole(index)


def test_duplicates_of_what_goes_get_the_newest_of_them_as_original(index: IndexFile) -> None:
    with index.writing() as writer:
        first = writer.put(document("a"))
        for name, updated, source in (
            ("b", "2026-02-01", ""),
            ("c", "2026-03-01", ""),
            ("d", "2027", "added"),
        ):
            writer.put(document(name, updated=updated, source=source), first)
    with index.writing() as writer:
        writer.delete([first, 999])
    with index.reading() as reader:
        assert {row.id: row.duplicate_of for row in reader.documents()} == {"b": "c", "c": "", "d": "c"}


def test_who_reads_sees_one_state_and_waits_for_nobody(index: IndexFile) -> None:
    (key,) = put(index, document("a", "Some words"))
    with index.reading() as reader:
        assert found(reader, "words") == ["a"]
        with index.writing() as writer:
            writer.delete([key])
        assert found(reader, "words") == ["a"]
        assert reader.text(key) == "Some words"
    with index.reading() as reader:
        assert found(reader, "words") == []


def test_what_is_raised_undoes_the_whole_transaction(index: IndexFile) -> None:
    class Boom(Exception): ...

    def fail() -> None:
        with index.writing() as writer:
            writer.put(document("a", "two"))
            writer.put_problem(Problem("", "x.pdf", 1, 1, "encrypted", "It is encrypted."))
            raise Boom

    put(index, document("a", "one"))
    with pytest.raises(Boom):
        fail()
    with index.reading() as reader:
        assert (found(reader, "one"), found(reader, "two"), reader.problems()) == (["a"], [], [])
    require_whole(index)


def test_a_full_disk_undoes_the_transaction_and_room_lets_it_go_on(index: IndexFile) -> None:
    put(index, document("a", "small"))
    with index.reading() as reader:
        pages = reader.connection.pragma("page_count")
    large = document("b", "\n".join(f"line {number} of many" for number in range(20_000)))
    with index.writing() as writer:
        writer.connection.pragma("max_page_count", pages + 20)
    with pytest.raises(Unavailable, match="full; nothing was changed"):
        put(index, large)
    with index.reading() as reader:
        assert reader.ids() == found(reader, "small OR line") == ["a"]
    require_whole(index)
    with index.writing() as writer:
        writer.connection.pragma("max_page_count", pages + 10_000)
    put(index, large)
    require_whole(index)


def test_two_that_write_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    """Each its own IndexFile, as two processes have."""
    path = tmp_path / "index.db"
    one, other = IndexFile(path), IndexFile(path)

    def write(index: IndexFile, name: str) -> None:
        for number in range(20):
            put(index, document(f"{name}-{number}", f"text {number}"))

    threads = [threading.Thread(target=write, args=args) for args in ((one, "one"), (other, "other"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with one.reading() as reader:
        assert len(reader.ids()) == len(found(reader, "text")) == 40
    require_whole(other)
    one.close()
    other.close()


def _nothing_of_ours(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (x)")
    database.close()


def _another_version(path: Path) -> None:
    IndexFile(path).close()
    connection = connect(path)
    connection.pragma("user_version", 99)
    connection.close()


def _damaged(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\1" * 5000)


REFUSED: dict[str, tuple[Callable[[Path], object], type[ToolwardError], str]] = {
    "text": (lambda path: path.write_text("hello " * 1000), ConfigurationError, "no index, or is damaged"),
    "somebody's database": (_nothing_of_ours, ConfigurationError, "something else"),
    "another version": (_another_version, ConfigurationError, "layout 99"),
    "damaged": (_damaged, ConfigurationError, "damaged"),
    "a folder": (lambda path: path.mkdir(), Unavailable, "cannot be read or written"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_is_no_index_of_ours_is_left_alone(tmp_path: Path, kind: str) -> None:
    make, error, words = REFUSED[kind]
    path = tmp_path / "index.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(error, match=words) as refusal:
        IndexFile(path)
    assert refusal.value.hint
    assert before == (path.read_bytes() if path.is_file() else b"")


def test_models_are_built_behind_and_never_mixed(index: IndexFile) -> None:
    (key,) = put(index, document("a", "one\ntwo"))
    with index.writing() as writer:
        passages = [p.key for p in writer.passages_of(key)]
        old = writer.build_model("old", 8)
        writer.put_vectors(old, [(passage, b"v" * 16, b"c") for passage in passages])
        writer.serve_model(old)
        new = writer.build_model("new", 8)
        assert writer.build_model("new", 8) == new
        writer.put_vectors(new, [(passages[0], b"w" * 16, b"d"), (999, b"w" * 16, b"d")])
    with index.reading() as reader:
        assert {model.name: model.state for model in reader.models()} == {"old": "serving", "new": "building"}
        assert [p.key for p in reader.without_vector(new, 10)] == passages[1:]
        assert (reader.embedded(old), reader.embedded(new)) == (2, 1)
    with index.writing() as writer:
        writer.put_vectors(new, [(passages[1], b"w" * 16, b"d")])
        writer.serve_model(new)
        assert [writer.drop_old_vectors(1) for _ in range(3)] == [2, 2, 0]
    with index.reading() as reader:
        assert [(model.name, model.state) for model in reader.models()] == [("new", "serving")]
        assert set(reader.vectors(new, passages)) == {row[0] for row in reader.codes(new)} == set(passages)
    with index.writing() as writer:
        writer.delete([key])
    with index.reading() as reader:
        assert list(reader.codes(new)) == []
    require_whole(index)
