"""What is another in one world than in another: rows added, removed, changed, as plain data."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, String, Table, select

from toolservers.crm.world.tables import world_tables

Row = dict[str, Any]
Key = tuple[Any, ...]

_STEP = 2_000  # rows that are fetched at once


@dataclass(slots=True)
class Difference:
    """By table, then by id (`ORD-1007`; `ORD-1007/1` is its first line). `changed` has of each column that differs
    what it was and what it is. `left_out` counts the rows beyond the bound that was asked for."""

    added: dict[str, dict[str, Row]] = field(default_factory=dict[str, dict[str, Row]])
    removed: dict[str, dict[str, Row]] = field(default_factory=dict[str, dict[str, Row]])
    changed: dict[str, dict[str, dict[str, tuple[Any, Any]]]] = field(
        default_factory=dict[str, dict[str, dict[str, tuple[Any, Any]]]]
    )
    left_out: int = 0

    @property
    def count(self) -> int:
        """Of the rows that differ."""
        parts = (self.added, self.removed, self.changed)
        return self.left_out + sum(len(rows) for part in parts for rows in part.values())

    def __bool__(self) -> bool:
        return self.count > 0


def difference(
    before: Connection, after: Connection, *, ignoring: Collection[str] = (), at_most: int | None = None
) -> Difference:
    """What has become of `before` in `after`; both are read once, row by row. `ignoring` are names of tables, and
    the kit's keys are never looked at. `at_most` bounds the rows that are told, not those that are counted."""
    found = Difference()
    told = 0
    for table in world_tables():
        if table.name in ignoring:
            continue
        for key, old, new in _pairs(_rows(before, table), _rows(after, table)):
            if old == new:
                continue
            if at_most is not None and told >= at_most:
                found.left_out += 1
                continue
            told += 1
            _tell(found, table.name, "/".join(map(str, key)), old, new)
    return found


def _tell(found: Difference, table: str, identity: str, old: Row | None, new: Row | None) -> None:
    if old is None:
        found.added.setdefault(table, {})[identity] = new or {}
    elif new is None:
        found.removed.setdefault(table, {})[identity] = old
    else:
        columns = {name: (old[name], new[name]) for name in old if old[name] != new[name]}
        found.changed.setdefault(table, {})[identity] = columns


def _pairs(
    before: Iterator[tuple[Key, Row]], after: Iterator[tuple[Key, Row]]
) -> Iterator[tuple[Key, Row | None, Row | None]]:
    """Both are sorted by key: one step through them finds what belongs together."""
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        if old is not None and (new is None or old[0] < new[0]):
            yield old[0], old[1], None
            old = next(before, None)
        elif new is not None and (old is None or new[0] < old[0]):
            yield new[0], None, new[1]
            new = next(after, None)
        elif old is not None and new is not None:
            yield old[0], old[1], new[1]
            old, new = next(before, None), next(after, None)


def _rows(connection: Connection, table: Table) -> Iterator[tuple[Key, Row]]:
    key = list(table.primary_key)
    names = [column.name for column in key]
    # Python compares text by its code points; PostgreSQL would by the rules of a language.
    by_bytes = connection.dialect.name == "postgresql"
    order = [one.collate("C") if by_bytes and isinstance(one.type, String) else one for one in key]
    chosen = select(table).order_by(*order).execution_options(yield_per=_STEP)
    for row in connection.execute(chosen).mappings():
        yield tuple(row[name] for name in names), dict(row)
