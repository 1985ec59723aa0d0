"""Moments of a world that are kept and brought back, whatever the database: files beside an SQLite file
(`snapshots.py`), schemas of the same PostgreSQL database (`snapshots_postgres.py`).

Bringing one back is one transaction of the live database: writers wait for it, readers see the moment before or the
moment after. **The keys go with the moment.** A key that was kept after it stands for an effect that is no longer
there, so a repeat of that call is carried out anew; a key from before it answers with its first result, as its
effect is there.

The beginning of a world (its pack and seed) is a moment too, made when it is first asked for.
"""

import hashlib
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, RowMapping, func, select

from toolservers.crm.world import clock
from toolservers.crm.world.tables import events, telling, untold, world_tables
from toolward.errors import ToolError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
MOST = 100
"""Snapshots of one database."""

KEYS = "toolward_keys"


@dataclass(frozen=True, slots=True)
class Snapshot:
    name: str
    pack: str
    seed: int
    now: datetime
    """The world's time in it."""
    kilobytes: int


class Kept(Protocol):
    """A moment, where it lies."""

    def opened(self) -> AbstractContextManager[Connection]:
        """To be read."""
        ...


class Snapshots(ABC):
    """Of one database. Everything blocks, and raises ToolError for a name that is none."""

    @abstractmethod
    def save(self, name: str, *, replace: bool = False) -> Snapshot:
        """This very moment, under a name. Raises ToolError where the name is taken, or there are too many."""

    @abstractmethod
    def restore(self, connection: Connection, name: str) -> Snapshot:
        """The moment is back when the transaction of `connection`, a writing one, commits."""

    @abstractmethod
    def reset(self, connection: Connection, pack: str, seed: int) -> Snapshot:
        """As `restore`. Raises ConfigurationError for a pack that there is not."""

    @abstractmethod
    def names(self) -> list[str]: ...

    @abstractmethod
    def all(self) -> list[Snapshot]: ...

    @abstractmethod
    def kept(self, name: str) -> Kept: ...

    @abstractmethod
    def beginning(self, pack: str, seed: int) -> Kept:
        """A new world. Call it in no writing transaction. Raises ConfigurationError where there is no such pack."""


def snapshots_of(engine: Engine) -> Snapshots:
    """`engine` writes."""
    if engine.dialect.name == "postgresql":
        from toolservers.crm.storage.snapshots_postgres import SchemaSnapshots

        return SchemaSnapshots(engine)
    from toolservers.crm.storage.snapshots import FileSnapshots

    return FileSnapshots(engine)


def require_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ToolError(
            f"{name[:80]!r} cannot be a snapshot's name: 1 to 40 of a-z 0-9 _ - are, a letter or digit first."
        )


def require_room(name: str, there: Collection[str], *, replace: bool) -> None:
    require_name(name)
    if name in there and not replace:
        raise ToolError(f"There is a snapshot {name} already. Take another name, or say replace: true.")
    if name not in there and len(there) >= MOST:
        raise ToolError(f"There are {MOST} snapshots, and no room for more. Replace one of them.")


def not_there(name: str, names: list[str]) -> ToolError:
    return ToolError(f"There is no snapshot named {name}. There are: {', '.join(names[:20]) or 'none yet'}.")


def unreadable(name: str) -> ToolError:
    return ToolError(f"The snapshot {name} cannot be read, or was made by another version.")


def described(name: str, world_row: RowMapping, size: int) -> Snapshot:
    """`size` in bytes."""
    row = world_row
    return Snapshot(name, row["pack"], row["seed"], clock.aware(row["now"]), -(-size // 1024))


def replace_rows(connection: Connection, live: str, kept: str) -> None:
    """All rows of the world's tables in the schema `live` by those in `kept`; both as SQL writes them."""
    run = connection.exec_driver_sql
    tables = world_tables()
    for table in reversed(tables):
        run(f"DELETE FROM {live}.{table.name}")  # noqa: S608 -- our own names
    for table in tables:
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        run(f"INSERT INTO {live}.{table.name} ({columns}) SELECT {columns} FROM {kept}.{table.name}")  # noqa: S608 -- our own names


def put_back(
    connection: Connection,
    live: str,
    kept: str,
    has_keys: Callable[[str], bool],
    put_rows_back: Callable[[Connection, str, str], None] = replace_rows,
) -> None:
    """Rows and keys, with what was told of them; schemas as SQL writes them."""
    run = connection.exec_driver_sql
    put_rows_back(connection, live, kept)
    if has_keys(live):
        run(f"DELETE FROM {live}.{KEYS}")  # noqa: S608 -- our own
        if has_keys(kept):
            run(f"INSERT INTO {live}.{KEYS} SELECT * FROM {kept}.{KEYS}")  # noqa: S608 -- our own
    _begin_another_life(connection)


def _begin_another_life(connection: Connection) -> None:
    """What was not told before is not told any more: it has not happened in this world. What happens from now on is
    told under ids of another life, as its numbers may have been used before."""
    connection.execute(untold.delete())
    last = connection.scalar(select(func.max(events.c.seq))) or 0
    anew = {"life": secrets.token_hex(8), "told": last, "tries": 0, "again_at": 0}
    connection.execute(telling.update().values(**anew))


@lru_cache
def recipe() -> str:
    """Names what the packs are made by: another version's beginnings are not used again."""
    import toolservers.crm as package

    folder = Path(package.__file__ or "").parent
    sources = (*sorted((folder / "packs").glob("*.py")), *sorted((folder / "world").glob("*.py")))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
