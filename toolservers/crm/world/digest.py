"""One number for all that a world holds: the same on every database, machine and Python."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Table, collate, select, types

from toolservers.crm.world.tables import events, world_tables

Add = Callable[[bytes], None]

_AT_ONCE = 1_000


def digest(connection: Connection) -> str:
    """SHA-256, in hexadecimal, over every row of the world's own tables by their keys. Kept idempotency keys,
    what was told of the world, and its revision are no part of it. Memory is bounded."""
    total = hashlib.sha256()
    for table in sorted(world_tables(), key=lambda one: one.name):
        _add(total.update, connection, table)
    return total.hexdigest()


def _add(add: Add, connection: Connection, table: Table) -> None:
    # an event's number may skip what was rolled back; its place among the others says the same
    columns = sorted((column for column in table.c if column is not events.c.seq), key=lambda one: one.name)
    add(_line([str(name) for name in (table.name, *(column.name for column in columns))]))
    by_key = [_ordered(connection, column) for column in table.primary_key]
    rows = connection.execute(
        select(*columns).order_by(*by_key), execution_options={"stream_results": True, "yield_per": _AT_ONCE}
    )
    for some in rows.partitions():
        add(b"".join(_line(list(row)) for row in some))


def _line(values: list[object]) -> bytes:
    return msgspec.json.encode(values) + b"\n"


def _ordered(connection: Connection, column: Column[Any]) -> ColumnElement[Any]:
    """By bytes, whatever language the database sorts by."""
    if connection.dialect.name == "postgresql" and isinstance(column.type, types.String):
        return collate(column, "C")
    return column
