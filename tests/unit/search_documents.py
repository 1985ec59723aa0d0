"""Documents for the tests of the index and of what fills it."""

from contextlib import closing
from typing import Any

from toolservers.search.storage.file import IndexFile, connect
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import FileFacts, NewDocument, Passage


def document(identifier: str, text: str = "The kettle boils.", *, path: str = "", **more: Any) -> NewDocument:
    """With a passage for each line; `path`: it comes from a file."""
    passages: list[Passage] = []
    start = 0
    for line in text.splitlines():
        passages.append(Passage(len(passages), start, start + len(line), None, ""))
        start += len(line) + 1
    facts: dict[str, Any] = {"source": "", "title": identifier, "updated": "2026-01-01", "format": "text"}
    return NewDocument(
        id=identifier,
        url=f"kb://test/{identifier}",
        text=text,
        passages=tuple(passages),
        file=FileFacts(path, len(text), 1, "digest") if path else None,
        **facts | more,
    )


def found(reader: Reader, word: str) -> list[str]:
    """Ids of the documents that the full-text index finds."""
    rows = reader.connection.execute(
        "SELECT DISTINCT d.id FROM words w JOIN passages p ON p.key = w.rowid "
        "JOIN documents d ON d.key = p.document WHERE words MATCH ? ORDER BY d.id",
        (word,),
    )
    return [row[0] for row in rows]


def require_whole(index: IndexFile) -> None:
    """Nothing hangs on what is gone, and the full-text index agrees with the passages."""
    with closing(
        connect(index.path)
    ) as connection:  # a used one checks FTS5's segments as it knew them before
        ask, reader = connection.execute, Reader(connection)
        assert ask("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert ask("PRAGMA foreign_key_check").fetchall() == []
        passages = {row[0] for row in ask("SELECT key FROM passages")}
        assert {row[0] for row in ask("SELECT rowid FROM words")} == passages
        for row in reader.documents():
            text = reader.text(row.key)
            assert len(text) == row.characters
            at = 0
            for number, passage in enumerate(reader.passages_of(row.key)):
                assert passage.number == number
                assert not text[at : passage.start].strip()
                at = passage.end
            assert not text[at:].strip()
        ask("INSERT INTO words (words) VALUES ('integrity-check')")
