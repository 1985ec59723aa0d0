"""Moments of a world that are kept beside its SQLite file, in `<file>.snapshots/NAME.db`, and brought back.

A snapshot is a whole database with the kit's keys in it, made by `VACUUM INTO` from one moment while others read
and write. Bringing it back is one transaction of the live database: writers wait for it, readers see the moment
before or the moment after. **The keys go with the moment.** A key that was kept after it stands for an effect that
is no longer there, so a repeat of that call is carried out anew; a key from before it answers with its first
result, as its effect is there.

The beginning of a world (its pack and seed) is a snapshot too, made when it is first asked for.
"""

import hashlib
import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, func, select
from sqlalchemy.exc import DatabaseError

from toolservers.crm.world import clock
from toolservers.crm.world.tables import events, telling, untold, world, world_tables
from toolward.errors import ConfigurationError, ToolError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
MOST = 100
"""Snapshots beside one database."""

WORLDS = ".worlds"
"""How the folder of tenants' databases ends."""

_KEYS = "toolward_keys"


@dataclass(frozen=True, slots=True)
class Snapshot:
    name: str
    pack: str
    seed: int
    now: datetime
    """The world's time in it."""
    kilobytes: int


class Snapshots:
    """Of one database. `path` is its file. Everything blocks, and raises ToolError for a name that is none."""

    def __init__(self, engine: Engine | None, path: Path | None = None) -> None:
        """Without an engine, what is kept beside `path` can be found, and no more of it be kept. Raises ToolError
        for a database that is no file."""
        if engine is not None and engine.dialect.name != "sqlite":
            raise ToolError(
                "Moments of a world are kept for SQLite files only, and this one is in PostgreSQL."
            )
        file = path or Path((engine and engine.url.database) or "")
        self._engine = engine
        self._folder = file.with_name(f"{file.name}.snapshots")
        # tenants share what their worlds begin with, which takes long to make of a large pack
        self._beginnings = file.parent if file.parent.suffix == WORLDS else self._folder

    def save(self, name: str, *, replace: bool = False) -> Snapshot:
        """This very moment, under a name. Raises ToolError where the name is taken, or there are too many."""
        target = self._named(name)
        if target.exists() and not replace:
            raise ToolError(f"There is a snapshot {name} already. Take another name, or say replace: true.")
        if not target.exists() and len(self.names()) >= MOST:
            raise ToolError(f"There are {MOST} snapshots, and no room for more. Replace one of them.")
        if self._engine is None:
            raise ConfigurationError("No database is open of which a moment could be kept.")
        with self._written(target) as draft:
            raw = self._engine.raw_connection()  # not in a transaction: SQLite copies from one of its own
            try:
                raw.cursor().execute("VACUUM INTO ?", (str(draft),))
            finally:
                raw.close()
        return _described(name, target)

    def restore(self, connection: Connection, name: str) -> Snapshot:
        """The moment is back when the transaction of `connection` commits."""
        source = self._existing(name)
        return self._bring_back(connection, name, source)

    def reset(self, connection: Connection, beginning: Path) -> Snapshot:
        return self._bring_back(connection, "the beginning", beginning)

    def names(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return sorted(path.stem for path in self._folder.glob("*.db") if NAME.fullmatch(path.stem))

    def all(self) -> list[Snapshot]:
        return [_described(name, self._named(name)) for name in self.names()]

    def path(self, name: str) -> Path:
        """The file of a snapshot that there is."""
        return self._existing(name)

    def beginning(self, pack: str, seed: int) -> Path:
        """The file of a new world. Raises ConfigurationError for a pack that there is not."""
        from toolservers.crm.world.database import build  # it is built as any database is

        path = self._beginnings / f"@{pack}-{seed}-{_recipe()}.db"
        if not NAME.fullmatch(pack):
            raise ConfigurationError(f"There is no pack named {pack[:80]!r}.")
        if not path.exists():
            with self._written(path) as draft:
                build(draft, pack, seed)
        return path

    # --- files

    def _named(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise ToolError(
                f"{name[:80]!r} cannot be a snapshot's name: 1 to 40 of a-z 0-9 _ - are, a letter or digit first."
            )
        return self._folder / f"{name}.db"

    def _existing(self, name: str) -> Path:
        path = self._named(name)
        if not path.is_file():
            there = ", ".join(self.names()[:20]) or "none yet"
            raise ToolError(f"There is no snapshot named {name}. There are: {there}.")
        return path

    @contextmanager
    def _written(self, target: Path) -> Generator[Path]:
        """A draft that takes the target's place when it is whole; for its owner only."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.parent / f".{secrets.token_hex(8)}.db"
        try:
            draft.touch(mode=0o600)
            yield draft
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)

    # --- rows

    def _bring_back(self, connection: Connection, name: str, source: Path) -> Snapshot:
        described = _described(name, source)
        connection.detach()  # the attached file goes with this connection, which nobody shall get again
        run = connection.exec_driver_sql
        run("ATTACH ? AS kept", (str(source),))
        run("PRAGMA defer_foreign_keys = ON")
        tables = world_tables()
        for table in reversed(tables):
            run(f"DELETE FROM main.{table.name}")  # noqa: S608 -- our own names
        for table in tables:
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            run(f"INSERT INTO main.{table.name} ({columns}) SELECT {columns} FROM kept.{table.name}")  # noqa: S608 -- our own names
        _bring_keys_back(connection)
        begin_another_life(connection)
        return described


def begin_another_life(connection: Connection) -> None:
    """What was not told before is not told any more: it has not happened in this world. What happens from now on is
    told under ids of another life, as its numbers may have been used before."""
    connection.execute(untold.delete())
    last = connection.scalar(select(func.max(events.c.seq))) or 0
    anew = {"life": secrets.token_hex(8), "told": last, "tries": 0, "again_at": 0}
    connection.execute(telling.update().values(**anew))


def _bring_keys_back(connection: Connection) -> None:
    def has_keys(schema: str) -> bool:
        found = f"SELECT 1 FROM {schema}.sqlite_master WHERE type = 'table' AND name = ?"  # noqa: S608 -- our own
        return connection.exec_driver_sql(found, (_KEYS,)).first() is not None

    if has_keys("main"):
        connection.exec_driver_sql(f"DELETE FROM main.{_KEYS}")  # noqa: S608 -- our own
        if has_keys("kept"):
            connection.exec_driver_sql(f"INSERT INTO main.{_KEYS} SELECT * FROM kept.{_KEYS}")  # noqa: S608 -- our own


@contextmanager
def opened(path: Path) -> Generator[Connection]:
    """A snapshot to be read. Raises ToolError where it is none of ours."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _described(name: str, path: Path) -> Snapshot:
    try:
        with opened(path) as connection:
            row = connection.execute(select(world)).one()
    except DatabaseError:
        raise ToolError(f"The snapshot {name} cannot be read, or was made by another version.") from None
    kilobytes = -(-path.stat().st_size // 1024)
    return Snapshot(name, row.pack, row.seed, clock.aware(row.now), kilobytes)


def copied(source: Path, target: Path) -> None:
    """A new world's file from a snapshot; at once or not at all, also when two do it at once."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_name(f".{secrets.token_hex(8)}.db")
    try:
        draft.touch(mode=0o600)
        shutil.copyfile(source, draft)
        os.link(draft, target)
    except FileExistsError:
        pass  # somebody else was first
    finally:
        draft.unlink(missing_ok=True)


@lru_cache
def _recipe() -> str:
    """Names what the packs are made by: another version's beginnings are not used again."""
    import toolservers.crm as package

    folder = Path(package.__file__ or "").parent
    sources = (*sorted((folder / "packs").glob("*.py")), folder / "world" / "tables.py")
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
