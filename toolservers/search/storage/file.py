"""The index file: opened, checked, and its connections."""

import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from toolservers.search.storage.failures import mapped
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.schema import APPLICATION, TABLES, VERSION
from toolservers.search.storage.writing import Writer
from toolward.errors import ConfigurationError, Unavailable

BUSY_MS = 10_000
_CLOSING = 10.0  # seconds for which readers are waited for at the end
_IDLE = 4  # connections that are kept open for the next readers


class IndexFile:
    """Blocking; every method may be called from any thread. Processes share a file: readers never wait, writers
    come one after another.

    `path` is made, with its folder, where it is missing. Raises ConfigurationError for a file that is not an
    index of this version, Unavailable where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[Any] = []  # Any: apsw's types speak of Buffer, which Python 3.11 does not have
        self._guard = threading.Condition()
        self._reading = 0  # connections that are in use; -1 once the file is closed
        self._writing = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{path.parent} cannot be made: {error.strerror}.") from None
        with mapped(path):
            _require_ours(path)
            self._writer = connect(path)
            try:
                _prepare(self._writer, path)
            except BaseException:
                self._writer.close()
                raise

    def close(self) -> None:
        """Once those who read and write have ended: the threads of cancelled tasks may still be at it."""
        with self._writing, self._guard:
            self._guard.wait_for(lambda: self._reading <= 0, _CLOSING)
            for connection in (*self._idle, self._writer):
                connection.close()
            self._idle.clear()
            self._reading = -1

    @contextmanager
    def reading(self) -> Generator[Reader]:
        """One state of the index, whatever is written meanwhile. Raises Unavailable, ConfigurationError."""
        with mapped(self.path), self._used() as connection:
            try:
                connection.execute("BEGIN")
                yield Reader(connection)
            finally:
                with suppress(apsw.Error):
                    connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Generator[Writer]:
        """A transaction: all of it, or nothing where something is raised. Keep it short: others wait for it.
        Raises Unavailable, ConfigurationError."""
        with self._writing, mapped(self.path):
            self._require_open()
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                writer = Writer(connection)
                yield writer
                writer.finish()
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite has ended it already after some failures
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _used(self) -> Generator[Any]:
        """A connection for one reader."""
        with self._guard:
            self._require_open()
            self._reading += 1
            connection = self._idle.pop() if self._idle else None
        try:
            connection = connection or connect(self.path)
            yield connection
        finally:
            with self._guard:
                self._reading -= 1
                keep = connection is not None and len(self._idle) < _IDLE
                if keep:
                    self._idle.append(connection)
                self._guard.notify_all()
            if connection is not None and not keep:
                connection.close()

    def _require_open(self) -> None:
        if self._reading < 0:
            raise Unavailable(
                f"The index {self.path} is closed.", hint="The server is stopping; start it again."
            )


def connect(path: Path) -> Any:
    """A connection of one's own. Raises apsw.Error."""
    connection: Any = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY_MS)
    # NORMAL: a power cut may take the last commits with it, which are made again; never a part of one.
    connection.execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; "
        "PRAGMA cache_size = -32000; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864"
    ).fetchall()  # all of them: apsw stops at the first that gives a row
    return connection


def _prepare(connection: Any, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _is_empty(connection, path):
            connection.execute(TABLES).fetchall()
            connection.pragma("application_id", APPLICATION)
            connection.pragma("user_version", VERSION)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _require_ours(path: Path) -> None:
    """Before anything is set that would stay in the file, which may be somebody else's. Raises as `mapped`."""
    connection: Any = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(BUSY_MS)
        _is_empty(connection, path)
    finally:
        connection.close()


def _is_empty(connection: Any, path: Path) -> bool:
    """Raises ConfigurationError for a database that is neither empty nor an index of this version."""
    application, version = connection.pragma("application_id"), connection.pragma("user_version")
    if not application and not connection.execute("SELECT count(*) FROM sqlite_schema").get:
        return True
    if application != APPLICATION:
        raise ConfigurationError(
            f"{path} is a database of something else.", hint="Give the index a file of its own."
        )
    if version != VERSION:
        raise ConfigurationError(
            f"{path} has layout {version} of an index; this version of Toolward has {VERSION}.",
            hint="Move it away and index again. Documents that were added by a tool are only in that file.",
        )
    return False
