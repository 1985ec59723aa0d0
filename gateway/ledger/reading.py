"""Recorded calls, read back: each with what went in and came out, as far as that was not erased."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from gateway.core.ports import CallOutcome, CallRecord, RecordedCall
from gateway.ledger.run_events import read_events
from gateway.ledger.tables import call_outcomes, call_payloads, call_records
from toolward.errors import NotFound
from toolward.store import reading
from toolward.types import RunEvent

_FIELDS = CallRecord.__struct_fields__
_AT_ONCE = 500  # calls that one look at the file gives


def recorded_calls(
    where: Path, *, since: int = 0, until: int | None = None, newest_first: bool = True, payloads: bool = True
) -> Iterator[RecordedCall]:
    """The calls of the ledger in this file, `since <= at < until` in Unix ms; a gateway may write meanwhile. Raises
    ConfigurationError when there is no such file, Unavailable when it cannot be read."""
    columns = call_records.c
    order = (columns.at.desc(), columns.id.desc()) if newest_first else (columns.at, columns.id)
    query = select(call_records).where(columns.at >= since).order_by(*order)
    if until is not None:
        query = query.where(columns.at < until)
    with reading(where) as connection:
        for rows in connection.execute(query).partitions(_AT_ONCE):
            yield from _with_ends(connection, rows, payloads=payloads)


def recorded_events(where: Path, run_id: str) -> tuple[RunEvent, ...]:
    """The log of a run in this file; empty where there is no such run. Raises ConfigurationError when there is no
    such file, Unavailable when it cannot be read, Damaged."""
    with reading(where) as connection:
        return read_events(connection, run_id, 0)


def recorded_call(connection: Connection, call_id: str) -> RecordedCall:
    """Raises NotFound. Of several outcomes the newest is given."""
    rows = connection.execute(select(call_records).where(call_records.c.id == call_id)).all()
    if not rows:
        raise NotFound(f"There is no call {call_id[:128]!r} in the ledger.")
    return next(_with_ends(connection, rows, payloads=True))


def record_of(row: Row[Any]) -> CallRecord:
    values: dict[str, Any] = {field: getattr(row, field) for field in _FIELDS}
    values["roles"] = tuple(msgspec.json.decode(row.roles))
    return CallRecord(**values)


def _with_ends(connection: Connection, rows: Any, *, payloads: bool) -> Iterator[RecordedCall]:
    ids = [row.id for row in rows]
    ended = select(call_outcomes).where(call_outcomes.c.call_id.in_(ids)).order_by(call_outcomes.c.id)
    outcomes = {row.call_id: row for row in connection.execute(ended)}  # the newest wins
    bodies: dict[tuple[str, int], bytes] = {}
    if payloads:
        kept = select(call_payloads.c.call_id, call_payloads.c.outcome, call_payloads.c.body)
        found = connection.execute(kept.where(call_payloads.c.call_id.in_(ids)))
        bodies = {(call_id, outcome): body for call_id, outcome, body in found}
    for row in rows:
        end = outcomes.get(row.id)
        yield RecordedCall(
            record_of(row),
            row.arguments_digest,
            CallOutcome(end.call_id, end.at, end.code, end.duration_us, end.message) if end else None,
            end.result_digest if end else "",
            bodies.get((row.id, 0)),
            bodies.get((row.id, end.id)) if end else None,
        )
