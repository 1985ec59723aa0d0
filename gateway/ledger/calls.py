"""Call records: the intent before a call, its outcome after it, what went in and came out beside them."""

from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select

from gateway.core.ports import CallOutcome, CallRecord
from gateway.ledger.batch import Batch
from gateway.ledger.chain import salted_digest
from gateway.ledger.reading import record_of
from gateway.ledger.tables import call_payloads, call_records
from toolward.errors import Conflict
from toolward.store import Prepared
from toolward.types import Content, ToolResult, Trust

_KNOWN = Prepared(select(call_records.c.id).where(call_records.c.id == bindparam("call")))
_SAME_CALL = ("principal", "tenant", "tool", "run_id")


class KeptResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool's result as it is kept, as JSON."""

    content: tuple[Content, ...] = ()
    structured: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    is_error: bool = False
    trust: Trust = "untrusted"


def add_record(connection: Connection, batch: Batch, record: CallRecord, arguments_json: bytes) -> None:
    """A repeat of the same call under the same id (after an approval or a crash) keeps the first record.
    Raises Conflict when the id belongs to another call."""
    if record.run_id and _is_known(connection, record, arguments_json):  # every other id is fresh
        return
    values = msgspec.structs.asdict(record)
    values["roles"] = msgspec.json.encode(record.roles).decode()
    batch.add("call", {**values, "arguments_digest": batch.arguments(record.id, arguments_json)})


def add_outcome(batch: Batch, outcome: CallOutcome, result: ToolResult | None = None) -> None:
    """Outcomes add up: one that comes late is kept beside the one that was there."""
    batch.outcome(msgspec.structs.asdict(outcome), b"" if result is None else _kept(result))


def _kept(result: ToolResult) -> bytes:
    structured = result.structured_json
    return msgspec.json.encode(
        KeptResult(
            result.content,
            msgspec.UNSET if structured is None else msgspec.Raw(structured),
            result.is_error,
            result.trust,
        )
    )


def _is_known(connection: Connection, record: CallRecord, arguments_json: bytes) -> bool:
    if _KNOWN.run(connection, {"call": record.id}).fetchone() is None:
        return False
    found = connection.execute(select(call_records).where(call_records.c.id == record.id)).one()
    known: Any = record_of(found)
    salt = connection.execute(
        select(call_payloads.c.salt).where(call_payloads.c.call_id == record.id, call_payloads.c.outcome == 0)
    ).scalar_one_or_none()
    same = salt is not None and salted_digest(salt, arguments_json) == found.arguments_digest
    if not same or any(getattr(known, field) != getattr(record, field) for field in _SAME_CALL):
        raise Conflict(
            f"The call id {record.id} belongs to another call.", hint="Use a new id for every call."
        )
    return True
