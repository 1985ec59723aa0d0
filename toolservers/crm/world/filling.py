"""Many rows at once: by the driver itself on SQLite, by COPY on PostgreSQL."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Connection, Table

Row = dict[str, Any]
Batch = tuple[Table, list[Row]]
Progress = Callable[[int, int], None]
"""Told how many parts of a long work are done, and of how many."""


def fill(connection: Connection, batches: Iterable[Batch]) -> None:
    """Insert what `batches` gives, parents before children."""
    for table, rows in batches:
        # what a row does not name is the column's default, so rows of one statement name the same
        for names, alike in groupby(rows, key=tuple):
            insert(connection, table, names, list(alike))


def insert(connection: Connection, table: Table, names: tuple[str, ...], rows: list[Row]) -> None:
    if connection.dialect.name == "postgresql":
        _copy(connection, table, names, rows)
        return
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join("?" * len(names))
    into = f"INSERT INTO {table.name} ({columns}) VALUES ({values})"  # noqa: S608 -- names of our tables
    cursor = connection.connection.cursor()
    pick = _picking(names)
    cursor.executemany(into, [tuple(map(_stored, pick(row))) for row in rows])


def _copy(connection: Connection, table: Table, names: tuple[str, ...], rows: list[Row]) -> None:
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


def _stored(value: Any) -> Any:
    """As SQLAlchemy stores it in SQLite."""
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    return value.isoformat() if isinstance(value, date) else value
