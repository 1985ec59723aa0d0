"""Runs: the row that lists find, and what is added to their logs. An event log has unique (run, seq)."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.core.ports import RunAppend, RunRecord, StoredEvent
from gateway.ledger import budgets, leases, tables
from gateway.ledger.batch import Batch
from gateway.ledger.run_events import add_events, not_found
from toolward.errors import Conflict
from toolward.store import Prepared
from toolward.types import Run, RunState

_runs = tables.runs.c
_FIELDS = Run.__struct_fields__
_FIXED = ("id", "agent", "owner", "created_at", "parent")
_MOVING = tuple(name for name in _FIELDS if name not in _FIXED)  # the rest's indexes would be written anew
_ROW = select(tables.runs).where(_runs.id == bindparam("run"))
_THERE = update(tables.runs).where(_runs.id == bindparam("of_run"), _runs.last_seq == bindparam("behind"))
_MOVE = Prepared(_THERE, _MOVING)
# Most events leave the state as it is (then its indexes need not be written anew), and come under a lease whose
# attempts have been counted anew already: one statement for those.
_STAYING = [name for name in _MOVING if name != "state"]
_STAY = Prepared(
    _THERE.where(_runs.state == bindparam("state_before"), leases.counted("of_run", "epoch")), _STAYING
)


def create(
    connection: Connection, batch: Batch, record: RunRecord, events: Sequence[StoredEvent]
) -> RunRecord:
    """Stores the run and its first events. With a key that the owner used before, gives that run instead. Raises
    NotFound and Conflict where the parent has no such events, Conflict where the id is used."""
    run = record.run
    if record.key:
        query = select(tables.runs).where(
            _runs.tenant == record.tenant, _runs.owner == run.owner, _runs.key == record.key
        )
        if (known := connection.execute(query).one_or_none()) is not None:
            return record_of(known)
    if run.parent:
        _check_parent(connection, record)
    row = _changing(run) | {name: getattr(run, name) for name in _FIXED}
    row |= {"tenant": record.tenant, "key": record.key or None, "parent_seq": record.parent_seq}
    row |= {"last_seq": record.parent_seq + len(events), "roles": msgspec.json.encode(record.roles).decode()}
    try:
        connection.execute(insert(tables.runs).values(row))
    except IntegrityError:
        raise Conflict(f"There is a run {run.id} already.", hint="Use a new id for every run.") from None
    batch.cover("run", row)
    add_events(batch, run.id, record.parent_seq, events, run.created_at)
    return record


def append(connection: Connection, batch: Batch, more: RunAppend) -> None:
    """The events happened at `run.updated_at`. Raises Superseded, and Conflict when another writer was first."""
    for one in more.before:
        append(connection, batch, one)
    values = _changing(more.run)
    values |= {"last_seq": more.after + len(more.events), "of_run": more.run_id, "behind": more.after}
    stays = values | {"state_before": values["state"], "epoch": more.epoch}
    if not more.epoch or not _STAY.run(connection, stays).rowcount:
        leases.check(connection, more.run_id, more.epoch)
        if not _MOVE.run(connection, values).rowcount:
            raise Conflict(
                f"The run {more.run_id} has moved on: its event {more.after + 1} was written by another.",
                hint="Read its events again.",
            )
    add_events(batch, more.run_id, more.after, more.events, more.run.updated_at)
    if more.use is not None:
        budgets.count(connection, f"{more.run_id}/{more.after}", more.use, more.run.updated_at)


def get(connection: Connection, run_id: str) -> RunRecord:
    """Raises NotFound."""
    row = connection.execute(_ROW, {"run": run_id}).one_or_none()
    if row is None:
        raise not_found(run_id)
    return record_of(row)


def lengths(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    query = select(_runs.id, _runs.last_seq).where(_runs.id.in_(run_ids))
    return {row.id: row.last_seq for row in connection.execute(query)}


def record_of(row: Row[Any]) -> RunRecord:
    values = {field: getattr(row, field) for field in _FIELDS}
    values["state"] = RunState(row.state)
    roles = tuple(msgspec.json.decode(row.roles))
    return RunRecord(Run(**values), row.tenant, roles, row.key or "", row.parent_seq)


def _changing(run: Run) -> dict[str, Any]:
    """What events change of a run."""
    values: dict[str, Any] = {name: getattr(run, name) for name in _MOVING}
    values["state"] = run.state.value
    return values


def _check_parent(connection: Connection, record: RunRecord) -> None:
    parent = record.run.parent
    query = select(_runs.last_seq).where(_runs.id == parent, _runs.tenant == record.tenant)
    last = connection.execute(query).scalar_one_or_none()
    if last is None:
        raise not_found(parent)
    if not 0 < record.parent_seq <= last:
        raise Conflict(
            f"The run {parent} has {last} events: there is no event {record.parent_seq} to retry it from.",
            hint="Name one of its events.",
        )
