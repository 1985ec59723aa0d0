"""One call's work in one transaction: what is seen of the world, and the only way in which it changes.

Every change of a record goes through `Work.add` and `Work.change`: they count the version up, hold the record to
its state machine, and write the event that tells of it, in the same transaction.
"""

import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Table, and_, select

from toolservers.crm.actor import Actor
from toolservers.crm.kinds import PREFIXES, RecordType, RuleMode
from toolservers.crm.machines import may_become
from toolservers.crm.records import Changed, FieldChange
from toolservers.crm.references import TABLES, Reference, parse, row_of
from toolservers.crm.rules.rule import Refusal, standing
from toolservers.crm.world import clock
from toolservers.crm.world.tables import counters, events, fold, world
from toolward.errors import Internal, ToolError

Row = dict[str, Any]

# What is no news: what is searched, and when time will bring a parcel, which no carrier tells.
_UNTOLD = {("shipment", "expected_on"), ("return", "expected_on")}


class View:
    """What one caller sees of one moment of the world. `now` is the world's time, aware, in UTC."""

    def __init__(self, connection: Connection, actor: Actor, mode: RuleMode = "enforce") -> None:
        self.connection = connection
        self.actor = actor
        self.mode: RuleMode = mode
        self.now: datetime = clock.aware(connection.execute(select(world.c.now)).scalar_one())

    @property
    def today(self) -> date:
        """The shop's day."""
        return clock.local(self.now).date()

    def row(self, named: str | Reference, expected: RecordType | None = None) -> Row:
        """The record that `named` names, if the caller may see it. Raises ToolError, naming the nearest."""
        reference = named if isinstance(named, Reference) else parse(named, expected)
        return dict(row_of(self.connection, reference, self.actor.customer_id))

    def rows(self, table: Table, **equal: Any) -> list[Row]:
        """Rows of a table by the values of some columns, in the order of its key."""
        where = and_(True, *(table.c[name] == value for name, value in equal.items()))
        chosen = select(table).where(where).order_by(*table.primary_key)
        return [dict(row) for row in self.connection.execute(chosen).mappings()]


class Told(NamedTuple):
    """A change as its event tells it: of each field, what it was and what it is."""

    record_id: str
    changes: dict[str, list[Any]]


class Work(View):
    """A view that may change what it sees. `advice` is what rules would have said against it (mode `advise`)."""

    def __init__(self, connection: Connection, actor: Actor, mode: RuleMode) -> None:
        super().__init__(connection, actor, mode)
        self.advice: list[str] = []
        self._told: list[Told] = []

    def require(self, refusals: Iterable[Refusal]) -> None:
        """Raises ToolError, with the rule and the next step, where one forbids; what is only told goes to
        `advice`."""
        forbid, told = standing(refusals, self.mode)
        if forbid:
            raise ToolError(" ".join(refusal.text for refusal in forbid[:3]))
        self.advice += [refusal.text for refusal in told]

    def require_version(self, row: Row, expected: int) -> None:
        """Raises ToolError when somebody has changed the record since the caller read it; 0 expects none."""
        if expected and row["version"] != expected:
            raise ToolError(
                f"{row['id']} has version {row['version']}, and version {expected} was expected: somebody has"
                " changed it since. Read it again with get_record, and decide anew."
            )

    def add(self, record_type: RecordType, event: str = "created", **row: Any) -> Row:
        """A new record, with its id; `event` is the last word of the event's type (`ticket.created`). `also`, as
        in `change`, tells of its rows in other tables."""
        also: dict[str, list[Any]] = row.pop("also", {})
        made: Row = {"id": self._next_id(record_type), "version": 1} | row
        if "words" in made:  # the id is found too, and nobody knew it before
            made["words"] = f"{fold(made['id'])} {made['words']}"
        self.connection.execute(TABLES[record_type].insert(), made)
        shown = {name: [None, value] for name, value in row.items() if _is_told(record_type, name)}
        self._tell(f"{record_type}.{event}", record_type, made["id"], 1, shown | also)
        return made

    def change(self, record_type: RecordType, row: Row, event: str, **to: Any) -> Row:
        """The record as it is now. Nothing is told, and no version counted, where nothing changes but what an
        `event` of its own says: give changes of other tables (lines, messages) as a field with `[before, after]`
        under `also`."""
        also: dict[str, list[Any]] = to.pop("also", {})
        changed = {name: value for name, value in to.items() if row[name] != value}
        if not changed and not also:
            return dict(row)
        if "status" in changed and not may_become(record_type, row["status"], changed["status"]):
            raise Internal(f"{row['id']} cannot go from {row['status']} to {changed['status']}.")
        table, version = TABLES[record_type], row["version"] + 1
        done = self.connection.execute(
            table.update()
            .where(table.c.id == row["id"], table.c.version == row["version"])
            .values(**changed, version=version)
        )
        if done.rowcount != 1:
            raise ToolError(
                f"{row['id']} was changed meanwhile. Read it again with get_record, and decide anew."
            )
        told = {name: [row[name], value] for name, value in changed.items() if _is_told(record_type, name)}
        self._tell(f"{record_type}.{event}", record_type, row["id"], version, told | also)
        return dict(row) | changed | {"version": version}

    def changed(self, record_type: RecordType, row: Row, says: str) -> Changed:
        """What all of this work has changed, as a tool shows it: fields of `row` by their names, those of other
        records with their ids before (`PAY-5007.status`)."""
        own = row["id"]
        changes = [
            FieldChange(name if told.record_id == own else f"{told.record_id}.{name}", *_shown(both))
            for told in self._told
            for name, both in told.changes.items()
        ]
        return Changed(
            record_type=record_type,
            id=own,
            version=row["version"],
            status=row.get("status", ""),
            says=says,
            changes=changes,
            advice=self.advice,
        )

    @contextmanager
    def rehearsal(self, dry_run: bool) -> Generator[None]:
        """With `dry_run`, what is done inside is undone when it ends; what was told of it stays to be shown."""
        if not dry_run:
            yield
            return
        with self.connection.begin_nested() as rehearsed:
            yield
            rehearsed.rollback()

    def _next_id(self, record_type: RecordType) -> str:
        counter = counters.c.record_type == record_type
        step = counters.update().where(counter).values(last=counters.c.last + 1)
        number = self.connection.execute(step.returning(counters.c.last)).scalar_one()
        return f"{PREFIXES[record_type]}{number}"

    def _tell(
        self, event: str, record_type: RecordType, record_id: str, version: int, changes: dict[str, list[Any]]
    ) -> None:
        self._told.append(Told(record_id, changes))
        self.connection.execute(
            events.insert(),
            {
                "at": clock.stored(self.now),
                "type": event,
                "record_type": record_type,
                "record_id": record_id,
                "version": version,
                "actor": self.actor.id,
                "changes": json.dumps(msgspec.to_builtins(changes), ensure_ascii=False),
            },
        )


def _is_told(record_type: RecordType, name: str) -> bool:
    return name != "words" and (record_type, name) not in _UNTOLD


def _shown(both: list[Any]) -> tuple[Any, Any]:
    before, after = msgspec.to_builtins(both)
    return before, after
