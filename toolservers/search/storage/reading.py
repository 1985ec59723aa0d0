"""What is asked of an index inside one read transaction."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from toolservers.search.storage.records import DocumentRow, FileFacts, Likeness, Model, PassageRow, Problem
from toolservers.search.storage.schema import PART

_DOCUMENT = (
    "SELECT d.key, d.id, d.source, d.title, d.url, d.format, d.encoding, d.updated, d.indexed_at, d.characters, "
    "d.sha256, d.metadata, d.left_out, d.share, coalesce(o.id, ''), d.path, d.size, d.mtime_ns, d.digest "
    "FROM documents d LEFT JOIN documents o ON o.key = d.duplicate_of "
)
_LIKENESS = "SELECT key, coalesce(duplicate_of, key), source, updated, signature FROM documents"
_PASSAGE = "SELECT key, document, number, start, end, page, heading FROM passages "


class Reader:
    """`connection` is apsw's, in a transaction; searches ask it directly."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @property
    def generation(self) -> int:
        """Another number means that something was added, changed or deleted."""
        return self.connection.execute("SELECT value FROM facts WHERE name = 'generation'").get

    def fact(self, name: str) -> Any:
        """None where nobody has put one of that name."""
        return self.connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).get

    def document(self, identifier: str) -> DocumentRow | None:
        return next(self._documents("WHERE d.id = ?", (identifier,)), None)

    def document_of(self, key: int) -> DocumentRow | None:
        return next(self._documents("WHERE d.key = ?", (key,)), None)

    def documents_of(self, keys: Sequence[int]) -> dict[int, DocumentRow]:
        """Those of `keys` that are there."""
        found = self._documents("WHERE d.key IN (SELECT value FROM json_each(?))", (json.dumps(list(keys)),))
        return {row.key: row for row in found}

    def documents(self, *, after: str = "", limit: int = -1, source: str | None = None) -> list[DocumentRow]:
        """By id, those behind `after`; of one source, or all; `limit` below 0: all."""
        where, values = "WHERE d.id > ?", [after]
        if source is not None:
            where, values = f"{where} AND d.source = ?", [after, source]
        return list(self._documents(f"{where} ORDER BY d.id LIMIT ?", (*values, limit)))

    def ids(self) -> list[str]:
        return [row[0] for row in self.connection.execute("SELECT id FROM documents ORDER BY id")]

    def ids_around(self, identifier: str, count: int) -> list[str]:
        """At most `count` ids before where this one would stand, and as many behind, without its own."""
        before = "SELECT id FROM documents WHERE id < ?1 ORDER BY id DESC LIMIT ?2"
        behind = "SELECT id FROM documents WHERE id > ?1 ORDER BY id LIMIT ?2"
        return [
            row[0] for sql in (before, behind) for row in self.connection.execute(sql, (identifier, count))
        ]

    def files(self, source: str) -> dict[str, tuple[int, FileFacts]]:
        """The indexed files of a source by path: each with its document's key."""
        rows = self.connection.execute(
            "SELECT key, path, size, mtime_ns, digest FROM documents WHERE source = ? AND path IS NOT NULL",
            (source,),
        )
        return {path: (key, FileFacts(path, size, mtime, digest)) for key, path, size, mtime, digest in rows}

    def file(self, source: str, path: str) -> tuple[int, FileFacts] | None:
        """As `files`, of one."""
        row = self.connection.execute(
            "SELECT key, path, size, mtime_ns, digest FROM documents WHERE source = ? AND path = ?",
            (source, path),
        ).fetchone()
        return None if row is None else (row[0], FileFacts(*row[1:]))

    def same_text(self, sha256: str) -> Likeness | None:
        """A document with this very text, one that is no duplicate before others."""
        rows = self.connection.execute(
            f"{_LIKENESS} WHERE sha256 = ? ORDER BY duplicate_of IS NOT NULL, key LIMIT 1", (sha256,)
        )
        return next((Likeness(*row) for row in rows), None)

    def likeness(self, key: int) -> Likeness | None:
        rows = self.connection.execute(f"{_LIKENESS} WHERE key = ?", (key,))
        return next((Likeness(*row) for row in rows), None)

    def alike(self, bands: Sequence[int], limit: int) -> list[Likeness]:
        """Documents that have one of these bands; `limit` of them, whichever."""
        rows = self.connection.execute(
            f"{_LIKENESS} WHERE key IN "  # noqa: S608 -- our own words
            "(SELECT document FROM bands WHERE value IN (SELECT value FROM json_each(?)) LIMIT ?)",
            (json.dumps(bands), limit),
        )
        return [Likeness(*row) for row in rows]

    def partial(self, source: str | None = None) -> list[tuple[str, float, tuple[str, ...]]]:
        """(id, share, what was left out) of the documents that have less than their files."""
        rows = self.connection.execute(
            "SELECT id, share, left_out FROM documents WHERE (share < 1 OR left_out <> '[]') "
            "AND (?1 IS NULL OR source = ?1) ORDER BY id",
            (source,),
        )
        return [(identifier, share, tuple(json.loads(left_out))) for identifier, share, left_out in rows]

    def problems(self, source: str | None = None) -> list[Problem]:
        rows = self.connection.execute(
            "SELECT source, path, size, mtime_ns, why, message FROM problems WHERE ?1 IS NULL OR source = ?1 "
            "ORDER BY source, path",
            (source,),
        )
        return [Problem(*row) for row in rows]

    def text(self, document: int, start: int = 0, end: int | None = None) -> str:
        """The characters from `start` up to `end`, or to the end of the text."""
        last = -1 if end is None else max(end - 1, start) // PART
        first = start // PART
        rows = self.connection.execute(
            "SELECT text FROM texts WHERE document = ? AND part >= ? AND (? < 0 OR part <= ?) ORDER BY part",
            (document, first, last, last),
        )
        text = "".join(row[0] for row in rows)
        skipped = first * PART
        return text[start - skipped : None if end is None else max(end, start) - skipped]

    def pages(self, document: int) -> list[tuple[int, int]]:
        """(number, start) of each page."""
        found = self.connection.execute("SELECT pages FROM documents WHERE key = ?", (document,)).get
        return [(number, start) for number, start in json.loads(found or "[]")]

    def passages(self, keys: Sequence[int]) -> dict[int, PassageRow]:
        """Those of `keys` that are there."""
        return {row[0]: PassageRow(*row) for row in self._by_keys(f"{_PASSAGE} WHERE key IN", keys)}

    def passages_of(self, document: int) -> list[PassageRow]:
        rows = self.connection.execute(f"{_PASSAGE} WHERE document = ? ORDER BY number", (document,))
        return [PassageRow(*row) for row in rows]

    def passages_where(
        self, condition: str, values: Sequence[str], keys: Sequence[int] | None = None
    ) -> list[int]:
        """Keys of the passages, among `keys` or all, for which `condition` holds: SQL about `passages p` and its
        `documents d`."""
        among = "" if keys is None else "p.key IN (SELECT value FROM json_each(?)) AND "
        given = [] if keys is None else [json.dumps(list(keys))]
        rows = self.connection.execute(
            f"SELECT p.key FROM passages p JOIN documents d ON d.key = p.document WHERE {among}({condition})",  # noqa: S608 -- our own words
            (*given, *values),
        )
        return [row[0] for row in rows]

    def counts(self) -> dict[str, int]:
        """`documents`, `passages`, `characters`, `problems`."""
        row = self.connection.execute(
            "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM passages), "
            "(SELECT coalesce(sum(characters), 0) FROM documents), (SELECT count(*) FROM problems)"
        ).get
        return dict(zip(("documents", "passages", "characters", "problems"), row, strict=True))

    def by_source(self) -> dict[str, tuple[int, int]]:
        """How many documents and how many problems each source has."""
        rows = self.connection.execute(
            "SELECT source, sum(document), sum(NOT document) FROM (SELECT source, 1 AS document FROM documents "
            "UNION ALL SELECT source, 0 FROM problems) GROUP BY source"
        )
        return {source: (documents, problems) for source, documents, problems in rows}

    def watched(self) -> dict[str, str]:
        """Folders by the names of their sources."""
        return dict(self.connection.execute("SELECT name, folder FROM watched ORDER BY name"))

    def models(self) -> list[Model]:
        return [
            Model(*row)
            for row in self.connection.execute("SELECT key, name, dimensions, state FROM models ORDER BY key")
        ]

    def serving(self) -> Model | None:
        return next((model for model in self.models() if model.state == "serving"), None)

    def embedded(self, model: int) -> int:
        """How many passages have a vector of this model."""
        return self.connection.execute("SELECT count(*) FROM codes WHERE model = ?", (model,)).get

    def embedded_keys(self, model: int) -> tuple[int, int]:
        """The number and the sum of their keys, which tell one set of them from another."""
        return self.connection.execute(
            "SELECT count(*), coalesce(sum(passage), 0) FROM codes WHERE model = ?", (model,)
        ).get

    def without_vector(self, model: int, limit: int, after: int = 0) -> list[PassageRow]:
        """Passages that this model has not embedded yet, behind the key `after`, the oldest first."""
        rows = self.connection.execute(
            f"{_PASSAGE} p WHERE NOT EXISTS "  # noqa: S608 -- our own words
            "(SELECT 1 FROM codes WHERE model = ? AND passage = p.key) "
            "AND key > ? ORDER BY key LIMIT ?",
            (model, after, limit),
        )
        return [PassageRow(*row) for row in rows]

    def codes(self, model: int, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """(passage, bits) of all behind the key `after`, by passage."""
        return self.connection.execute(
            "SELECT passage, code FROM codes WHERE model = ? AND passage > ? ORDER BY passage", (model, after)
        )

    def vectors(self, model: int, passages: Sequence[int]) -> dict[int, bytes]:
        """float16, little-endian."""
        return dict(
            self._by_keys(
                "SELECT passage, vector FROM vectors WHERE model = ? AND passage IN", passages, model
            )
        )

    def vectors_of(self, document: int) -> list[tuple[int, int, bytes, bytes]]:
        """(model, passage, vector, bits) of all passages of a document, by the models that are in use."""
        return self.connection.execute(
            "SELECT model, passage, vector, code FROM vectors JOIN codes USING (model, passage) "
            "WHERE passage IN (SELECT key FROM passages WHERE document = ?) "
            "AND model IN (SELECT key FROM models WHERE state <> 'old')",
            (document,),
        ).fetchall()

    def _documents(self, rest: str, values: Sequence[Any]) -> Iterator[DocumentRow]:
        for row in self.connection.execute(_DOCUMENT + rest, values):
            metadata, left_out, share, duplicate_of, path, size, mtime_ns, digest = row[11:]
            file = None if path is None else FileFacts(path, size, mtime_ns, digest)
            told: list[Any] = [json.loads(metadata), tuple(json.loads(left_out)), share, duplicate_of, file]
            yield DocumentRow(*row[:11], *told)

    def _by_keys(self, sql: str, keys: Sequence[int], *before: Any) -> Iterable[Any]:
        """The keys go in as one JSON value: their number makes no new statement."""
        return self.connection.execute(
            f"{sql} (SELECT value FROM json_each(?))",  # noqa: S608 -- `sql` is one of ours
            (*before, json.dumps(list(keys))),
        )
