"""The CRM's SQLite file: opened, laid out and filled at the first start, then kept.

Transactions are ours, not the driver's: a reader sees one moment of the database, a writer takes the lock when
it begins (`BEGIN IMMEDIATE`), so that what it has read still holds when it writes. Every commit is on the disk
before it is answered (WAL with `synchronous=FULL`).
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, select
from sqlalchemy.exc import DatabaseError, OperationalError

from toolservers.crm.packs import scenarios, tiny
from toolservers.crm.packs.pack import rows
from toolservers.crm.world.tables import metadata, world
from toolward.errors import ConfigurationError, Unavailable

T = TypeVar("T")

LAYOUT = 2
_PACKS = {pack.name: pack for pack in (tiny.PACK, scenarios.PACK)}
BUSY_SECONDS = 10  # how long another process may hold the lock before a call gives up
READERS = 4


class Database:
    """Reading, in threads and in transactions, many at a time. Writing is the kit's, with the `writer`."""

    def __init__(self, engine: Engine) -> None:
        self._reader = engine
        self.writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._readers = CapacityLimiter(READERS)

    @classmethod
    async def open(cls, path: Path, pack: str, seed: int) -> "Database":
        """Raises ConfigurationError when the file cannot be used or holds something else."""
        return cls(await run_sync(_open, path, pack, seed))

    async def close(self) -> None:
        await run_sync(self._reader.dispose)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns from one consistent view. Raises Unavailable when another process is in the way."""
        return await run_sync(_transact, self._reader, work, limiter=self._readers)


def _transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    try:
        with engine.begin() as connection:
            return work(connection)
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
            raise Unavailable(
                f"The CRM database has been in use by another program for {BUSY_SECONDS} seconds.",
                hint="Try again.",
            ) from None
        raise


def _open(path: Path, pack: str, seed: int) -> Engine:
    path = path.expanduser().resolve()
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS},
        pool_size=READERS + 1,
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # customers' data: for its owner only
        with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
            _prepare(connection, path, pack, seed)
        _write_ahead(engine)
    except (OSError, DatabaseError) as error:
        engine.dispose()
        reason = error.strerror if isinstance(error, OSError) else error.orig
        raise ConfigurationError(
            f"The CRM database {path} cannot be opened: {reason}.",
            hint="Name another file, or move this one away.",
        ) from None
    except ConfigurationError:
        engine.dispose()
        raise
    return engine


def _set_up(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # or the driver would begin transactions of its own
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _prepare(connection: Connection, path: Path, pack: str, seed: int) -> None:
    """Lay out and fill an empty database; make sure that any other is ours."""
    names = inspect(connection).get_table_names()
    if not names:
        if pack not in _PACKS:
            raise ConfigurationError(f"There is no pack {pack!r}.", hint=f"There are: {', '.join(_PACKS)}.")
        metadata.create_all(connection)
        for table, content in rows(_PACKS[pack], seed):
            if content:
                connection.execute(table.insert(), content)
        return
    layout = connection.scalar(select(world.c.layout)) if world.name in names else None
    if layout != LAYOUT:
        what = "is not a CRM database" if layout is None else f"has layout {layout}, and this is {LAYOUT}"
        raise ConfigurationError(
            f"{path} {what}; it was left as it is.", hint="Name another file, or move this one away."
        )


def _write_ahead(engine: Engine) -> None:
    """Switch to WAL, which the file remembers. It cannot be done inside a transaction."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
