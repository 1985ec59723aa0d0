"""Runs and their events: an event log with unique (run, seq), and the row that lists find."""

import base64
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from gateway.core.ports import RunRecord, StoredEvent
from gateway.ledger import tables
from gateway.ledger.batch import Batch
from gateway.ledger.chain import salted
from toolward.errors import Conflict, InvalidRequest, NotFound
from toolward.types import Run, RunEvent, RunPage, RunState

MAX_PAGE = 200

_runs = tables.runs.c
_events = tables.run_events.c
_RUN_FIELDS = Run.__struct_fields__
_ENDED = [state.value for state in RunState if state.ended]


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    created_at: int
    id: str


def create(
    connection: Connection, batch: Batch, record: RunRecord, events: Sequence[StoredEvent]
) -> RunRecord:
    """Stores the run and its first events. With a key that the owner used before, gives that run instead."""
    run = record.run
    if record.key:
        query = select(tables.runs).where(
            _runs.tenant == record.tenant, _runs.owner == run.owner, _runs.key == record.key
        )
        if (known := connection.execute(query).one_or_none()) is not None:
            return _record(known)
    of_record = {"id": run.id, "tenant": record.tenant, "key": record.key or None, "last_seq": len(events)}
    roles = msgspec.json.encode(record.roles).decode()
    row = _row(run) | of_record | {"roles": roles}
    connection.execute(insert(tables.runs).values(row))
    batch.cover("run", row)
    _add_events(batch, run.id, 0, events, run.created_at)
    return record


def append(
    connection: Connection, batch: Batch, run_id: str, after: int, events: Sequence[StoredEvent], run: Run
) -> tuple[RunEvent, ...]:
    """The events happened at `run.updated_at`. Raises Conflict when another writer was first."""
    changed = connection.execute(
        update(tables.runs)
        .where(_runs.id == run_id, _runs.last_seq == after)
        .values(_row(run) | {"last_seq": after + len(events)})
    )
    if changed.rowcount == 0:
        raise Conflict(
            f"The run {run_id} has moved on: its event {after + 1} was written by another.",
            hint="Read its events again.",
        )
    return _add_events(batch, run_id, after, events, run.updated_at)


def events(connection: Connection, run_id: str, after: int) -> tuple[RunEvent, ...]:
    query = (
        select(_events.seq, _events.type, _events.at, _events.data)
        .where(_events.run_id == run_id, _events.seq > after)
        .order_by(_events.seq)
    )
    return tuple(
        RunEvent(run_id, seq, kind, at, msgspec.json.decode(data))
        for seq, kind, at, data in connection.execute(query)
    )


def get(connection: Connection, run_id: str) -> RunRecord:
    """Raises NotFound."""
    row = connection.execute(select(tables.runs).where(_runs.id == run_id)).one_or_none()
    if row is None:
        raise not_found(run_id)
    return _record(row)


def find(
    connection: Connection,
    owner: str,
    tenant: str,
    *,
    size: int,
    cursor: str | None,
    state: RunState | None,
) -> RunPage:
    """Newest first. Raises InvalidRequest for a cursor that is none of ours."""
    size = min(max(size, 1), MAX_PAGE)
    chosen = and_(_runs.tenant == tenant, _runs.owner == owner)
    if state is not None:
        chosen = and_(chosen, _runs.state == state.value)
    if cursor:
        last = _read_cursor(cursor)
        older = and_(_runs.created_at == last.created_at, _runs.id < last.id)
        chosen = and_(chosen, or_(_runs.created_at < last.created_at, older))
    query = select(tables.runs).where(chosen).order_by(_runs.created_at.desc(), _runs.id.desc())
    found = [_record(row).run for row in connection.execute(query.limit(size + 1))]
    more = len(found) > size
    return RunPage(tuple(found[:size]), _write_cursor(found[size - 1]) if more else None)


def unfinished(connection: Connection) -> tuple[str, ...]:
    """Oldest first."""
    query = select(_runs.id).where(_runs.state.not_in(_ENDED)).order_by(_runs.created_at, _runs.id)
    return tuple(connection.execute(query).scalars())


def not_found(run_id: str) -> NotFound:
    return NotFound(f"There is no run {run_id[:128]!r}.", hint="List your runs.")


def _add_events(
    batch: Batch, run_id: str, after: int, stored: Sequence[StoredEvent], at: int
) -> tuple[RunEvent, ...]:
    for seq, event in enumerate(stored, after + 1):
        salt, digest = salted(event.data_json)
        batch.add(
            "event",
            {
                "run_id": run_id,
                "seq": seq,
                "type": event.type,
                "version": event.version,
                "at": at,
                "salt": salt,
                "data": event.data_json.decode(),
                "data_digest": digest,
            },
        )
    return tuple(
        RunEvent(run_id, seq, event.type, at, msgspec.json.decode(event.data_json))
        for seq, event in enumerate(stored, after + 1)
    )


def _row(run: Run) -> dict[str, Any]:
    values = msgspec.structs.asdict(run)
    del values["id"]
    values["state"] = run.state.value
    return values


def _record(row: Row[Any]) -> RunRecord:
    values = {field: getattr(row, field) for field in _RUN_FIELDS}
    values["state"] = RunState(row.state)
    roles = tuple(msgspec.json.decode(row.roles))
    return RunRecord(Run(**values), row.tenant, roles, row.key or "")


def _write_cursor(run: Run) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(_Cursor(run.created_at, run.id))).decode()


def _read_cursor(cursor: str) -> _Cursor:
    try:
        return msgspec.json.decode(base64.b64decode(cursor, altchars=b"-_", validate=True), type=_Cursor)
    except (ValueError, msgspec.MsgspecError):  # binascii.Error is a ValueError
        raise InvalidRequest(
            "The cursor of the list of runs is none of ours.", hint="Take next_cursor as it was given."
        ) from None
