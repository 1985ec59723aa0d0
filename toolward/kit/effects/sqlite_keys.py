"""The table of keys in an SQLite database, whichever library its connections are of."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic

from toolward.kit.effects.port import CallKey, ConnectionT, Kept

_LAYOUT = (
    "CREATE TABLE IF NOT EXISTS toolward_keys (tenant TEXT NOT NULL, principal TEXT NOT NULL, tool TEXT NOT NULL,"
    " key TEXT NOT NULL, digest TEXT NOT NULL, expires_at INTEGER NOT NULL, result BLOB, evidence BLOB,"
    " attempt TEXT NOT NULL, PRIMARY KEY (tenant, principal, tool, key))",
    "CREATE INDEX IF NOT EXISTS toolward_keys_by_expiry ON toolward_keys (expires_at)",
)
_OF_CALL = "WHERE tenant = ? AND principal = ? AND tool = ? AND key = ?"
_FIND = f"SELECT digest, expires_at, result, evidence, attempt FROM toolward_keys {_OF_CALL}"  # noqa: S608 -- constants
_KEEP = (
    "INSERT OR REPLACE INTO toolward_keys (tenant, principal, tool, key, digest, expires_at, result, evidence,"
    " attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FORGET = f"DELETE FROM toolward_keys {_OF_CALL}"  # noqa: S608 -- constants
_EXPIRE = (
    "DELETE FROM toolward_keys WHERE rowid IN"
    " (SELECT rowid FROM toolward_keys WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)"
)

BUSY_SECONDS = 10.0
"""How long another process may hold the write lock before a call gives up."""

UNCHANGED = "Nothing was changed; try again later."

TO_BLAME = frozenset({
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
})  # fmt: skip
"""Primary result codes that are the database's state, not a mistake in a statement."""


class SqliteKeys(ABC, Generic[ConnectionT]):
    """Everything of an EffectStore that is SQL. The table is made at the first transaction."""

    def __init__(self) -> None:
        self._laid_out = False

    @abstractmethod
    def _begin(self) -> ConnectionT: ...

    @abstractmethod
    def commit(self, connection: ConnectionT) -> None: ...

    @abstractmethod
    def rollback(self, connection: ConnectionT) -> None: ...

    @abstractmethod
    def _rows(
        self, connection: ConnectionT, statement: str, values: Sequence[Any] = ()
    ) -> Sequence[Sequence[Any]]:
        """Run it to its end."""

    def begin(self) -> ConnectionT:
        if not self._laid_out:  # in a transaction of its own, or a rollback would take the table away
            connection = self._begin()
            try:
                for statement in _LAYOUT:
                    self._rows(connection, statement)
            except BaseException:
                self.rollback(connection)
                raise
            self.commit(connection)
            self._laid_out = True
        return self._begin()

    def find(self, connection: ConnectionT, call: CallKey) -> Kept | None:
        rows = self._rows(connection, _FIND, call)
        return Kept(*rows[0]) if rows else None

    def keep(self, connection: ConnectionT, call: CallKey, kept: Kept) -> None:
        row = (kept.digest, kept.expires_at, kept.result, kept.evidence, kept.attempt)
        self._rows(connection, _KEEP, (*call, *row))

    def forget(self, connection: ConnectionT, call: CallKey) -> None:
        self._rows(connection, _FORGET, call)

    def expire(self, connection: ConnectionT, now_ms: int, at_most: int) -> int:
        self._rows(connection, _EXPIRE, (now_ms, at_most))
        return int(self._rows(connection, "SELECT changes()")[0][0])
