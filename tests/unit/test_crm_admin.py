"""An operator controls the world: its time, its moments, what has become of it, and whose it is."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, event, select

from tests import postgres
from tests.unit.crm_calls import DAMAGED, call_as, dump
from toolservers.crm import worlds
from toolservers.crm.actor import Actor
from toolservers.crm.desk import Desk
from toolservers.crm.kinds import ADMIN, PREFIXES
from toolservers.crm.machines import may_become
from toolservers.crm.packs.pack import rows
from toolservers.crm.packs.tiny import PACK
from toolservers.crm.passing import advance, later
from toolservers.crm.references import TABLES
from toolservers.crm.storage.database import open_world
from toolservers.crm.storage.moments import snapshots_of
from toolservers.crm.tools import Settings, server
from toolservers.crm.work import Work
from toolservers.crm.world.difference import difference
from toolservers.crm.world.tables import customers, events, metadata, orders, shipments
from toolservers.crm.worlds import file_name
from toolward.errors import ConfigurationError, Denied, UnknownTool
from toolward.kit.command import run
from toolward.store import WRITES, read_transaction, write_transaction
from toolward.types import Principal, ToolResult

OPS = Principal("ops", roles=("operator",))
ADA = Principal("ada", roles=("support",))


async def ask(tool: str, /, key: str = "", by: Principal = OPS, **arguments: Any) -> Any:
    result: ToolResult = await call_as(by, tool, key, arguments)
    return result.text if result.is_error else result.structured


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "crm.db"


@pytest.fixture
async def crm(database: Path) -> AsyncGenerator[None, None]:
    async with server.running(Settings(database, admin=True)):
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
async def anywhere(request: pytest.FixtureRequest, database: Path) -> AsyncGenerator[None, None]:
    where = database if request.param == "sqlite" else postgres.fresh(postgres.tiny_world())
    async with server.running(Settings(where, admin=True)):
        yield


# Whose it is to control


async def test_admin_tools_are_there_only_while_a_server_has_them_and_cost_little(database: Path) -> None:
    async with server.running(Settings(database)):
        names = {tool.name for tool in (await server.list_tools(OPS)).tools}
        assert not names & set(ADMIN)
        with pytest.raises(UnknownTool):
            await ask("reset_world")
    async with server.running(Settings(database, admin=True)):
        tools = [tool for tool in (await server.list_tools(OPS)).tools if tool.name in ADMIN]
        assert [tool.name for tool in tools] == list(ADMIN)
        shown = [
            {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
            for tool in tools
        ]
        assert len(msgspec.json.encode(shown)) / 4 < 1_500
    assert not {tool.name for tool in (await server.list_tools(OPS)).tools} & set(ADMIN)


@pytest.mark.parametrize("roles", [(), ("support",), ("support-lead", "finance"), ("customer", "operator")])
async def test_nobody_else_controls_the_world(crm: None, database: Path, roles: tuple[str, ...]) -> None:
    before = dump(database)
    by = Principal("CUS-2004", roles=roles)
    wishes: dict[str, dict[str, Any]] = {
        "advance_clock": {"days": 1},
        "inject_fault": {"kind": "latency", "milliseconds": 1},
        "save_snapshot": {"name": "s"},
        "restore_snapshot": {"name": "s"},
    }
    for name in ADMIN:
        with pytest.raises(Denied, match="an operator's"):
            await call_as(by, name, "", wishes.get(name, {}))
    assert [row for row in dump(database) if "toolward_keys" not in row] == before


def files_in(folder: Path) -> set[str]:
    """Without those that SQLite writes beside a database."""
    return {path.name.removesuffix("-wal").removesuffix("-shm") for path in folder.rglob("*")}


# Moments


async def test_a_moment_that_was_kept_comes_back_with_the_keys_of_that_time(anywhere: None) -> None:
    early = await ask("refund_payment", key="early", **DAMAGED)
    assert (await ask("save_snapshot", name="after-one"))["now"] == "2026-11-16T09:00:00Z"
    late = await ask("refund_payment", key="late", **DAMAGED)
    assert (early["refund_id"], late["refund_id"]) == ("REF-9004", "REF-9005")
    restored = await ask("restore_snapshot", key="back", name="after-one")
    assert restored["name"] == "after-one"
    assert (await ask("diff_world", since="after-one"))["count"] == 0
    assert await ask("refund_payment", key="early", **DAMAGED) == early, "its effect is there"
    assert (await ask("diff_world", since="after-one"))["count"] == 0
    assert (await ask("refund_payment", key="late", **DAMAGED))["refund_id"] == "REF-9005", (
        "its effect was not"
    )
    assert await ask("restore_snapshot", key="back", name="after-one") == restored, (
        "a repeat restores nothing"
    )
    assert (await ask("diff_world", since="after-one"))["added"]["refunds"].keys() == {"REF-9005"}


async def test_a_reset_is_the_beginning_again(anywhere: None) -> None:
    await ask("save_snapshot", name="new")
    await ask("refund_payment", key="k", **DAMAGED)
    await ask("add_ticket_message", ticket_id="TCK-3003", body="On its way.")
    changed = await ask("diff_world")
    assert changed["changed"]["payments"] == {
        "PAY-5007": {
            "refunded_minor": [0, 1272],
            "status": ["captured", "partially_refunded"],
            "version": [1, 2],
        }
    } | {"PAY-5007": changed["changed"]["payments"]["PAY-5007"]}
    assert changed["added"]["messages"]["TCK-3003/3"]["body"] == "On its way."
    bounded = await ask("diff_world", limit=1)
    assert (bounded["count"], bounded["left_out"]) == (changed["count"], changed["count"] - 1)
    assert (await ask("reset_world"))["pack"] == "tiny"
    assert (await ask("diff_world"))["count"] == 0
    assert (await ask("diff_world", since="new"))["count"] == 0
    assert (await ask("list_events"))["events"] == []
    assert (await ask("refund_payment", key="k", **DAMAGED))["refund_id"] == "REF-9004"
    assert "There is no pack" in await ask("reset_world", pack="huge")


async def test_a_reset_in_the_middle_of_a_transaction_waits_for_it_and_holds(
    crm: None, database: Path
) -> None:
    """Another program has begun to write; whatever it does is there before the reset, and gone after it."""
    other = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE tickets SET priority = 'low'")
    resetting = asyncio.create_task(ask("reset_world"))
    seen = await ask("get_record", by=ADA, record_id="TCK-3005")
    assert seen["priority"] == "high"
    assert not resetting.done()
    await asyncio.to_thread(other.execute, "COMMIT")
    other.close()
    assert (await resetting)["pack"] == "tiny"
    assert (await ask("diff_world"))["count"] == 0


async def test_a_read_that_is_stale_misses_a_restore(anywhere: None) -> None:
    await ask("save_snapshot", name="start")
    await ask("refund_payment", **DAMAGED)
    await ask("inject_fault", kind="stale_read", tool="get_record")
    await ask("restore_snapshot", name="start")
    seen = [(await ask("get_record", record_id="PAY-5007"))["refunded"]["amount_minor"] for _ in range(2)]
    assert seen == [1272, 0]


async def test_a_moment_in_postgresql_stays_though_nobody_reads_it() -> None:
    desk = await Desk.open(postgres.fresh(postgres.tiny_world()), "tiny", 0, "enforce")
    moment = await desk.moment()
    asked = "SHOW idle_in_transaction_session_timeout"
    assert await moment.read(lambda connection: connection.exec_driver_sql(asked).scalar()) == "0"
    moment.close()
    await desk.close()


async def test_many_changes_and_a_restore_at_once_leave_a_world_that_could_be(anywhere: None) -> None:
    await ask("save_snapshot", name="start")
    small: dict[str, Any] = DAMAGED | {"amount_minor": 100}
    changes = [ask("refund_payment", key=f"k{n}", **small) for n in range(24)]
    await asyncio.gather(*changes[:12], ask("restore_snapshot", name="start"), *changes[12:])
    payment = await ask("get_record", record_id="PAY-5007")
    refunds = [refund["amount"]["amount_minor"] for refund in payment["refunds"]]
    assert payment["refunded"]["amount_minor"] == sum(refunds) == 100 * len(refunds)
    seqs = [event["seq"] for event in (await ask("list_events", limit=200))["events"]]
    assert seqs == sorted(set(seqs))


@pytest.mark.parametrize("name", ["", "../up", "Big", "a/b", ".hidden", "nul\0"])
async def test_a_name_leads_nowhere_else(crm: None, tmp_path: Path, name: str) -> None:
    for tool in ("save_snapshot", "restore_snapshot"):
        assert "cannot be a snapshot's name" in await ask(tool, name=name)
    assert files_in(tmp_path) == {"crm.db"}


async def test_a_snapshot_is_private_and_replaced_only_when_that_is_said(crm: None, tmp_path: Path) -> None:
    await ask("save_snapshot", name="s")
    kept = tmp_path / "crm.db.snapshots" / "s.db"
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "There is a snapshot s already" in await ask("save_snapshot", name="s")
    assert (await ask("save_snapshot", name="s", replace=True))["name"] == "s"
    assert "There is no snapshot named t. There are: s." in await ask("restore_snapshot", name="t")
    kept.write_bytes(b"no database at all, but long enough to look like one")
    assert "cannot be read" in await ask("restore_snapshot", name="s")
    assert (await ask("diff_world"))["count"] == 0


async def test_a_snapshot_in_postgresql_is_replaced_only_when_that_is_said_and_some_are_refused() -> None:
    import psycopg

    where = postgres.fresh(postgres.tiny_world())
    async with server.running(Settings(where, admin=True)):
        await ask("save_snapshot", name="s-1")
        assert "There is a snapshot s-1 already" in await ask("save_snapshot", name="s-1")
        assert (await ask("save_snapshot", name="s-1", replace=True))["name"] == "s-1"
        for tool in ("save_snapshot", "restore_snapshot"):
            assert "cannot be a snapshot's name" in await ask(tool, name='"; DROP')
        assert "There is no snapshot named t. There are: s-1." in await ask("restore_snapshot", name="t")
        assert "A seed is 0 to" in await ask("reset_world", seed=2**31)
        with psycopg.connect(where) as connection:
            connection.execute('ALTER TABLE "toolward_snapshot_s-1".tickets DROP COLUMN title')
        assert "made by another version" in await ask("restore_snapshot", name="s-1")
        assert "made by another version" in await ask("diff_world", since="s-1")
        assert (await ask("diff_world"))["count"] == 0
    with pytest.raises(ConfigurationError, match="in SQLite files only"):
        async with server.running(Settings(where, worlds="tenant")):
            raise AssertionError("it must not begin")


def test_a_restore_in_postgresql_holds_nobody_up_and_can_be_taken_back() -> None:
    writer = open_world(postgres.fresh(postgres.tiny_world()), "tiny", 0).execution_options(**{WRITES: True})
    kept = snapshots_of(writer)
    kept.save("start")
    one, other = customers.c.id == "CUS-2001", customers.c.id == "CUS-2002"

    def happen(connection: Connection) -> int:
        what = {"at": datetime(2026, 11, 16), "type": "x.y", "record_type": "x", "record_id": "X-1"}  # noqa: DTZ001
        row = {**what, "version": 1, "actor": "ada", "changes": "{}"}
        return connection.execute(events.insert().returning(events.c.seq), row).scalar_one()

    with write_transaction(writer) as connection:
        first, second = (
            connection.scalars(select(customers.c.email).where(who)).one() for who in (one, other)
        )
        for who, email in ((one, "x@example.org"), (other, first), (one, second)):
            connection.execute(customers.update().where(who).values(email=email))
        assert [happen(connection) for _ in range(3)] == [1, 2, 3]
    with write_transaction(writer) as connection:
        kept.restore(connection, "start")
        connection.rollback()
    with read_transaction(writer.execution_options(**{WRITES: False})) as reader:
        assert reader.scalars(select(customers.c.email).where(one)).one() == second
        with write_transaction(writer) as connection:
            assert happen(connection) > 3, "the numbers are as they were"
        with write_transaction(writer) as connection:
            kept.restore(connection, "start")
        assert len(reader.execute(select(events)).all()) == 3, "a moment stays what it was"
    with kept.kept("start").opened() as before, read_transaction(writer) as after:
        assert not difference(before, after)
    with write_transaction(writer) as connection:
        assert happen(connection) == 1
    writer.dispose()


# A world for each tenant


async def test_each_tenant_has_a_world_of_their_own(database: Path) -> None:
    async with server.running(Settings(database)):
        await call_as(ADA, "add_ticket_message", "", {"ticket_id": "TCK-3003", "body": "For all."})
    async with server.running(Settings(database, admin=True)):
        await ask("save_snapshot", name="shared")
    async with server.running(Settings(database, admin=True, worlds="tenant", worlds_from="shared")):
        red, blue = (Principal("ops", ("operator",), tenant) for tenant in ("red", "blue"))
        assert (await ask("refund_payment", key="k", by=red, **DAMAGED))["refund_id"] == "REF-9004"
        assert (await ask("refund_payment", key="k", by=blue, **DAMAGED))["refund_id"] == "REF-9004"
        await ask(
            "inject_fault", by=red, kind="error", tool="get_record", code="tool_error", message="Not now."
        )
        messages = (await ask("get_record", by=blue, record_id="TCK-3003"))["messages"]
        assert messages[-1]["body"] == "For all."
        assert await ask("get_record", by=red, record_id="TCK-3003") == "Not now."
        await ask("advance_clock", by=red, days=3)
        assert (await ask("list_events", by=blue))["events"][-1]["type"] == "payment.refunded"


async def test_worlds_are_closed_when_there_are_too_many_and_found_again(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worlds, "OPEN", 2)
    names = ["one", "two", "../../up", "ÄÖ", "a" * 200]
    async with server.running(Settings(database, admin=True, worlds="tenant")):
        for _ in range(2):
            await asyncio.gather(
                *(
                    ask("refund_payment", key="k", by=Principal("ops", ("operator",), name), **DAMAGED)
                    for name in names
                )
            )
        for name in names:
            found = await ask("diff_world", by=Principal("ops", ("operator",), name))
            assert found["added"]["refunds"].keys() == {"REF-9004"}
    files = {path.name for path in (database.parent / "crm.db.worlds").glob("[th]-*.db")}
    assert files == {f"{file_name(name)}.db" for name in names}


NAMES = st.text("aA0./-\\é\0", max_size=50)


@given(NAMES, NAMES)
def test_no_two_tenants_share_a_file_and_none_leads_elsewhere(one: str, other: str) -> None:
    assert (file_name(one).lower() == file_name(other).lower()) is (one == other)
    assert set(file_name(one)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


# Events


async def test_events_are_listed_from_where_one_was(crm: None) -> None:
    for n in range(3):
        await ask("add_ticket_message", by=ADA, ticket_id="TCK-3003", body=f"No. {n}")
    await ask("refund_payment", by=ADA, **DAMAGED)
    page = await ask("list_events", limit=2)
    assert [event["seq"] for event in page["events"]] == [1, 2]
    assert (page["next_after"], page["told"], page["set_aside"]) == (2, None, [])
    rest = await ask("list_events", after=2)
    assert rest["events"][0]["type"] == "ticket.message_added"
    assert rest["next_after"] is None
    assert {event["actor"] for event in rest["events"]} == {"ada"}
    assert {event["record_id"] for event in (await ask("list_events", record_id="tck-3003"))["events"]} == {
        "TCK-3003"
    }
    assert [e["type"] for e in (await ask("list_events", types=["refund.*", "%"]))["events"]] == [
        "refund.created"
    ]


# Time


async def test_time_goes_forward_only_and_days_are_those_of_amsterdam(crm: None) -> None:
    passed = await ask("advance_clock", to="2026-11-17T10:00:00")
    assert (passed["now"], passed["shop_time"]) == ("2026-11-17T09:00:00Z", "2026-11-17T10:00:00+01:00")
    refused: list[tuple[dict[str, Any], str]] = [
        ({"to": "2026-11-17T08:59:59Z"}, "time does not go back. To go back, restore a snapshot"),
        ({}, "Say how far"),
        ({"days": 1, "to": "2027-04-01T00:00:00Z"}, "Say how far"),
        ({"to": "2029-01-01T00:00:00Z"}, "At most 400 days pass at once"),
        ({"to": "9999-12-31T23:59:59Z"}, "At most 400 days pass at once"),
    ]
    for wrong, said in refused:
        assert said in await ask("advance_clock", **wrong)
    assert (await ask("list_events", after=10_000))["events"] == []


@pytest.mark.parametrize(
    ("was", "days", "hours", "now"),
    [
        ("2027-03-26T09:00:00Z", 4, 0, "2027-03-30T08:00:00Z"),  # the clocks go forward on the 28th
        ("2027-03-27T09:00:00Z", 0, 24, "2027-03-28T09:00:00Z"),
        (
            "2027-03-27T01:30:00Z",
            1,
            0,
            "2027-03-28T01:30:00Z",
        ),  # half past two is left out: it is half past three
        ("2027-10-30T08:00:00Z", 1, 0, "2027-10-31T09:00:00Z"),  # ... and back on the 31st of October
        ("2027-10-31T00:30:00Z", 0, 1, "2027-10-31T01:30:00Z"),  # half past two, twice
    ],
)
def test_a_day_ends_at_the_hour_at_which_it_began(was: str, days: int, hours: int, now: str) -> None:
    assert later(datetime.fromisoformat(was), days, hours, None) == datetime.fromisoformat(now)


async def test_what_is_due_happens_on_its_day(crm: None) -> None:
    today = await ask("advance_clock", hours=9)  # 19 h of 16 November
    assert today["happened"] == {
        "order.packed": 2,
        "order.shipped": 1,
        "payment.captured": 1,
        "shipment.created": 2,
        "shipment.shipped": 1,
        "ticket.closed": 1,
    }
    order = await ask("get_record", record_id="ORD-1016")
    assert (order["status"], order["payments"][0]["status"]) == ("shipped", "captured")
    await ask("advance_clock", days=3)
    late = await ask("get_record", record_id="ORD-1015")
    assert late["shipment"]["status"] == "in_transit"
    await ask("advance_clock", days=30)
    for number in (1013, 1014, 1015, 1016, 1017, 1018, 1019, 1022, 1025):
        order = await ask("get_record", record_id=f"ORD-{number}")
        assert (order["status"], order["shipment"]["status"]) == ("delivered", "delivered"), number
        assert order["delivered_on"] is not None
    events = await ask("list_events", types=["shipment.delayed"], limit=200)
    assert all(event["actor"] == "clock" for event in events["events"])
    (invoice,) = (await ask("get_record", record_id="ORD-1013"))["payments"]
    assert invoice["status"] == "captured"
    assert (await ask("get_record", record_id="TCK-3001"))["status"] == "closed"


def in_memory() -> Connection:
    engine = create_engine("sqlite://")

    @event.listens_for(engine, "connect")
    def ours(opened: Any, _record: object) -> None:  # pyright: ignore[reportUnusedFunction]
        opened.isolation_level = None

    metadata.create_all(engine)
    connection = engine.connect()
    for table, content in rows(PACK):
        if content:
            connection.execute(table.insert(), content)
    return connection


def advanced(connection: Connection, days: int) -> None:
    advance(Work(connection, Actor("ops"), "enforce"), days)


@given(st.lists(st.integers(1, 8), min_size=2, max_size=3))
@settings(max_examples=3, deadline=None)
def test_time_in_steps_is_time_at_once_and_no_history_leaves_its_machine(steps: list[int]) -> None:
    with in_memory() as stepped, in_memory() as at_once:
        for days in steps:
            advanced(stepped, days)
        advanced(at_once, sum(steps))
        assert not difference(stepped, at_once)
        assert contradictions(at_once) == []


def contradictions(connection: Connection) -> list[str]:
    """Of histories with the machines, and of records with their histories and with each other."""
    states: dict[str, str] = {}
    found: list[str] = []
    for row in connection.execute(select(events).order_by(events.c.seq)):
        before, after = json.loads(row.changes).get("status", [None, None])
        if after is None:
            continue
        if before is not None and not may_become(row.record_type, before, after):
            found.append(f"{row.record_id}: {before} -> {after}")
        if states.get(row.record_id, before) != before:
            found.append(f"{row.record_id} was {states[row.record_id]}, not {before}")
        states[row.record_id] = after
    for identity, state in states.items():
        table = next(
            one for name, one in TABLES.items() if PREFIXES[name] and identity.startswith(PREFIXES[name])
        )
        if connection.scalar(select(table.c.status).where(table.c.id == identity)) != state:
            found.append(f"{identity} is not {state}")
    apart = (
        select(orders.c.id)
        .join(shipments)
        .where(orders.c.status == "delivered", shipments.c.status != "delivered")
    )
    unpacked = select(orders.c.id).where(orders.c.status == "placed", orders.c.packed_on.is_not(None))
    return [*found, *connection.scalars(apart), *connection.scalars(unpacked)]


# From a shell


def shell(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    run(server, ["world", *words, "--json"])
    return json.loads(capsys.readouterr().out)


def test_the_world_is_controlled_from_a_shell(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ("--database", str(database))
    assert shell(capsys, "build", *at)["pack"] == "tiny"
    assert shell(capsys, "snapshot", "save", "start", *at)["name"] == "start"
    assert shell(capsys, "clock", "--days", "2", *at)["now"] == "2026-11-18T09:00:00Z"
    assert shell(capsys, "diff", "--since", "start", *at)["changed"]["world"]["1"].keys() == {"now"}
    assert shell(capsys, "events", "--type", "order.*", "--limit", "1", *at)["next_after"] is not None
    assert shell(capsys, "check", *at) == []
    assert len(shell(capsys, "digest", *at)["sha256"]) == 64
    assert [one["name"] for one in shell(capsys, "snapshot", "list", *at)] == ["start"]
    shell(capsys, "snapshot", "restore", "start", *at)
    assert shell(capsys, "diff", *at)["count"] == 0
    with pytest.raises(SystemExit) as refused:
        run(server, ["world", "build", *at])
    assert refused.value.code == 1
    assert "There is a world in" in capsys.readouterr().err
