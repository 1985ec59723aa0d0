"""SQLite files, opened and kept private; transactions."""

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from toolward.errors import ConfigurationError, ToolwardError
from toolward.store.failures import HOW_TO_CHOOSE, explain, reason_of
from toolward.store.prepared import Prepared

WRITES = "toolward_writes"
"""The execution option of a connection whose transactions take the write lock at their start."""

_CHECKPOINT_PAGES = 4_000
"""Of the write-ahead log (16 MB), until its pages go into the database. A page that many transactions write goes
there once: with SQLite's own 1,000 pages that is a tenth of all work."""


Accept = Callable[[sqlite3.Connection], None]
"""Looks at a file before anything of it is changed, and raises ConfigurationError for one that is not ours."""


def open_store(where: str | Path, *, busy_timeout: float = 5.0, accept: Accept | None = None) -> Engine:
    """An engine over the SQLite file at a path or `sqlite:///PATH`; the file is made where there is none, for
    its owner's eyes only. Every commit is on disk when it returns (WAL, synchronous=FULL), but for those of a
    `KeptConnection` that need not be.

    A transaction takes the write lock at its start if its connection has the execution option that
    `write_transaction` sets; others only read. `busy_timeout` is in seconds. Raises ConfigurationError, naming
    the file and the remedy, when the file cannot be opened, is locked, or is no database.
    """
    path = _path_of(where)
    _make_private(path)
    _check(path, busy_timeout, accept)
    engine = sqlalchemy.create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": busy_timeout},
        hide_parameters=True,  # or they would stand in our log
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def open_reading(path: Path) -> Engine:
    """An engine over an SQLite file that is there, for reading only; another program may write meanwhile. Raises
    ConfigurationError."""
    if not path.is_file():
        raise ConfigurationError(f"There is no database {path}.", hint="It is made by what writes to it.")

    def connect() -> sqlite3.Connection:
        where = f"{path.absolute().as_uri()}?mode=ro"
        return sqlite3.connect(where, uri=True, check_same_thread=False, isolation_level=None)

    engine = sqlalchemy.create_engine(f"sqlite:///{path}", creator=connect, hide_parameters=True)
    event.listen(engine, "begin", _begin)  # a transaction sees one moment of the file
    return engine


@contextmanager
def reading(path: Path) -> Generator[Connection]:
    """A connection to such a file. Raises ConfigurationError where there is none, Unavailable where it cannot be
    read."""
    engine = open_reading(path)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise explain(error, str(path)) from error
    finally:
        engine.dispose()


@contextmanager
def write_transaction(engine: Engine) -> Generator[Connection]:
    """A transaction that holds the write lock from its start, so it never has to give way in the middle."""
    with (
        engine.connect().execution_options(**{WRITES: True}) as connection,
        _unused_after_failure(connection),
        connection.begin(),
    ):
        yield connection


class KeptConnection:
    """What writes often keeps its connection from one transaction to the next: taking one from the pool and giving
    it back is more work than a small transaction. For one thread; it closes it, too."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._durable = True  # what the connection does now

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Generator[Connection]:
        """As `write_transaction`. What is not `durable` outlives this process when it is committed, and a loss of
        power only after the next commit that is, or the next checkpoint of the log."""
        connection = self._connection
        if connection is None:
            connection = self._connection = self._engine.connect().execution_options(**{WRITES: True})
            self._durable = True
        try:
            if durable is not self._durable:
                (_FULL if durable else _NORMAL).run(connection, {})
                connection.rollback()  # SQLAlchemy has begun a transaction for it
                self._durable = durable
            with _unused_after_failure(connection), connection.begin():
                yield connection
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


@contextmanager
def read_transaction(engine: Engine) -> Generator[Connection]:
    """One moment of the database, as of the last commit before the first query."""
    with engine.connect() as connection, _unused_after_failure(connection):
        yield connection


@contextmanager
def _unused_after_failure(connection: Connection) -> Generator[None]:
    """A bug in the midst of a result leaves its statement open for as long as somebody keeps the traceback, and
    with it an old moment of the database, from which nothing can be written: such a connection is not used
    again."""
    try:
        yield
    except ToolwardError:
        raise
    except BaseException:
        connection.invalidate()
        raise


def _path_of(where: str | Path) -> Path:
    if isinstance(where, Path) or "://" not in where:
        return Path(where).expanduser().absolute()
    try:
        url = make_url(where)
    except ArgumentError:
        raise ConfigurationError("The database's URL cannot be read.", hint="Write sqlite:///PATH.") from None
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        shown = url.render_as_string(hide_password=True)
        raise ConfigurationError(
            f"The database {shown} is of a kind that is not supported.", hint="Write sqlite:///PATH."
        )
    return Path(url.database).absolute()


def _make_private(path: Path) -> None:
    """SQLite gives its side files the mode of the database, so the database is made with it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        raise ConfigurationError(
            f"The database {path} cannot be opened: {reason}.", hint=HOW_TO_CHOOSE
        ) from None


def _check(path: Path, busy_timeout: float, accept: Accept | None) -> None:
    """The file is a database that can be written now. WAL is a property of the file and stays."""
    try:
        with closing(sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)) as connection:
            if accept is not None:
                accept(connection)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        reason, hint = reason_of(error)
        raise ConfigurationError(f"The database {path} cannot be opened: {reason}.", hint=hint) from None


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours (`_begin`): the driver's own timing breaks savepoints
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")


_FULL, _NORMAL = Prepared(text("PRAGMA synchronous=FULL")), Prepared(text("PRAGMA synchronous=NORMAL"))
_BEGIN, _BEGIN_WRITING = Prepared(text("BEGIN")), Prepared(text("BEGIN IMMEDIATE"))


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    (_BEGIN_WRITING if writes else _BEGIN).run(connection, {})
