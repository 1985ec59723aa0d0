"""Every EffectStore that there is, with one table of texts that tools change."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import sqlalchemy

from tests import postgres
from tests.twins import TwinStore, TwinTransaction
from toolward.kit.effects import EffectStore
from toolward.kit.effects.sqlalchemy_store import SqlAlchemyStore
from toolward.kit.effects.sqlite_store import SqliteStore, connect_file
from toolward.store import WRITES, open_store
from toolward.store.postgres import open_postgres

_LAYOUT = "CREATE TABLE IF NOT EXISTS texts (text TEXT)"
_INSERT = "INSERT INTO texts VALUES (?)"
_SELECT = "SELECT text FROM texts ORDER BY rowid"


Connect = Callable[[], Any]


class Kind(NamedTuple):
    """`add` puts a text into the table within a transaction; `texts` reads those that were committed.

    `connect` gives another connection to the file, by the same library: two copies of SQLite in one process do
    not see each other's locks.
    """

    store: EffectStore[Any]
    add: Callable[[Any, str], None]
    texts: Callable[[], list[str]]
    connect: Connect


def in_memory(_path: Path) -> Kind:
    store = TwinStore()

    def add(transaction: TwinTransaction, text: str) -> None:
        transaction.rows.append(text)

    return Kind(store, add, lambda: store.committed.rows, lambda: None)


def by_sqlite3(path: Path) -> Kind:
    return _of_sqlite(path, partial(connect_file, path))


def by_apsw(path: Path) -> Kind:
    return _of_sqlite(path, lambda: apsw.Connection(str(path)))


def by_sqlalchemy(path: Path) -> Kind:
    return _of_sqlalchemy(path, open_store(path))


def by_sqlalchemy_of_ones_own(path: Path) -> Kind:
    """An engine as SQLAlchemy's tutorial makes it."""
    return _of_sqlalchemy(path, sqlalchemy.create_engine(f"sqlite:///{path}"))


def by_postgres(path: Path) -> Kind:
    return _of_postgres(open_postgres(postgres.for_path(path)))


def by_postgres_of_ones_own(path: Path) -> Kind:
    """An engine as SQLAlchemy's tutorial makes it, with a level at which it would see an old moment."""
    url = postgres.for_path(path).replace("postgresql://", "postgresql+psycopg://")
    return _of_postgres(sqlalchemy.create_engine(url, isolation_level="REPEATABLE READ"))


KINDS = {
    kind.__name__: kind
    for kind in (
        in_memory,
        by_sqlite3,
        by_apsw,
        by_sqlalchemy,
        by_sqlalchemy_of_ones_own,
        by_postgres,
        by_postgres_of_ones_own,
    )
}
IN_POSTGRES = [name for name in KINDS if name.startswith("by_postgres")]
IN_FILES = [name for name in KINDS if name not in ("in_memory", *IN_POSTGRES)]
OUTLIVING = [*IN_FILES, *IN_POSTGRES]


SQLITE3 = [name for name in IN_FILES if name != "by_apsw"]


def _of_sqlite(path: Path, connect: Connect) -> Kind:
    _lay_out(connect)

    def add(connection: Any, text: str) -> None:
        connection.execute(_INSERT, (text,))

    return Kind(SqliteStore(connect, path), add, partial(_texts, connect), connect)


def _of_sqlalchemy(path: Path, engine: sqlalchemy.Engine) -> Kind:
    connect = partial(connect_file, path)
    _lay_out(connect)

    def add(connection: sqlalchemy.Connection, text: str) -> None:
        connection.exec_driver_sql(_INSERT, (text,))

    return Kind(SqlAlchemyStore(engine), add, partial(_texts, connect), connect)


_opened: list[sqlalchemy.Engine] = []


def keep_open(engine: sqlalchemy.Engine) -> None:
    _opened.append(engine)


def close_postgres() -> None:
    """After each test, or the connections that it left in pools would be warned of."""
    while _opened:
        _opened.pop().dispose()


def _of_postgres(engine: sqlalchemy.Engine) -> Kind:
    keep_open(engine)
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS texts (number SERIAL, text TEXT)")

    def add(connection: sqlalchemy.Connection, text: str) -> None:
        connection.exec_driver_sql("INSERT INTO texts (text) VALUES (%s)", (text,))

    def texts() -> list[str]:
        with engine.connect() as connection:
            return list(connection.exec_driver_sql("SELECT text FROM texts ORDER BY number").scalars())

    return Kind(SqlAlchemyStore(engine), add, texts, engine.connect)


def _lay_out(connect: Connect) -> None:
    connection = connect()
    connection.execute(_LAYOUT)
    connection.close()


def _texts(connect: Connect) -> list[str]:
    connection = connect()
    try:
        return [text for (text,) in connection.execute(_SELECT)]
    finally:
        connection.close()
