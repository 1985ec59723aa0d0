"""An EffectStore over a SQLAlchemy engine. It brings SQLAlchemy (0.3 s): import it where the database is opened."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from toolward.errors import ConfigurationError, Unavailable
from toolward.kit.effects.sqlite_keys import UNCHANGED, SqliteKeys
from toolward.store import WRITES, explain, place


class SqlAlchemyStore(SqliteKeys[Connection]):
    """`engine` is of an SQLite file, best from `toolward.store.open_store`, by which every commit is on the disk.
    It stays its owner's to dispose of. Raises ConfigurationError for another database."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        if engine.dialect.name != "sqlite":
            raise ConfigurationError(
                f"Keys cannot be kept in {engine.dialect.name} yet.", hint="Use an SQLite file."
            )
        self._engine = engine

    def _begin(self) -> Connection:
        connection = self._engine.connect().execution_options(**{WRITES: True})
        try:
            connection.begin()
            if not getattr(connection.connection.driver_connection, "in_transaction", False):
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # an engine whose driver would begin later
        except BaseException:
            connection.close()
            raise
        return connection

    def commit(self, connection: Connection) -> None:
        with connection:  # a commit that fails is rolled back
            connection.commit()

    def rollback(self, connection: Connection) -> None:
        connection.close()

    def close(self) -> None:
        """The engine is not ours."""

    def unavailable(self, error: Exception) -> Unavailable | None:
        if not isinstance(error, SQLAlchemyError):
            return None
        explained = explain(error, place(self._engine))
        return Unavailable(explained.message, hint=UNCHANGED) if isinstance(explained, Unavailable) else None

    def _rows(
        self, connection: Connection, statement: str, values: Sequence[Any] = ()
    ) -> Sequence[Sequence[Any]]:
        result = connection.exec_driver_sql(statement, tuple(values))
        return result.all() if result.returns_rows else ()
