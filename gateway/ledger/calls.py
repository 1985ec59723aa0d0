"""Call records: the intent before a call, its arguments beside it, its outcome after it."""

import msgspec
from sqlalchemy import Connection, Row, insert, select

from gateway.core.ports import CallOutcome, CallRecord
from gateway.ledger.tables import call_outcomes, call_payloads, call_records
from toolward.errors import Conflict, NotFound

_FIELDS = CallRecord.__struct_fields__
_SAME_CALL = ("principal", "tenant", "tool", "arguments_digest", "run_id")


class RecordedCall(msgspec.Struct, frozen=True):
    """A call as the ledger has it. Without an outcome it is under way, or how it ended is not known;
    without arguments they were erased."""

    record: CallRecord
    outcome: CallOutcome | None
    arguments_json: bytes | None


def insert_record(connection: Connection, record: CallRecord, arguments_json: bytes) -> None:
    """A repeat of the same call under the same id (after an approval or a crash) keeps the first record.
    Raises Conflict when the id belongs to another call."""
    found = connection.execute(select(call_records).where(call_records.c.id == record.id)).one_or_none()
    if found is None:
        connection.execute(insert(call_records).values(**msgspec.structs.asdict(record)))
        connection.execute(insert(call_payloads).values(call_id=record.id, arguments=arguments_json))
        return
    known = _record(found)
    if any(getattr(known, field) != getattr(record, field) for field in _SAME_CALL):
        raise Conflict(
            f"The call id {record.id} belongs to another call.", hint="Use a new id for every call."
        )


def insert_outcome(connection: Connection, outcome: CallOutcome) -> None:
    """Outcomes add up: one that comes late is kept beside the one that was there."""
    connection.execute(insert(call_outcomes).values(**msgspec.structs.asdict(outcome)))


def recorded_call(connection: Connection, call_id: str) -> RecordedCall:
    """Raises NotFound. Of several outcomes the newest is given."""
    row = connection.execute(select(call_records).where(call_records.c.id == call_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no call {call_id[:128]!r} in the ledger.")
    arguments = connection.execute(
        select(call_payloads.c.arguments).where(call_payloads.c.call_id == call_id)
    ).scalar_one_or_none()
    ended = connection.execute(
        select(call_outcomes)
        .where(call_outcomes.c.call_id == call_id)
        .order_by(call_outcomes.c.id.desc())
        .limit(1)
    ).one_or_none()
    outcome = None
    if ended is not None:
        outcome = CallOutcome(ended.call_id, ended.at, ended.code, ended.duration_us, ended.message)
    return RecordedCall(_record(row), outcome, arguments)


def _record(row: Row[tuple[object, ...]]) -> CallRecord:
    return CallRecord(**{field: getattr(row, field) for field in _FIELDS})
