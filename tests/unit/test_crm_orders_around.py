"""What holds of change_order whatever is changed: dry runs, modes, versions, and what an order shows."""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from tests.unit.crm_calls import call, dump
from tests.unit.crm_order_world import (
    ADA,
    WORLD,
    changed,
    parcel,
    seen,
)
from tests.unit.crm_worlds import filled, undone
from toolservers.crm.actor import Actor
from toolservers.crm.changes.refunding import expected_on, give_back
from toolservers.crm.kinds import OrderChange, RuleMode
from toolservers.crm.packs.pack import rows
from toolservers.crm.rules import order_contents, orders
from toolservers.crm.rules.rule import Rule
from toolservers.crm.tools import Settings, server
from toolservers.crm.work import Work
from toolservers.crm.world.tables import events
from toolward.errors import Internal, ToolError


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Generator[Connection]:
    with filled(tmp_path_factory.mktemp("orders") / "crm.db", WORLD) as connection:
        yield connection


@pytest.fixture
def connection(once: Connection) -> Generator[Connection]:
    with undone(once):
        yield once


# Around all of them


@pytest.mark.parametrize(
    ("order_id", "change", "wish"),
    [
        ("ORD-1027", "cancel", {}),
        ("ORD-1018", "items", {"items": {"PRD-7012": 1}}),
        ("ORD-1018", "items", {"items": {"PRD-7007": 2}}),
        ("ORD-1015", "address", {"country": "Italy"}),
        ("ORD-1017", "payment", {"method": "iDEAL"}),
    ],
)
def test_a_dry_run_shows_what_would_be_and_keeps_nothing(
    connection: Connection, order_id: str, change: OrderChange, wish: dict[str, Any]
) -> None:
    before = _content(connection)
    shown = changed(connection, order_id, change, dry_run=True, **wish)
    assert _content(connection) == before
    done = changed(connection, order_id, change, **wish)
    assert (shown.dry_run, shown.version, done.version) == (True, 1, 2)
    assert (shown.changes, shown.status) == (done.changes, done.status)
    assert shown.says == f"Nothing is changed yet. {done.says}"


def _content(connection: Connection) -> list[Any]:
    tables = {table for table, _ in rows(WORLD)} | {events}
    return [connection.execute(select(table)).all() for table in sorted(tables, key=lambda table: table.name)]


@pytest.mark.parametrize("mode", ["advise", "off"])
def test_a_guardrail_is_told_or_off_and_what_keeps_the_books_holds(
    connection: Connection, mode: RuleMode
) -> None:
    done = changed(connection, "ORD-1016", "cancel", mode=mode)
    assert done.status == "cancelled"
    assert [text.partition("Rule ")[2][:17] for text in done.advice] == ["packed-until-17-h"] * (
        mode == "advise"
    )
    assert changed(connection, "ORD-1017", "address", country="Austria", mode=mode).version == 2
    for order_id in ("ORD-1015", "ORD-1032"):
        with pytest.raises(ToolError, match="Rule"):
            changed(connection, order_id, "cancel", mode=mode)
    with pytest.raises(ToolError, match="Rule address-before-delivery"):
        changed(connection, "ORD-1007", "address", country="Sweden", mode=mode)
    with pytest.raises(ToolError, match="Rule in-stock"):
        changed(connection, "ORD-1017", "items", items={"PRD-7010": 90}, mode=mode)


def test_a_customer_changes_their_own_orders_only(connection: Connection) -> None:
    jonas = Actor("CUS-2002", frozenset({"customer"}), "CUS-2002")
    with pytest.raises(ToolError, match=r"There is no order ORD-1018\."):
        changed(connection, "ORD-1018", "cancel", by=jonas)
    assert changed(connection, "ORD-1017", "cancel", by=jonas).status == "cancelled"


@pytest.mark.parametrize(
    ("change", "wish", "said"),
    [
        ("cancel", {"items": {"PRD-7010": 2}}, "`items` does not belong to change cancel"),
        ("items", {"method": "Visa"}, "`payment_method` does not belong to change items"),
        ("payment", {"country": "Germany"}, "`address` does not belong to change payment"),
        ("address", {}, "change address needs `address`"),
    ],
)
def test_one_change_at_a_time(
    connection: Connection, change: OrderChange, wish: dict[str, Any], said: str
) -> None:
    with pytest.raises(ToolError, match=said):
        changed(connection, "ORD-1017", change, **wish)


def test_an_order_shows_all_that_belongs_to_it(connection: Connection) -> None:
    connection.exec_driver_sql(
        "INSERT INTO shipments SELECT 'SHP-7000', status, customer_id, order_id, carrier, service, 'SW1',"
        " shipped_on, promised_on, delivered_on, expected_on, last_scan, redirected, street, postcode,"
        " city, country, '', 1"
        " FROM shipments WHERE id = 'SHP-6015'"
    )
    order = seen(connection, "ORD-1015")
    assert (order.service, order.payment_method, order.promised_on) == (
        "standard",
        "Visa",
        date(2026, 11, 20),
    )
    assert [one.id for one in (order.shipment, *order.more_shipments) if one] == ["SHP-6015", "SHP-7000"]
    assert order.tickets == ["TCK-3004"]
    assert {one.action: one.allowed for one in order.allowed_actions} == {
        "change_order: cancel": False,
        "change_order: address": True,
        "change_order: items": False,
        "change_order: payment": False,
        "create_return": False,
        "create_credit_memo: service_level": False,
        "create_credit_memo: delay": False,
        "create_credit_memo: goodwill": True,
        "create_credit_memo: price_match": True,
    }
    changed(connection, "ORD-1015", "address", country="Italy")
    assert parcel(connection, "SHP-7000").redirected  # both go there
    assert parcel(connection, "SHP-6013").working_days_late == 2


@pytest.mark.parametrize(
    ("method", "day"),
    [
        ("PayPal", 16),
        ("iDEAL", 18),
        ("Bancontact", 18),
        ("Visa", 23),
        ("Mastercard", 23),
        ("bank transfer", 25),
    ],
)
def test_a_refund_is_there_when_the_knowledge_base_says(method: str, day: int) -> None:
    assert expected_on(method, date(2026, 11, 16)) == date(2026, 11, day)


@pytest.mark.parametrize("amount", [0, -1, 3_691])
def test_nothing_is_given_back_that_was_not_paid(connection: Connection, amount: int) -> None:
    work = Work(connection, ADA, "off")
    with pytest.raises(Internal):
        give_back(work, work.row("PAY-5027"), amount, "goodwill", "No.")


def test_every_rule_stands_on_words_of_its_page() -> None:
    pages = Path("toolservers/search/knowledge")
    rules = [
        one for module in (orders, order_contents) for one in vars(module).values() if isinstance(one, Rule)
    ]
    assert len({rule.id for rule in rules}) == len(rules)
    for rule in rules:
        page = " ".join((pages / f"{rule.document}.md").read_text("utf-8").split())
        assert all(quote in page for quote in rule.quotes), rule.id


# Through the server


@pytest.fixture
async def crm(tmp_path: Path) -> AsyncGenerator[Path, None]:
    async with server.running(Settings(tmp_path / "crm.db")):
        yield tmp_path / "crm.db"


async def test_of_two_who_read_the_same_version_one_changes_it(crm: Path) -> None:
    wishes: list[dict[str, Any]] = [
        {"change": "cancel"},
        {"change": "payment", "payment_method": "iDEAL"},
        {"change": "items", "items": [{"product_id": "PRD-7010", "quantity": 3}]},
    ]
    results = await asyncio.gather(
        *(call("change_order", order_id="ORD-1017", expected_version=1, **wish) for wish in wishes)
    )
    refused = [result.text for result in results if result.is_error]
    assert len(refused) == 2
    assert all("ORD-1017 has version 2, and version 1 was expected" in text for text in refused)
    record = (await call("get_record", record_id="ORD-1017")).structured
    assert record["version"] == 2


async def test_a_dry_run_leaves_the_file_as_it_was(crm: Path) -> None:
    before = dump(crm)
    shown = await call("change_order", order_id="ORD-1018", change="cancel", dry_run=True)
    assert shown.structured["dry_run"] is True
    assert [line for line in dump(crm) if "toolward_keys" not in line] == before
    assert json.loads(shown.text)["status"] == "cancelled"
