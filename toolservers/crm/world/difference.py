"""What differs between two moments of a world: rows added, removed and changed, table by table."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, select

from toolservers.crm.world.tables import metadata

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChangedRow:
    before: Row
    after: Row


@dataclass(frozen=True, slots=True)
class TableDifference:
    added: list[Row] = field(default_factory=list[Row])
    removed: list[Row] = field(default_factory=list[Row])
    changed: list[ChangedRow] = field(default_factory=list[ChangedRow])


@dataclass(frozen=True, slots=True)
class Difference:
    """By the names of the tables; those in which nothing differs are not there."""

    tables: dict[str, TableDifference]


def difference(before: Connection, after: Connection) -> Difference:
    found = {table.name: _of_table(table, before, after) for table in metadata.sorted_tables}
    return Difference({name: one for name, one in found.items() if one.added or one.removed or one.changed})


def _of_table(table: Table, before: Connection, after: Connection) -> TableDifference:
    old, new = _by_key(table, before), _by_key(table, after)
    return TableDifference(
        [row for key, row in new.items() if key not in old],
        [row for key, row in old.items() if key not in new],
        [ChangedRow(old[key], row) for key, row in new.items() if key in old and old[key] != row],
    )


def _by_key(table: Table, connection: Connection) -> dict[tuple[Any, ...], Row]:
    key = [column.name for column in table.primary_key]
    rows = connection.execute(select(table).order_by(*table.primary_key)).mappings()
    return {tuple(row[name] for name in key): dict(row) for row in rows}
