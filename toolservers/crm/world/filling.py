"""Many rows at once: by the driver itself on SQLite, by COPY on PostgreSQL."""

import gc
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import date, datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Connection, Date, DateTime, Table

from toolservers.crm.world.tables import metadata

Row = dict[str, Any]
Batch = tuple[Table, list[Row]]
Progress = Callable[[int, int], None]
"""Told how many parts of a long work are done, and of how many."""


def fill(connection: Connection, batches: Iterable[Batch], *, many: bool = False) -> None:
    """Insert what `batches` gives into empty tables, parents before children. With `many`, indexes are made when
    all is there: sorted once, not page by page."""
    if not many:
        _insert_all(connection, batches)
        return
    indexes = [index for table in metadata.sorted_tables for index in table.indexes]
    for index in indexes:
        index.drop(connection)
    with _without_collection():
        _insert_all(connection, batches)
    for index in indexes:
        index.create(connection)


@contextmanager
def _without_collection() -> Generator[None]:
    """Looking for cycles among a million rows, in which there are none, is a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _insert_all(connection: Connection, batches: Iterable[Batch]) -> None:
    insert = _copy if connection.dialect.name == "postgresql" else _insert
    for table, rows in batches:
        # what a row does not name is the column's default, so rows of one statement name the same
        for names, alike in groupby(rows, key=tuple):
            insert(connection, table, names, alike)


def _insert(connection: Connection, table: Table, names: tuple[str, ...], rows: Iterable[Row]) -> None:
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join("?" * len(names))
    into = f"INSERT INTO {table.name} ({columns}) VALUES ({values})"  # noqa: S608 -- names of our tables
    cursor: Any = connection.connection.cursor()
    cursor.executemany(into, _as_stored(table, names, rows))


def _copy(connection: Connection, table: Table, names: tuple[str, ...], rows: Iterable[Row]) -> None:
    columns = ", ".join(f'"{name}"' for name in names)
    pick = _picking(names)
    cursor: Any = connection.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(pick(row))


def _picking(names: tuple[str, ...]) -> Callable[[Row], tuple[Any, ...]]:
    if len(names) == 1:
        return lambda row: (row[names[0]],)
    return cast(Callable[[Row], tuple[Any, ...]], itemgetter(*names))


def _as_stored(table: Table, names: tuple[str, ...], rows: Iterable[Row]) -> Iterable[list[Any]]:
    """As SQLAlchemy stores it in SQLite."""
    pick = _picking(names)
    dates = [n for n, name in enumerate(names) if isinstance(table.c[name].type, Date | DateTime)]
    for row in rows:
        values = list(pick(row))
        for n in dates:
            if values[n] is not None:
                values[n] = _written(values[n])
        yield values


@lru_cache(10_000)
def _written(value: date) -> str:
    return value.isoformat(" ", "microseconds") if isinstance(value, datetime) else value.isoformat()
