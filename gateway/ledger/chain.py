"""The chain: every row that matters is entered in the segment of the process that wrote it, so that a changed,
removed or reordered one is found.

An entry has the digest of one row's content and a link: the SHA-256 of the link before it, that digest, and what
the entry is (segment, number, kind, key). Each writing process has segments of its own, so writers never fork one
chain; signed checkpoints (`checkpoints.py`) tie the segments together. What can be erased is never digested
itself, only its salted digest, which is a column of the row.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Boolean, Connection, RowMapping, Table, insert, update

from gateway.ledger import tables
from toolward.store import Prepared

SEGMENT_ENTRIES = 100_000
SEGMENT_MS = 24 * 3600 * 1000
"""A segment that has so many entries, or is so old, is closed, and the next one begun."""

START = b"\0" * 32
_SALT = 16


class Covered(NamedTuple):
    """A kind of row that the chain covers: its table, the columns that are digested, those that name it. `later`
    are columns that came with a later schema: digested where one of them has a value."""

    table: Table
    columns: tuple[str, ...]
    key: tuple[str, ...]
    later: tuple[str, ...] = ()

    def key_of(self, values: Mapping[str, Any] | RowMapping) -> str:
        return "/".join(str(values[name]) for name in self.key)


def _covered(table: Table, *, without: tuple[str, ...] = ()) -> Covered:
    columns = tuple(column.name for column in table.columns if column.name not in without)
    return Covered(table, columns, tuple(column.name for column in table.primary_key.columns))


def _getting(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    return itemgetter(*names)


_RUN = ("tenant", "owner", "roles", "key", "agent", "created_at")  # the rest follows from the run's events

COVERED: Mapping[str, Covered] = {
    "segment": _covered(tables.chain_segments, without=("open",)),
    "call": _covered(tables.call_records),
    "outcome": _covered(tables.call_outcomes),
    "run": Covered(tables.runs, ("id", *_RUN), ("id",), ("parent", "parent_seq")),
    "event": _covered(tables.run_events, without=("salt", "data")),
    "transition": _covered(tables.request_transitions, without=("salt",)),
    "act": _covered(tables.ledger_acts),
    "checkpoint": _covered(tables.checkpoints),
}


_CONTENT = {kind: _getting(covered.columns) for kind, covered in COVERED.items()}
_WITH_TRUTHS = frozenset(
    kind
    for kind, covered in COVERED.items()
    if any(isinstance(covered.table.c[name].type, Boolean) for name in covered.columns)
)


class Entry(NamedTuple):
    kind: str
    key: str
    digest: bytes


class Position(NamedTuple):
    """The head of a segment."""

    segment: str
    seq: int
    link: bytes
    opened_at: int


def entry(kind: str, values: Mapping[str, Any] | RowMapping) -> Entry:
    """The entry of a row with these values."""
    covered = COVERED[kind]
    content = list(_CONTENT[kind](values))
    if kind in _WITH_TRUTHS:
        content = [int(value) if isinstance(value, bool) else value for value in content]
    later = [values[name] for name in covered.later]
    if any(later):
        content += later
    return Entry(kind, covered.key_of(values), hashlib.sha256(msgspec.json.encode([kind, *content])).digest())


def link(before: bytes, segment: str, seq: int, made: Entry) -> bytes:
    what = msgspec.json.encode((segment, seq, made.kind, made.key))
    return hashlib.sha256(before + made.digest + what).digest()


def salted(body: bytes) -> tuple[bytes, str]:
    """A fresh salt and the digest of a payload with it: without the salt, nobody can guess what was erased."""
    salt = os.urandom(_SALT)
    return salt, salted_digest(salt, body)


def salted_digest(salt: bytes, body: bytes) -> str:
    return hashlib.sha256(salt + body).hexdigest()


_ENTER = Prepared(insert(tables.chain), [column.name for column in tables.chain.columns])


class Chain:
    """The segment that this process writes. Only the writer's thread uses it, within transactions: what a failed
    one did is forgotten."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._stored: Position | None = None
        self._next: Position | None = None
        self._grown = False
        self.growth = 0  # commits that stored more than checkpoints

    @property
    def position(self) -> Position | None:
        """As of the last commit."""
        return self._stored

    def seal(self, connection: Connection, entries: Iterable[Entry]) -> None:
        """Enter them, in their order."""
        rows: list[dict[str, Any]] = []
        position = self._stored
        self._grown = False
        for made in entries:
            self._grown = self._grown or made.kind != "checkpoint"
            if position is None or self._is_full(position):
                position = self._begin(connection, position, rows)
            position = self._add(position, made, rows)
        if rows:
            _ENTER.run_many(connection, rows)
        self._next = position

    def committed(self) -> None:
        self.growth += self._grown
        self._stored = self._next

    def close(self, connection: Connection) -> None:
        """Say that no more is to come."""
        if self._stored is not None:
            _close(connection, self._stored)

    def _is_full(self, position: Position) -> bool:
        return position.seq >= SEGMENT_ENTRIES or self._now() - position.opened_at >= SEGMENT_MS

    def _begin(self, connection: Connection, before: Position | None, rows: list[dict[str, Any]]) -> Position:
        now = self._now()
        name = f"seg_{now:012x}{os.urandom(5).hex()}"
        values = {"id": name, "opened_at": now, "previous": before.segment if before else ""}
        connection.execute(insert(tables.chain_segments).values(**values, open=True))
        return self._add(Position(name, 0, START, now), entry("segment", values), rows)

    def _add(self, position: Position, made: Entry, rows: list[dict[str, Any]]) -> Position:
        seq = position.seq + 1
        linked = link(position.link, position.segment, seq, made)
        rows.append({"segment": position.segment, "seq": seq, **made._asdict(), "link": linked})
        return position._replace(seq=seq, link=linked)


def _close(connection: Connection, position: Position) -> None:
    segments = tables.chain_segments
    connection.execute(update(segments).where(segments.c.id == position.segment).values(open=False))
