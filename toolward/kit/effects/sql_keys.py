"""The table of keys in a database that speaks SQL, whichever library its connections are of."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple

from toolward.kit.effects.port import CallKey, ConnectionT, Kept

_OF_CALL = "WHERE tenant = ? AND principal = ? AND tool = ? AND key = ?"


class Statements(NamedTuple):
    """The SQL of one database; a value stands where it says `?`."""

    layout: tuple[str, ...]
    find: str
    keep: str
    forget: str
    expire: str


def _statements(sign: str, number: str, octets: str, row: str) -> Statements:
    key, rest = "tenant, principal, tool, key", "digest, expires_at, result, evidence, attempt"
    put = ", ".join(f"{name} = excluded.{name}" for name in rest.split(", "))
    statements = Statements(
        layout=(
            "CREATE TABLE IF NOT EXISTS toolward_keys (tenant TEXT NOT NULL, principal TEXT NOT NULL,"
            f" tool TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, expires_at {number} NOT NULL,"
            f" result {octets}, evidence {octets}, attempt TEXT NOT NULL, PRIMARY KEY ({key}))",
            "CREATE INDEX IF NOT EXISTS toolward_keys_by_expiry ON toolward_keys (expires_at)",
        ),
        find=f"SELECT {rest} FROM toolward_keys {_OF_CALL}",  # noqa: S608 -- constants, here and below
        keep=f"INSERT INTO toolward_keys ({key}, {rest}) VALUES ({', '.join('?' * 9)})"  # noqa: S608
        f" ON CONFLICT ({key}) DO UPDATE SET {put}",
        forget=f"DELETE FROM toolward_keys {_OF_CALL}",  # noqa: S608
        expire=f"DELETE FROM toolward_keys WHERE {row} IN (SELECT {row} FROM toolward_keys"  # noqa: S608
        " WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) RETURNING 1",
    )
    changed = {
        name: text.replace("?", sign) for name, text in statements._asdict().items() if name != "layout"
    }
    return statements._replace(**changed)


SQLITE = _statements("?", "INTEGER", "BLOB", "rowid")
POSTGRES = _statements("%s", "BIGINT", "BYTEA", "ctid")
"""As psycopg has it."""

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


class SqlKeys(ABC, Generic[ConnectionT]):
    """Everything of an EffectStore that is SQL. The table is made at the first transaction."""

    def __init__(self, statements: Statements) -> None:
        self._sql = statements
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
                for statement in self._sql.layout:
                    self._rows(connection, statement)
            except BaseException:
                self.rollback(connection)
                raise
            self.commit(connection)
            self._laid_out = True
        return self._begin()

    def find(self, connection: ConnectionT, call: CallKey) -> Kept | None:
        rows = self._rows(connection, self._sql.find, call)
        return Kept(*rows[0]) if rows else None

    def keep(self, connection: ConnectionT, call: CallKey, kept: Kept) -> None:
        row = (kept.digest, kept.expires_at, kept.result, kept.evidence, kept.attempt)
        self._rows(connection, self._sql.keep, (*call, *row))

    def forget(self, connection: ConnectionT, call: CallKey) -> None:
        self._rows(connection, self._sql.forget, call)

    def expire(self, connection: ConnectionT, now_ms: int, at_most: int) -> int:
        return len(self._rows(connection, self._sql.expire, (now_ms, at_most)))
