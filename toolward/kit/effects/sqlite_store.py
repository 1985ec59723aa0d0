"""An EffectStore over one SQLite connection, of apsw or of the standard library."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from toolward.errors import Unavailable
from toolward.kit.effects.sql_keys import BUSY_SECONDS, SQLITE, TO_BLAME, UNCHANGED, SqlKeys


class SqliteConnection(Protocol):
    """What apsw.Connection and sqlite3.Connection have in common."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Iterable[Any]: ...

    def close(self) -> None: ...


SqliteT = TypeVar("SqliteT", bound=SqliteConnection)


class SqliteStore(SqlKeys[SqliteT]):
    """`connect` is called once, at the first call that needs it, for a connection that nobody else uses:

        SqliteStore(lambda: apsw.Connection("notes.db"), "notes.db")
        SqliteStore(partial(connect_file, path), path)

    It is set to synchronous=FULL, so that every commit is on the disk. `name` is what errors call it.
    """

    def __init__(self, connect: Callable[[], SqliteT], name: str | Path) -> None:
        super().__init__(SQLITE)
        self._connect = connect
        self._name = name
        self._connection: SqliteT | None = None

    def _begin(self) -> SqliteT:
        connection = self._connection
        if connection is None:
            self._connection = connection = self._prepared(self._connect())
        connection.execute("BEGIN IMMEDIATE")
        return connection

    def _prepared(self, connection: SqliteT) -> SqliteT:
        try:
            self._rows(connection, f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
            self._rows(connection, "PRAGMA synchronous = FULL")
            self._rows(connection, "PRAGMA foreign_keys = ON")
            self._write_ahead(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _write_ahead(self, connection: SqliteT) -> None:
        """WAL is faster, and no safer. The file remembers it; SQLite does not wait here for who is writing."""
        try:
            self._rows(connection, "PRAGMA journal_mode = WAL")
        except Exception as error:
            if _code(error) != sqlite3.SQLITE_BUSY:
                raise

    def commit(self, connection: SqliteT) -> None:
        try:
            connection.execute("COMMIT")
        except BaseException:
            self.rollback(connection)
            raise

    def rollback(self, connection: SqliteT) -> None:
        if connection.in_transaction:  # SQLite has ended it already after some failures
            connection.execute("ROLLBACK")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def unavailable(self, error: Exception) -> Unavailable | None:
        if _code(error) not in TO_BLAME:
            return None
        return Unavailable(f"The database {self._name} cannot be used: {error}.", hint=UNCHANGED)

    def _rows(
        self, connection: SqliteT, statement: str, values: Sequence[Any] = ()
    ) -> Sequence[Sequence[Any]]:
        return list(connection.execute(statement, values))


def connect_file(path: Path) -> sqlite3.Connection:
    """The standard library's connection to a file, which is made for its owner's eyes where there is none, with
    its folder. Raises Unavailable where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Unavailable(
            f"The database {path} cannot be opened: {error.strerror}.",
            hint="Its place and rights decide that.",
        ) from None
    # Transactions are the store's, not the driver's; one thread at a time uses it, not always the same.
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def _code(error: Exception) -> int:
    """SQLite's primary result code, 0 where it is none of its errors."""
    if isinstance(error, sqlite3.Error):
        return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
    if type(error).__module__ == "apsw":  # not imported here: few servers have it
        return int(getattr(error, "result", 0)) & 0xFF
    return 0
