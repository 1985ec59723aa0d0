"""What is changed in an index inside one write transaction."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import ADDED, FileFacts, NewDocument, Problem
from toolservers.search.storage.schema import PART
from toolservers.search.storage.scripts import spaced
from toolward.errors import Conflict

_INSERT = (
    "INSERT INTO documents (id, source, path, size, mtime_ns, digest, title, url, format, encoding, updated, "
    "indexed_at, characters, sha256, metadata, left_out, pages, share, signature, duplicate_of) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING key"
)
_DROP_VECTORS = (
    "DELETE FROM vectors WHERE (model, passage) IN (SELECT model, passage FROM vectors "
    "WHERE model IN (SELECT key FROM models WHERE state = 'old') LIMIT ?)"
)
_DROP_CODES = (
    "DELETE FROM codes WHERE (model, passage) IN (SELECT model, passage FROM codes "
    "WHERE model IN (SELECT key FROM models WHERE state = 'old') LIMIT ?)"
)


class Writer(Reader):
    """It reads what it has written, but for the words of passages, which go in at the end, all at once: FTS5 writes
    out what it has gathered whenever another statement comes between."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self._words: list[tuple[int, str, str, str]] = []

    def finish(self) -> None:
        """Before the transaction ends."""
        self.connection.executemany(
            "INSERT INTO words (rowid, title, heading, body) VALUES (?, ?, ?, ?)", self._words
        )
        self._words.clear()

    def put(self, document: NewDocument, duplicate_of: int | None = None) -> int:
        """In the place of the document of the same file or id; gives its key. Raises Conflict where the id belongs
        to another file or source."""
        file = document.file
        row = self.connection.execute(
            "SELECT key, source, path FROM documents WHERE id = ?", (document.id,)
        ).fetchone()
        if row is not None and row[1:] != (document.source, file.path if file else None):
            raise Conflict(
                f"{document.id} is the id of another document already.",
                hint="Give one of the two files another name.",
            )
        if file is not None:
            self._forget_file(document.source, file.path)
        if row is not None:
            self.delete([row[0]])
        key = self.connection.execute(_INSERT, _values(document, duplicate_of)).get
        parts = range(0, len(document.text), PART)
        self.connection.executemany(
            "INSERT INTO texts VALUES (?, ?, ?)",
            [(key, at // PART, document.text[at : at + PART]) for at in parts],
        )
        self.connection.executemany(
            "INSERT OR IGNORE INTO bands VALUES (?, ?)", [(band, key) for band in document.bands]
        )
        self._put_passages(key, document)
        self._changed()
        return key

    def delete(self, keys: Iterable[int]) -> None:
        """Documents, with all that hangs on them. Keys that are not there are passed over. Where others are
        duplicates of one, the newest of those takes its place."""
        self.finish()
        for key in keys:
            self._pass_on(key)
            self.connection.execute(
                "DELETE FROM words WHERE rowid IN (SELECT key FROM passages WHERE document = ?)", (key,)
            )
            self.connection.execute("DELETE FROM documents WHERE key = ?", (key,))
        self._changed()

    def fold(self, key: int, under: int) -> None:
        """A document and its duplicates are duplicates of `under` from now on."""
        self.connection.execute(
            "UPDATE documents SET duplicate_of = ?1 WHERE (key = ?2 OR duplicate_of = ?2) AND key <> ?1",
            (under, key),
        )
        self._changed()

    def seen(self, key: int, file: FileFacts) -> None:
        """The document's file has the same bytes as before, at another time."""
        self.connection.execute(
            "UPDATE documents SET size = ?, mtime_ns = ? WHERE key = ?",
            (file.size, _time(file.mtime_ns), key),
        )

    def renamed(self, key: int, identifier: str, url: str, file: FileFacts) -> None:
        """Its file has another name now, and the same bytes. Raises Conflict where the id is taken."""
        taken = self.connection.execute("SELECT key FROM documents WHERE id = ?", (identifier,)).get
        if taken not in (None, key):
            raise Conflict(f"{identifier} is the id of another document already.")
        self.connection.execute(
            "UPDATE documents SET id = ?, url = ?, path = ?, size = ?, mtime_ns = ? WHERE key = ?",
            (identifier, url, file.path, file.size, _time(file.mtime_ns), key),
        )
        self._changed()

    def retitle(self, key: int, title: str) -> None:
        """Passages stay what they are, and keep their vectors."""
        row = self.document_of(key)
        if row is None or row.title == title:
            return
        self.connection.execute("UPDATE documents SET title = ? WHERE key = ?", (title, key))
        self.finish()
        text = self.text(key)
        passages = self.passages_of(key)
        self.connection.executemany("DELETE FROM words WHERE rowid = ?", [(one.key,) for one in passages])
        self._words = [
            (one.key, spaced(title), spaced(one.heading), spaced(text[one.start : one.end]))
            for one in passages
        ]
        self._changed()

    def put_problem(self, problem: Problem) -> None:
        self.connection.execute(
            "INSERT OR REPLACE INTO problems VALUES (?, ?, ?, ?, ?, ?)",
            (
                problem.source,
                problem.path,
                problem.size,
                _time(problem.mtime_ns),
                problem.why,
                problem.message,
            ),
        )

    def forget_problem(self, source: str, path: str) -> None:
        self.connection.execute("DELETE FROM problems WHERE source = ? AND path = ?", (source, path))

    def readdress(self, source: str, host: str) -> None:
        """The addresses of a source's documents begin with `kb://HOST/` from now on."""
        self.connection.execute(
            "UPDATE documents SET url = ?1 || substr(url, 6 + instr(substr(url, 6), '/')) "
            "WHERE source = ?2 AND substr(url, 1, length(?1)) <> ?1",
            (f"kb://{host}/", source),
        )

    def put_fact(self, name: str, value: Any) -> None:
        self.connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def watch(self, name: str, folder: str) -> None:
        self.connection.execute("INSERT OR REPLACE INTO watched VALUES (?, ?)", (name, folder))

    def unwatch(self, name: str) -> None:
        self.connection.execute("DELETE FROM watched WHERE name = ?", (name,))

    # --- vectors --------------------------------------------------------------------------------------

    def build_model(self, name: str, dimensions: int) -> int:
        """The key of the model that is `building` from now on, unless it serves already. Another one that was being
        built is given up."""
        row = self.connection.execute(
            "SELECT key, state, dimensions FROM models WHERE name = ?", (name,)
        ).fetchone()
        if row is not None and row[2] == dimensions and row[1] != "old":
            if row[1] == "serving":
                self.connection.execute("UPDATE models SET state = 'old' WHERE state = 'building'")
            return row[0]
        if row is not None:
            self.connection.execute("DELETE FROM models WHERE key = ?", (row[0],))
        self.connection.execute("UPDATE models SET state = 'old' WHERE state = 'building'")
        return self.connection.execute(
            "INSERT INTO models (name, dimensions, state) VALUES (?, ?, 'building') RETURNING key",
            (name, dimensions),
        ).get

    def put_vectors(self, model: int, vectors: Iterable[tuple[int, bytes, bytes]]) -> None:
        """(passage, float16 vector, its signs as bits) each. Passages that are gone by now are passed over."""
        serving = self.serving()
        for passage, vector, code in vectors:
            if self.connection.execute("SELECT 1 FROM passages WHERE key = ?", (passage,)).get is None:
                continue
            self.connection.execute("INSERT OR REPLACE INTO codes VALUES (?, ?, ?)", (model, passage, code))
            self.connection.execute(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", (model, passage, vector)
            )
        if serving is not None and serving.key == model:  # nothing is found by a model that is being built
            self._changed()

    def serve_model(self, model: int) -> None:
        """The model is complete: from now on questions are compared with its vectors alone."""
        self.connection.execute(
            "UPDATE models SET state = 'old' WHERE state = 'serving' AND key <> ?", (model,)
        )
        self.connection.execute("UPDATE models SET state = 'serving' WHERE key = ?", (model,))
        self._changed()

    def drop_old_vectors(self, limit: int) -> int:
        """Removes at most `limit` vectors of models that are no longer used, and at last the models; gives how many
        vectors went."""
        removed = 0
        for sql in (_DROP_VECTORS, _DROP_CODES):
            self.connection.execute(sql, (limit,))
            removed += self.connection.changes()
        if not removed:
            self.connection.execute("DELETE FROM models WHERE state = 'old'")
        return removed

    # --- inside ---------------------------------------------------------------------------------------

    def _put_passages(self, key: int, document: NewDocument) -> None:
        first = (
            self.connection.execute("SELECT seq + 1 FROM sqlite_sequence WHERE name = 'passages'").get or 1
        )
        self.connection.executemany(
            "INSERT INTO passages (key, document, number, start, end, page, heading) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (first + at, key, passage.number, passage.start, passage.end, passage.page, passage.heading)
                for at, passage in enumerate(document.passages)
            ],
        )
        title = spaced(document.title)
        self._words += [
            (first + at, title, spaced(passage.heading), spaced(document.text[passage.start : passage.end]))
            for at, passage in enumerate(document.passages)
        ]

    def _pass_on(self, key: int) -> None:
        heir = self.connection.execute(
            "SELECT key FROM documents WHERE duplicate_of = ? ORDER BY source = ?, updated DESC, key LIMIT 1",
            (key, ADDED),
        ).get
        if heir is not None:
            self.connection.execute("UPDATE documents SET duplicate_of = NULL WHERE key = ?", (heir,))
            self.fold(key, heir)

    def _forget_file(self, source: str, path: str) -> None:
        key = self.connection.execute(
            "SELECT key FROM documents WHERE source = ? AND path = ?", (source, path)
        ).get
        if key is not None:
            self.delete([key])
        self.forget_problem(source, path)

    def _changed(self) -> None:
        self.connection.execute("UPDATE facts SET value = value + 1 WHERE name = 'generation'")


def _time(mtime_ns: int) -> int:
    """A file can say that it is of the year 2300, which SQLite's integers do not hold in nanoseconds."""
    return max(-(2**63), min(mtime_ns, 2**63 - 1))


def _values(document: NewDocument, duplicate_of: int | None) -> list[Any]:
    file = document.file
    facts = (None,) * 4 if file is None else (file.path, file.size, _time(file.mtime_ns), file.digest)
    return [
        *(document.id, document.source, *facts),
        *(document.title, document.url, document.format, document.encoding, document.updated),
        datetime.now(UTC).isoformat(timespec="seconds"),
        len(document.text),
        hashlib.sha256(document.text.encode()).hexdigest(),
        json.dumps(dict(document.metadata), ensure_ascii=False),
        json.dumps(document.left_out, ensure_ascii=False),
        json.dumps(document.pages),
        *(document.share, document.signature, duplicate_of),
    ]
