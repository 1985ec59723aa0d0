"""The record of one root's changes: noted before each is made and again after, outside the root."""

import os
import secrets
import time
from pathlib import Path
from sqlite3 import Error
from typing import Any, Literal, NamedTuple

from toolward.errors import Unavailable
from toolward.kit.effects.sqlite_store import connect_file

Operation = Literal["put", "swap", "take", "move"]
"""What is renamed. put: what is kept -> path, where nothing is; swap: kept <-> path; take: path -> kept; move:
source -> path, where nothing is."""

KEPT_ROWS = 10_000
KEPT_SECONDS = 2 * 24 * 3600.0
"""Rows beyond so many and older than that (longer than an idempotency key lives) are removed."""

_EVERY = 500
_LAYOUT = """
CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at REAL NOT NULL, action TEXT NOT NULL,
    operation TEXT NOT NULL, path BLOB NOT NULL, source BLOB NOT NULL, kept TEXT NOT NULL, inode TEXT NOT NULL,
    mark TEXT NOT NULL, kept_bytes INTEGER NOT NULL, adds INTEGER NOT NULL, undoes TEXT NOT NULL,
    undone_by TEXT NOT NULL DEFAULT '', state TEXT NOT NULL DEFAULT 'prepared');
CREATE INDEX IF NOT EXISTS prepared ON changes (seq) WHERE state = 'prepared';
CREATE INDEX IF NOT EXISTS kept ON changes (seq) WHERE kept <> '';
CREATE INDEX IF NOT EXISTS by_path ON changes (path);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value NOT NULL);
"""
_COLUMNS = (
    *("id", "action", "operation", "path", "source", "kept", "inode", "mark", "kept_bytes", "adds", "undoes"),
    *("undone_by", "state", "at", "seq"),
)


class Change(NamedTuple):
    """`path` and `source` are from the root, after all links. `kept` names an entry of the root's own folder,
    and is empty where none is kept (any more); `kept_bytes` is what it holds when the change is done. `inode`
    is of what comes to `path`, or for `take` leaves it; `mark` is of what the change leaves at `path`, empty
    for nothing. `adds` is by how many bytes the root grows. `undoes` and `undone_by` are other changes."""

    id: str
    action: str
    operation: Operation
    path: str
    source: str = ""
    kept: str = ""
    inode: str = ""
    mark: str = ""
    kept_bytes: int = 0
    adds: int = 0
    undoes: str = ""
    undone_by: str = ""
    state: Literal["prepared", "done", "unknown"] = "prepared"
    at: float = 0.0
    seq: int = 0


class Journal:
    """Not thread-safe: used by whoever holds the root's lock. Raises Unavailable where the database fails."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self._rows = connect_file(file)
            self._run("PRAGMA busy_timeout = 10000")
            self._run("PRAGMA journal_mode = WAL")
            self._rows.executescript(_LAYOUT)
            name = secrets.token_hex(16)
            self._run("INSERT OR IGNORE INTO facts VALUES ('folder', ?)", name)
            self.folder = str(self.fact("folder"))
            self._newest = 1
        except Error as error:
            raise self._failed(error) from error

    def close(self) -> None:
        self._rows.close()

    def fact(self, name: str) -> Any:
        rows = self._run("SELECT value FROM facts WHERE name = ?", name)
        return rows[0][0] if rows else None

    def note(self, **facts: Any) -> None:
        for name, value in facts.items():
            self._run("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, value)

    def prepare(self, change: Change) -> None:
        """On the disk when it returns: a change that a power cut leaves behind is known."""
        self._run("PRAGMA synchronous = FULL")
        row = (*change[:3], os.fsencode(change.path), os.fsencode(change.source), *change[5:11], time.time())
        inserted = self._run(
            "INSERT INTO changes (id, action, operation, path, source, kept, inode, mark, kept_bytes, adds, "
            "undoes, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " RETURNING seq",
            *row,
        )
        self._newest = int(inserted[0][0])

    def finish(self, change: Change) -> None:
        """Not forced to the disk: without it, what stands where tells the same."""
        self._run("PRAGMA synchronous = NORMAL")
        kept = "" if change.operation in ("put", "move") else change.kept
        self._run("BEGIN IMMEDIATE")
        try:
            self._run("UPDATE changes SET state = 'done', kept = ? WHERE id = ?", kept, change.id)
            if change.undoes:
                self._run(
                    "UPDATE changes SET undone_by = ?, kept = '' WHERE id = ?", change.id, change.undoes
                )
            if change.adds:
                self._run("UPDATE facts SET value = value + ? WHERE name = 'used'", change.adds)
            self._run("COMMIT")
        except BaseException:
            if self._rows.in_transaction:
                self._run("ROLLBACK")
            raise

    def forget(self, change: Change) -> None:
        """It was not made."""
        self._run("DELETE FROM changes WHERE id = ?", change.id)

    def give_up(self, change: Change) -> None:
        """Nothing tells whether it was made."""
        self._run("UPDATE changes SET state = 'unknown', kept = '' WHERE id = ?", change.id)

    def drop(self, change: Change) -> None:
        """What it kept is kept no longer."""
        self._run("UPDATE changes SET kept = '' WHERE id = ?", change.id)
        self._run("UPDATE facts SET value = max(0, value - ?) WHERE name = 'used'", change.kept_bytes)

    def find(self, change_id: str) -> Change | None:
        return next(iter(self._select("WHERE id = ?", change_id)), None)

    def prepared(self) -> list[Change]:
        return self._select("WHERE state = 'prepared'")

    def latest(self, count: int) -> list[Change]:
        """Newest first."""
        return self._select("WHERE state = 'done' ORDER BY seq DESC LIMIT ?", count)

    def latest_of(self, path: str, after: int) -> Change | None:
        """The newest change of this path that came later."""
        found = self._select(
            "WHERE state = 'done' AND path = ? AND seq > ? ORDER BY seq DESC LIMIT 1",
            os.fsencode(path),
            after,
        )
        return found[0] if found else None

    def oldest_kept(self, count: int) -> list[Change]:
        return self._select("WHERE state = 'done' AND kept <> '' ORDER BY seq LIMIT ?", count)

    def kept_bytes(self) -> int:
        rows = self._run("SELECT total(kept_bytes) FROM changes WHERE state = 'done' AND kept <> ''")
        return int(rows[0][0])

    def kept_names(self) -> set[str]:
        return {name for (name,) in self._run("SELECT kept FROM changes WHERE kept <> ''")}

    def expired(self, now: float) -> list[Change]:
        """Old rows beyond KEPT_ROWS; now and then, so that it costs nothing."""
        newest = self._newest
        if newest % _EVERY:
            return []
        return self._select(
            "WHERE seq <= ? AND at < ? LIMIT ?", newest - KEPT_ROWS, now - KEPT_SECONDS, _EVERY
        )

    def _select(self, where: str, *values: Any) -> list[Change]:
        rows = self._run(f"SELECT {', '.join(_COLUMNS)} FROM changes {where}", *values)  # noqa: S608 -- constants
        found = (Change(*row) for row in rows)
        return [row._replace(path=os.fsdecode(row.path), source=os.fsdecode(row.source)) for row in found]

    def _run(self, statement: str, *values: Any) -> list[Any]:
        try:
            return self._rows.execute(statement, values).fetchall()
        except Error as error:
            raise self._failed(error) from error

    def _failed(self, error: Error) -> Unavailable:
        return Unavailable(
            f"The record of changes cannot be used: {error}.", hint="Nothing was changed; try again later."
        )
