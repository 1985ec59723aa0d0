"""The one way in which the CRM's records change, and the shop's days."""

import json
from collections.abc import Generator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, event, select

from toolservers.crm.actor import Actor
from toolservers.crm.machines import MACHINES
from toolservers.crm.packs.pack import rows
from toolservers.crm.packs.tiny import PACK
from toolservers.crm.references import TABLES
from toolservers.crm.rules.rule import Refusal, Rule
from toolservers.crm.work import Work
from toolservers.crm.world import clock
from toolservers.crm.world.tables import events, metadata
from toolward.errors import Internal, ToolError

ADA = Actor("ada")
SOFT = Rule("soft", "Something is usually not done.")
HARD = Rule("hard", "Something is never done.", always=True)


@pytest.fixture
def connection(tmp_path: Path) -> Generator[Connection]:
    engine = create_engine(f"sqlite:///{tmp_path}/crm.db")

    @event.listens_for(engine, "connect")
    def ours(opened: object, _record: object) -> None:  # pyright: ignore[reportUnusedFunction]
        opened.isolation_level = None  # pyright: ignore[reportAttributeAccessIssue]

    metadata.create_all(engine)
    with engine.connect() as opened:
        opened.exec_driver_sql("BEGIN")
        for table, content in rows(PACK):
            if content:
                opened.execute(table.insert(), content)
        yield opened
        opened.rollback()
    engine.dispose()


def told(connection: Connection) -> list[tuple[str, str, int, str, dict[str, list[object]]]]:
    chosen = select(events.c.type, events.c.record_id, events.c.version, events.c.actor, events.c.changes)
    return [
        (row.type, row.record_id, row.version, row.actor, json.loads(row.changes))
        for row in connection.execute(chosen.order_by(events.c.seq))
    ]


def test_a_change_counts_the_version_and_tells_before_and_after(connection: Connection) -> None:
    work = Work(connection, ADA, "enforce")
    ticket = work.row("TCK-3003")
    after = work.change("ticket", ticket, "solved", status="solved", priority=ticket["priority"])
    assert (after["status"], after["version"]) == ("solved", 2)
    assert work.row("TCK-3003") == after
    assert told(connection) == [("ticket.solved", "TCK-3003", 2, "ada", {"status": ["open", "solved"]})]
    shown = work.changed("ticket", after, "Solved.")
    assert [(one.field, one.before, one.after) for one in shown.changes] == [("status", "open", "solved")]


def test_what_changes_nothing_is_not_told(connection: Connection) -> None:
    work = Work(connection, ADA, "enforce")
    ticket = work.row("TCK-3003")
    assert work.change("ticket", ticket, "updated", priority=ticket["priority"]) == ticket
    assert told(connection) == []


def test_a_record_never_leaves_its_state_machine(connection: Connection) -> None:
    work = Work(connection, ADA, "off")
    with pytest.raises(Internal, match="ORD-1007 cannot go from delivered to placed"):
        work.change("order", work.row("ORD-1007"), "undone", status="placed")


def test_what_was_changed_meanwhile_is_not_overwritten(connection: Connection) -> None:
    work = Work(connection, ADA, "enforce")
    seen = work.row("TCK-3003")
    work.change("ticket", seen, "updated", priority="high")
    with pytest.raises(ToolError, match="TCK-3003 was changed meanwhile"):
        work.change("ticket", seen, "updated", priority="low")
    with pytest.raises(ToolError, match="has version 2, and version 1 was expected"):
        work.require_version(work.row("TCK-3003"), 1)
    work.require_version(work.row("TCK-3003"), 0)


def test_new_records_are_numbered_on(connection: Connection) -> None:
    work = Work(connection, ADA, "enforce")
    order = work.row("ORD-1007")
    made = [
        work.add(
            "ticket",
            status="open",
            title=title,
            priority="low",
            customer_id=order["customer_id"],
            opened_on=work.today,
            words=title,
        )["id"]
        for title in ("first", "second")
    ]
    assert made == ["TCK-3009", "TCK-3010"]
    assert [row[:3] for row in told(connection)] == [
        ("ticket.created", "TCK-3009", 1),
        ("ticket.created", "TCK-3010", 1),
    ]


@pytest.mark.parametrize("dry", [True, False])
def test_a_rehearsal_shows_everything_and_keeps_nothing(connection: Connection, dry: bool) -> None:
    work = Work(connection, ADA, "enforce")
    ticket = work.row("TCK-3003")
    with work.rehearsal(dry):
        after = work.change("ticket", ticket, "updated", priority="high")
    assert len(work.changed("ticket", after, "").changes) == 1
    assert (work.row("TCK-3003") == ticket) is dry
    assert (told(connection) == []) is dry


@pytest.mark.parametrize(
    ("mode", "refusals", "forbidden", "advised"),
    [
        ("enforce", [SOFT], True, 0),
        ("advise", [SOFT], False, 1),
        ("off", [SOFT], False, 0),
        ("off", [SOFT, HARD], True, 0),
        ("advise", [HARD], True, 0),
        ("enforce", [], False, 0),
    ],
)
def test_a_rule_stands_as_its_mode_says(
    connection: Connection, mode: str, refusals: list[Rule], forbidden: bool, advised: int
) -> None:
    work = Work(connection, ADA, mode)  # pyright: ignore[reportArgumentType]
    standing = [Refusal(rule, "It would.", "Ask a lead.") for rule in refusals]
    if forbidden:
        with pytest.raises(
            ToolError, match=r"It would\. Rule (soft|hard): Something is .* done\. Ask a lead\."
        ):
            work.require(standing)
    else:
        work.require(standing)
    assert len(work.advice) == advised


def test_every_state_can_be_reached_and_every_record_type_has_its_table() -> None:
    assert set(MACHINES) == set(TABLES)
    for machine in MACHINES.values():
        assert {after for nexts in machine.values() for after in nexts} <= set(machine)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 11, 16), True),
        (date(2026, 11, 15), False),
        (date(2026, 4, 6), False),  # Easter Monday
        (date(2026, 5, 14), False),  # Ascension
        (date(2026, 5, 25), False),  # Whit Monday
        (date(2026, 4, 27), False),  # King's Day
        (date(2025, 4, 26), False),  # ... a day earlier where it would be a Sunday
        (date(2025, 4, 28), True),
        (date(2026, 12, 25), False),
    ],
)
def test_working_days_are_those_of_the_netherlands(day: date, works: bool) -> None:
    assert clock.is_working_day(day) is works


@given(st.dates(date(2020, 1, 1), date(2040, 1, 1)), st.integers(0, 60))
def test_working_days_are_counted_as_they_are_added(start: date, days: int) -> None:
    end = clock.add_working_days(start, days)
    assert clock.working_days_between(start, end) == days
    assert days == 0 or clock.is_working_day(end)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)))  # noqa: DTZ001 -- as the database holds it
def test_instants_pass_through_the_database_unchanged(instant: datetime) -> None:
    known = clock.aware(instant)
    assert clock.stored(clock.local(known)) == instant
    assert clock.local(known) - known == timedelta(0)
    assert clock.local(known).astimezone(UTC) == known
