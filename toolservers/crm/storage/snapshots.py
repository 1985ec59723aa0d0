"""Moments of a world that are kept beside its SQLite file, in `<file>.snapshots/NAME.db`, and brought back.

A snapshot is a whole database with the kit's keys in it, made by `VACUUM INTO` from one moment while others read
and write.
"""

import os
import secrets
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, select
from sqlalchemy.exc import DatabaseError

from toolservers.crm.storage.moments import (
    KEYS,
    NAME,
    Snapshot,
    Snapshots,
    described,
    not_there,
    put_back,
    recipe,
    require_name,
    require_room,
    unreadable,
)
from toolservers.crm.world.tables import world
from toolward.errors import ConfigurationError

WORLDS = ".worlds"
"""How the folder of tenants' databases ends."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    path: Path

    @contextmanager
    def opened(self) -> Generator[Connection]:
        def connect() -> sqlite3.Connection:
            return sqlite3.connect(f"file:{quote(str(self.path))}?mode=ro", uri=True, check_same_thread=False)

        engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


class FileSnapshots(Snapshots):
    """`path` is the database's file."""

    def __init__(self, engine: Engine | None, path: Path | None = None) -> None:
        """Without an engine, what is kept beside `path` can be found, and no more of it be kept."""
        file = path or Path((engine and engine.url.database) or "")
        self._engine = engine
        self._folder = file.with_name(f"{file.name}.snapshots")
        # tenants share what their worlds begin with, which takes long to make of a large pack
        self._beginnings = file.parent if file.parent.suffix == WORLDS else self._folder

    def save(self, name: str, *, replace: bool = False) -> Snapshot:
        require_room(name, self.names(), replace=replace)
        target = self._named(name)
        if self._engine is None:
            raise ConfigurationError("No database is open of which a moment could be kept.")
        with self._written(target) as draft:
            raw = self._engine.raw_connection()  # not in a transaction: SQLite copies from one of its own
            try:
                raw.cursor().execute("VACUUM INTO ?", (str(draft),))
            finally:
                raw.close()
        return _described(name, KeptFile(target))

    def restore(self, connection: Connection, name: str) -> Snapshot:
        return _bring_back(connection, name, self.kept(name))

    def reset(self, connection: Connection, pack: str, seed: int) -> Snapshot:
        return _bring_back(connection, "the beginning", self.beginning(pack, seed))

    def names(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return sorted(path.stem for path in self._folder.glob("*.db") if NAME.fullmatch(path.stem))

    def all(self) -> list[Snapshot]:
        return [_described(name, KeptFile(self._named(name))) for name in self.names()]

    def kept(self, name: str) -> KeptFile:
        path = self._named(name)
        if not path.is_file():
            raise not_there(name, self.names())
        return KeptFile(path)

    def beginning(self, pack: str, seed: int) -> KeptFile:
        from toolservers.crm.storage.database import build  # it is built as any database is

        path = self._beginnings / f"@{pack}-{seed}-{recipe()}.db"
        if not NAME.fullmatch(pack):
            raise ConfigurationError(f"There is no pack named {pack[:80]!r}.")
        if not path.exists():
            with self._written(path) as draft:
                build(draft, pack, seed)
        return KeptFile(path)

    def _named(self, name: str) -> Path:
        require_name(name)
        return self._folder / f"{name}.db"

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


def _bring_back(connection: Connection, name: str, source: KeptFile) -> Snapshot:
    found = _described(name, source)
    connection.detach()  # the attached file goes with this connection, which nobody shall get again
    connection.exec_driver_sql("ATTACH ? AS kept", (str(source.path),))
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")

    def has_keys(schema: str) -> bool:
        asked = f"SELECT 1 FROM {schema}.sqlite_master WHERE type = 'table' AND name = ?"  # noqa: S608 -- our own
        return connection.exec_driver_sql(asked, (KEYS,)).first() is not None

    put_back(connection, "main", "kept", has_keys)
    return found


def _described(name: str, kept: KeptFile) -> Snapshot:
    try:
        with kept.opened() as connection:
            row = connection.execute(select(world)).mappings().one()
    except DatabaseError:
        raise unreadable(name) from None
    return described(name, row, kept.path.stat().st_size)


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
