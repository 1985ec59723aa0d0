"""What has happened in the world, as it was written in the transactions in which it happened."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, or_, select

from toolservers.crm.kinds import RecordType
from toolservers.crm.references import parse
from toolservers.crm.work import View
from toolservers.crm.world import clock
from toolservers.crm.world.tables import events, telling, untold


@dataclass(frozen=True, slots=True)
class Event:
    seq: int
    at: datetime
    type: str
    record_type: str
    record_id: str
    version: int
    actor: str
    changes: dict[str, Any]
    """Of each field, what it was and what it is."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """An event that the webhook would not take."""

    seq: int
    tries: int
    because: str


@dataclass(frozen=True, slots=True)
class Events:
    """`told` is the event up to which the webhook has had them; None where there is no webhook. `next_after` is set
    where there are more."""

    events: list[Event]
    next_after: int | None
    told: int | None
    set_aside: list[SetAside]


def event_of(row: RowMapping) -> Event:
    told: dict[str, Any] = {**row, "at": clock.aware(row["at"]), "changes": json.loads(row["changes"])}
    return Event(**told)


def listed(
    view: View,
    after: int,
    types: Sequence[str],
    record_id: str,
    record_type: RecordType | None,
    limit: int,
) -> Events:
    """Raises ToolError for a `record_id` that can be none."""
    chosen = select(events).where(events.c.seq > after).order_by(events.c.seq).limit(limit + 1)
    if types:
        chosen = chosen.where(or_(*(events.c.type.like(_pattern(one), escape="\\") for one in types)))
    if record_id:
        named = parse(record_id, record_type)
        identity = named.value if named.column == "id" else view.row(named)["id"]
        chosen = chosen.where(events.c.record_id == identity)
    if record_type is not None:
        chosen = chosen.where(events.c.record_type == record_type)
    rows = view.connection.execute(chosen).mappings().all()
    found = [event_of(row) for row in rows[:limit]]
    aside = select(untold).order_by(untold.c.seq.desc()).limit(20)
    return Events(
        found,
        found[-1].seq if len(rows) > limit else None,
        view.connection.scalar(select(telling.c.told)),
        [SetAside(**row) for row in view.connection.execute(aside).mappings()],
    )


def _pattern(glob: str) -> str:
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
