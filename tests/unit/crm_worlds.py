"""Worlds for tests of the CRM's functions: a real SQLite file, filled once, and each test's own savepoint in it."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, event

from toolservers.crm.packs.pack import Pack, rows
from toolservers.crm.world.tables import metadata


@contextmanager
def filled(path: Path, pack: Pack) -> Generator[Connection]:
    """A connection in a transaction that is never committed."""
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def ours(opened: object, _record: object) -> None:  # pyright: ignore[reportUnusedFunction]
        opened.isolation_level = None  # pyright: ignore[reportAttributeAccessIssue]

    metadata.create_all(engine)
    with engine.connect() as opened:
        opened.exec_driver_sql("PRAGMA foreign_keys = ON")
        opened.exec_driver_sql("BEGIN")
        for table, content in rows(pack):
            if content:
                opened.execute(table.insert(), content)
        yield opened
        opened.rollback()
    engine.dispose()


@contextmanager
def undone(connection: Connection) -> Generator[Connection]:
    """Whatever is done inside is as if it had not been."""
    with connection.begin_nested() as inside:
        yield connection
        inside.rollback()
