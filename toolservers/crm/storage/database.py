"""The CRM's database: an SQLite file or PostgreSQL, opened, laid out and filled at the first start, then kept.

Transactions mean the same in both: a reader sees one moment of the world; a writer holds the one lock from its
start, so that what it has read still holds when it writes; every commit is on the disk before it is answered.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from toolservers.crm.packs import chosen
from toolservers.crm.world.filling import Progress, fill
from toolservers.crm.world.layout import accept_file, lay_out
from toolward.errors import ConfigurationError, ToolError, Unavailable
from toolward.store import WRITES, explain, open_store, place, read_transaction, write_transaction
from toolward.store.postgres import is_postgres, open_postgres

T = TypeVar("T")

BUSY_SECONDS = 10  # how long another program may hold the lock before a call gives up
READERS = 4


class Database:
    """Reading, in threads and in transactions, many at a time. Writing is the kit's, with the `writer`."""

    def __init__(self, engine: Engine) -> None:
        self._reader = engine
        self.writer = engine.execution_options(**{WRITES: True})
        self._readers = CapacityLimiter(READERS)

    @classmethod
    async def open(
        cls, where: Path | str, pack: str, seed: int, progress: Progress | None = None
    ) -> "Database":
        """`where` is a file or the URL of a PostgreSQL database; an empty one is filled with the pack. Raises
        ConfigurationError when it cannot be used, holds something else, or there is no such pack."""
        return cls(await run_sync(open_world, where, pack, seed, progress))

    async def close(self) -> None:
        await run_sync(self._reader.dispose)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns from one consistent view. Raises Unavailable when the database is to blame."""
        return await run_sync(self._seen, work, limiter=self._readers)

    def _seen(self, work: Callable[[Connection], T]) -> T:
        try:
            with read_transaction(self._reader) as connection:
                return work(connection)
        except SQLAlchemyError as error:
            explained = explain(error, place(self._reader))
            if isinstance(explained, Unavailable):
                raise explained from None
            raise


def build(path: Path, pack: str, seed: int, progress: Progress | None = None) -> None:
    """A new world in an empty file, and nothing beside it. Raises ConfigurationError."""
    open_world(path, pack, seed, progress).dispose()


def open_world(where: Path | str, pack: str, seed: int, progress: Progress | None = None) -> Engine:
    """What `Database.open` opens; its transactions read unless their connection has the option WRITES."""
    contents = partial(chosen.batches, chosen.pack(pack), seed, progress)
    engine = _engine(where)
    name = _name(where, engine)
    try:
        with write_transaction(engine) as connection:
            if lay_out(connection, name):
                fill(connection, contents(), many=pack in chosen.GENERATED)
    except SQLAlchemyError as error:
        explained = explain(error, name)
        raise ConfigurationError(explained.message, hint=explained.hint) from error
    except BaseException:
        engine.dispose()
        raise
    event.listen(engine, "before_cursor_execute", _refuse_nul)
    return engine


def _engine(where: Path | str) -> Engine:
    if is_postgres(where):
        return open_postgres(str(where), lock_timeout=BUSY_SECONDS, connections=READERS + 1)
    if isinstance(where, str) and "://" in where and not where.startswith("sqlite:///"):
        scheme = where.partition("://")[0]
        raise ConfigurationError(
            f"The CRM keeps no world in a database of the kind {scheme}.",
            hint="Name a file, or postgresql://USER@HOST/DATABASE.",
        )
    named = Path(where).expanduser().absolute() if "://" not in str(where) else where
    return open_store(named, busy_timeout=BUSY_SECONDS, accept=partial(accept_file, where=str(named)))


def _name(where: Path | str, engine: Engine) -> str:
    return place(engine) if is_postgres(where) else str(engine.url.database)


def _refuse_nul(
    _connection: Connection, _cursor: Any, _statement: str, parameters: Any, _context: Any, _many: bool
) -> None:
    """PostgreSQL holds no U+0000, and SQLite's functions end a text at it: neither shall ever see one."""
    for row in parameters if _many else (parameters,):
        values: Iterable[object] = cast(dict[str, object], row).values() if isinstance(row, dict) else row
        if any(isinstance(value, str) and "\0" in value for value in values):
            raise ToolError("A text holds the character U+0000, which cannot be stored. Leave it out.")
