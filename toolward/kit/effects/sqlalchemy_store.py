"""An EffectStore over a SQLAlchemy engine. It brings SQLAlchemy (0.3 s): import it where the database is opened."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from toolward.errors import ConfigurationError, Unavailable
from toolward.kit.effects.sql_keys import POSTGRES, SQLITE, UNCHANGED, SqlKeys
from toolward.store import WRITES, explain, place
from toolward.store.postgres import KNOWS_WRITERS, LOCK

_STATEMENTS = {"sqlite": SQLITE, "postgresql+psycopg": POSTGRES}

UNSURE = "Whether it was done is not known; repeat it with the same idempotency key, or look for its effect."


class SqlAlchemyStore(SqlKeys[Connection]):
    """`engine` is of an SQLite file, best from `toolward.store.open_store`, by which every commit is on the disk,
    or of a PostgreSQL database with psycopg, best from `toolward.store.postgres.open_postgres`: there, writers
    that all come through such stores come one after another. It stays its owner's to dispose of. Raises
    ConfigurationError for another database."""

    def __init__(self, engine: Engine) -> None:
        dialect = engine.dialect
        kind = dialect.name if dialect.name == "sqlite" else f"{dialect.name}+{dialect.driver}"
        if (statements := _STATEMENTS.get(kind)) is None:
            raise ConfigurationError(
                f"Keys cannot be kept in {kind} yet.", hint="Use an SQLite file, or postgresql+psycopg."
            )
        super().__init__(statements)
        self._engine = engine

    def _begin(self) -> Connection:
        connection = self._engine.connect().execution_options(**{WRITES: True})
        try:
            self._begin_writing(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _begin_writing(self, connection: Connection) -> None:
        """Also with an engine of one's own, whose transactions begin as its driver has it."""
        if self._engine.dialect.name == "sqlite":
            connection.begin()
            if not getattr(connection.connection.driver_connection, "in_transaction", False):
                connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif connection.get_execution_options().get(KNOWS_WRITERS):
            connection.begin()
        else:
            connection.execution_options(isolation_level="READ COMMITTED")  # or it would see what was before
            connection.begin()
            connection.exec_driver_sql(LOCK)

    def commit(self, connection: Connection) -> None:
        with connection:  # a commit that fails is rolled back
            try:
                connection.commit()
            except DBAPIError as error:
                if error.connection_invalidated:  # lost on the way: the server may have done it
                    raise Unavailable(f"The database {place(self._engine)} was lost.", hint=UNSURE) from error
                raise

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
