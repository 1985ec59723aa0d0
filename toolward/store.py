"""SQLite connections, and the one thread that writes.

Imported by those who need a database, never by `import toolward`: SQLAlchemy costs a third of a second.
"""

import asyncio
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import sqlalchemy
from sqlalchemy import ClauseElement, Connection, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.sql.compiler import SQLCompiler

from toolward.errors import ConfigurationError, Internal, ToolwardError, Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[Connection], T]

MAX_BATCH = 256
"""Pieces of work that share one commit at most."""

WRITES = "toolward_writes"
"""The execution option of a connection whose transactions take the write lock at their start."""

_OUR_MISTAKE = (DataError, IntegrityError, ProgrammingError)
_HOW_TO_CHOOSE = "Choose another file, or mend this one's place and rights."


def open_store(where: str | Path, *, busy_timeout: float = 5.0) -> Engine:
    """An engine over the SQLite file at a path or `sqlite:///PATH`; the file is made where there is none, for
    its owner's eyes only. Every commit is on disk when it returns (WAL, synchronous=FULL).

    A transaction takes the write lock at its start if its connection has the execution option that
    `write_transaction` sets; others only read. `busy_timeout` is in seconds. Raises ConfigurationError, naming
    the file and the remedy, when the file cannot be opened, is locked, or is no database.
    """
    path = _path_of(where)
    _make_private(path)
    _check(path, busy_timeout)
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
def write_transaction(engine: Engine) -> Generator[Connection]:
    """A transaction that holds the write lock from its start, so it never has to give way in the middle."""
    with (
        engine.connect().execution_options(**{WRITES: True}) as connection,
        _unused_after_failure(connection),
        connection.begin(),
    ):
        yield connection


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


class Prepared:
    """A statement that is compiled once and given to the driver itself: for the few that run thousands of times a
    second, where building and compiling them anew is most of the work. Values are as the database has them, by the
    names of the statement's parameters; an insert and the new values of an update have those of their `columns`.

    Raises what `Connection.execute` raises.
    """

    def __init__(self, statement: ClauseElement, columns: Sequence[str] = ()) -> None:
        self._statement = statement
        self._columns = list(columns) or None
        self._compiled: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The driver's cursor, with `rowcount` and `fetchone`."""
        text, bound = self._for(connection)
        return self._do(connection, text, lambda cursor: cursor.execute(text, bound(values)))

    def run_many(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        text, bound = self._for(connection)
        self._do(connection, text, lambda cursor: cursor.executemany(text, [bound(row) for row in rows]))

    def _for(self, connection: Connection) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        dialect = connection.dialect
        if (known := self._compiled.get(dialect.name)) is None:
            compiled = cast(SQLCompiler, self._statement.compile(dialect=dialect, column_keys=self._columns))
            known = self._compiled[dialect.name] = (compiled.string, _binding(compiled))
        return known

    def _do(self, connection: Connection, text: str, work: Callable[[Any], object]) -> Any:
        cursor = connection.connection.cursor()
        try:
            work(cursor)
        except connection.dialect.loaded_dbapi.Error as error:
            base = connection.dialect.loaded_dbapi.Error
            made = DBAPIError.instance(
                text, None, error, base, hide_parameters=True, dialect=connection.dialect
            )
            raise made from error
        return cursor


def _binding(compiled: SQLCompiler) -> Callable[[Mapping[str, Any]], Any]:
    """Values by name to what the driver takes; what the statement itself says stands among them."""
    binds = compiled.binds.items()
    said = {name: bind.value for name, bind in binds if not bind.required and bind.value is not None}
    if not compiled.positional:
        return lambda values: {**said, **values}
    names = list(compiled.positiontup or ())
    if not said and len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] if name in values else said[name] for name in names)


def explain(error: SQLAlchemyError, where: str) -> ToolwardError:
    """The error tree's word for what a database said. Statement and values stay out of it."""
    if not isinstance(error, DatabaseError) or not _database_failed(error):
        return Internal(f"Working with the database {where} failed inside.", hint="The log says why.")
    reason, hint = _reason(error.orig)
    return Unavailable(f"The database {where} cannot be used: {reason}.", hint=hint)


def _database_failed(error: Exception) -> bool:
    """Whether the database is to blame, not the statement: what comes next would fail too."""
    return isinstance(error, DatabaseError) and not isinstance(error, _OUR_MISTAKE)


def place(engine: Engine) -> str:
    """The file of an engine, as errors name it."""
    return engine.url.database or str(engine.url)


def closed(engine: Engine) -> Unavailable:
    return Unavailable(f"The database {place(engine)} is closed.", hint="The program is stopping.")


class Finish(Protocol):
    """What a writer does once for all the work of a commit. Called by its thread only."""

    def flush(self, connection: Connection) -> None:
        """Store what the work before left to be stored."""
        ...

    def drop(self) -> None:
        """Forget what failed work left to be stored."""
        ...

    def seal(self, connection: Connection) -> None:
        """The last thing before the commit."""
        ...

    def ended(self, *, committed: bool) -> None: ...


class Writer:
    """One thread that does all writing to one database, with group commit.

    Work that is queued while a commit is under way shares the next one. Work is a function of a connection;
    it may be run twice, so it must touch nothing but the database. What one piece raises concerns that piece
    alone and the others still commit; when the database itself fails, every piece of the commit does.
    """

    def __init__(self, engine: Engine, name: str = "toolward-writer", finish: Finish | None = None) -> None:
        self._engine = engine
        self._finish: Finish = finish or _NoFinish()
        self.lost = 0  # pieces that nobody waited for and that were not stored
        self._queue: queue.SimpleQueue[_Piece | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def write(self, work: Work[T]) -> T:
        """Do the work; its result is given after the commit. Cancelling the wait does not undo the work.

        Raises what the work raises (ToolwardError), and Unavailable when the database refuses.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(_Piece(work, loop, future))
        return await future

    def post(self, work: Work[Any]) -> None:
        """Do the work in its turn, before anything that is queued later. Nobody but the log hears of a failure."""
        self._put(_Piece(work))

    async def close(self) -> None:
        """Finish what is queued, then stop."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _put(self, piece: "_Piece") -> None:
        if self._closed:
            raise Unavailable(
                f"The database {place(self._engine)} is closed.", hint="The program is stopping."
            )
        self._queue.put(piece)

    def _run(self) -> None:
        last = False
        while not last:
            waiting = [self._queue.get()]
            while len(waiting) < MAX_BATCH and not self._queue.empty():  # nobody else takes from it
                waiting.append(self._queue.get())
            batch = [piece for piece in waiting if piece is not None]
            last = len(batch) < len(waiting)
            if batch:
                self._commit(batch)
                self.lost += sum(piece.future is None and piece.error is not None for piece in batch)
                _tell(batch)

    def _commit(self, batch: list["_Piece"]) -> None:
        """All in one transaction; only when a piece fails, again with a savepoint around each."""
        try:
            with write_transaction(self._engine) as connection:
                for piece in batch:
                    piece.result = piece.work(connection)
                self._finish.flush(connection)
                self._finish.seal(connection)
            self._finish.ended(committed=True)
        except Exception as error:  # the waiters get it; the thread must live on
            self._finish.ended(committed=False)
            if len(batch) == 1 or _database_failed(error):
                self._fail(batch, error)
            else:
                self._commit_apart(batch)

    def _commit_apart(self, batch: list["_Piece"]) -> None:
        try:
            with write_transaction(self._engine) as connection:
                for piece in batch:
                    savepoint = connection.begin_nested()
                    try:
                        piece.result = piece.work(connection)
                        self._finish.flush(connection)
                        savepoint.commit()
                    except Exception as error:
                        self._finish.drop()
                        if _database_failed(error):  # the transaction may be gone: nothing of it counts
                            raise
                        savepoint.rollback()
                        self._fail([piece], error)
                self._finish.seal(connection)
            self._finish.ended(committed=True)
        except Exception as error:  # the waiters get it; the thread must live on
            self._finish.ended(committed=False)
            self._fail(batch, error)

    def _fail(self, pieces: list["_Piece"], error: Exception) -> None:
        if not isinstance(error, ToolwardError):
            log.error("writing to %s failed", place(self._engine), exc_info=error)
        for piece in pieces:
            piece.error = self._explain(error)

    def _explain(self, error: Exception) -> ToolwardError:
        if isinstance(error, ToolwardError):
            return error
        if isinstance(error, SQLAlchemyError):
            return explain(error, place(self._engine))
        return Internal("Storing failed inside.", hint="The log says why.")


@dataclass(eq=False, slots=True)
class _Piece:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop | None = None  # None: nobody waits
    future: "asyncio.Future[Any] | None" = None
    result: Any = None
    error: ToolwardError | None = None

    def tell(self) -> None:
        if self.future is None or self.future.done():  # the waiter gave up
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class _NoFinish:
    def flush(self, connection: Connection) -> None: ...

    def drop(self) -> None: ...

    def seal(self, connection: Connection) -> None: ...

    def ended(self, *, committed: bool) -> None: ...


def _tell(batch: list[_Piece]) -> None:
    """Wake the waiters, once for each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Piece]] = {}
    for piece in batch:
        if piece.loop is not None:
            loops.setdefault(piece.loop, []).append(piece)
        elif piece.error is not None:
            log.error("a record was not stored: %s", piece.error.text)
    for loop, pieces in loops.items():
        try:
            loop.call_soon_threadsafe(_tell_all, pieces)
        except RuntimeError:  # that loop is closed, so nobody waits there
            log.debug("%d waiters are gone", len(pieces))


def _tell_all(pieces: list[_Piece]) -> None:
    for piece in pieces:
        piece.tell()


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
            f"The database {path} cannot be opened: {reason}.", hint=_HOW_TO_CHOOSE
        ) from None


def _check(path: Path, busy_timeout: float) -> None:
    """The file is a database that can be written now. WAL is a property of the file and stays."""
    try:
        with closing(sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        reason, hint = _reason(error)
        raise ConfigurationError(f"The database {path} cannot be opened: {reason}.", hint=hint) from None


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours (`_begin`): the driver's own timing breaks savepoints
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_REASONS = {
    sqlite3.SQLITE_BUSY: (
        "another program holds its lock",
        "Stop that program, or give this one its own file.",
    ),
    sqlite3.SQLITE_LOCKED: ("another program holds its lock", "Stop that program, then try again."),
    sqlite3.SQLITE_FULL: ("the disk is full", "Make room on the disk, then try again."),
    sqlite3.SQLITE_READONLY: ("it may only be read", _HOW_TO_CHOOSE),
    sqlite3.SQLITE_PERM: ("its rights forbid it", _HOW_TO_CHOOSE),
    sqlite3.SQLITE_CANTOPEN: ("its file or folder cannot be opened", _HOW_TO_CHOOSE),
    sqlite3.SQLITE_NOTADB: (
        "the file is not an SQLite database",
        "Choose another file, or move this one away.",
    ),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", "Restore it from a copy, or move it away."),
    sqlite3.SQLITE_IOERR: ("reading or writing its file failed", "Look at the disk, then try again."),
}


def _reason(error: BaseException | None) -> tuple[str, str]:
    """Why, and what to do: from SQLite's primary result code."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return _REASONS.get(code, (f"SQLite says: {error}", "The log says more."))
