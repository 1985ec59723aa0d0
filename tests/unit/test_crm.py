import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.crm_calls import ADA, call, dump
from toolservers.crm.desk import Desk
from toolservers.crm.kinds import PREFIXES
from toolservers.crm.machines import statuses
from toolservers.crm.money import money
from toolservers.crm.references import TABLES
from toolservers.crm.tools import Settings, server
from toolward.errors import ConfigurationError, InvalidArguments
from toolward.schema import Schema

READING = {"find_records", "get_record"}
ADDING = {"create_ticket", "update_ticket", "add_ticket_message", "create_return", "schedule_meeting"}
CHANGING = {
    "update_customer",
    "change_order",
    "refund_payment",
    "create_credit_memo",
    "change_subscription",
}


async def found(record_type: str, **arguments: Any) -> list[str]:
    result = await call("find_records", record_type=record_type, **arguments)
    return [record["id"] for record in result.structured["records"]]


def mode(database: Path) -> int:
    return database.stat().st_mode


def other_file(database: Path, content: str) -> bytes:
    """A text, or what an SQL script makes: the bytes of the file that now lies there."""
    database.parent.mkdir()
    if content.startswith("CREATE"):
        connection = sqlite3.connect(database)
        connection.executescript(content)
        connection.close()
    else:
        database.write_text(content)
    return database.read_bytes()


def content_of(database: Path) -> bytes:
    return database.read_bytes()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "crm.db"


@pytest.fixture
async def crm(database: Path) -> AsyncGenerator[None, None]:
    async with server.running(Settings(database)):
        yield


# The world


async def test_the_damaged_order_of_the_demo(crm: None) -> None:
    order = (await call("get_record", record_id="ORD-1007")).structured
    assert order["record_type"] == "order"
    assert order["status"] == "delivered"
    assert order["delivered_on"] == "2026-11-12"
    assert order["total"] == {"amount_minor": 8480, "currency": "EUR", "display": "84.80 EUR"}
    assert [line["title"] for line in order["lines"]] == [
        "Stoneware dinner set, 12 pieces",
        "Linen table runner",
        "Beeswax dinner candles, set of 4",
    ]
    assert order["lines"][0]["unit_price"]["amount_minor"] == 5990
    assert order["customer"]["email"] == "marta.lindqvist@example.org"
    assert [payment["id"] for payment in order["payments"]] == ["PAY-5007"]
    assert order["shipment"]["carrier"] == "Swiftpost"
    assert order["refunds"] == []
    (ticket_id,) = order["tickets"]
    ticket = (await call("get_record", record_id=ticket_id)).structured
    assert (ticket["status"], ticket["order_id"]) == ("open", "ORD-1007")
    assert "broken" in ticket["messages"][0]["body"]


async def test_two_fresh_databases_hold_the_same(tmp_path: Path) -> None:
    for name in ("one.db", "two.db"):
        async with server.running(Settings(tmp_path / name)):
            pass
    assert dump(tmp_path / "one.db") == dump(tmp_path / "two.db")


async def test_the_world_is_whole_and_contradicts_itself_nowhere(crm: None, database: Path) -> None:
    sums = {"customers": 12, "orders": 25, "tickets": 8, "products": 15, "payments": 26}
    contradictions = {
        "totals": """SELECT id FROM orders WHERE total_minor != shipping_minor + (SELECT
            sum(quantity * unit_price_minor) FROM order_lines WHERE order_id = orders.id)""",
        "payments": """SELECT p.id FROM payments p JOIN orders o ON o.id = p.order_id WHERE
            (p.amount_minor, p.currency, p.customer_id) != (o.total_minor, o.currency, o.customer_id)""",
        "refunds": """SELECT id FROM payments WHERE refunded_minor != coalesce((SELECT sum(amount_minor)
            FROM refunds WHERE payment_id = payments.id), 0) OR (status = 'refunded') !=
            (refunded_minor = amount_minor) OR (status = 'partially_refunded') !=
            (refunded_minor BETWEEN 1 AND amount_minor - 1)""",
        "dates": """SELECT o.id FROM orders o LEFT JOIN shipments s ON s.order_id = o.id WHERE
            s.shipped_on < o.ordered_on OR o.delivered_on < s.shipped_on OR o.delivered_on > '2026-11-16'
            OR s.promised_on <= o.ordered_on OR s.shipped_on > '2026-11-16'""",
        "late": """SELECT order_id FROM shipments WHERE status = 'in_transit' AND promised_on < '2026-11-16'
            OR status = 'delayed' AND promised_on >= '2026-11-16'""",
        "delivered": "SELECT id FROM orders WHERE (status IN ('delivered', 'returned')) != (delivered_on NOT NULL)",
        "tickets": """SELECT t.id FROM tickets t JOIN orders o ON o.id = t.order_id
            WHERE o.customer_id != t.customer_id""",
        "dangling": "SELECT * FROM pragma_foreign_key_check",
    }
    connection = sqlite3.connect(database)
    try:
        for table, count in sums.items():
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (count,)
        for rule, query in contradictions.items():
            assert connection.execute(query).fetchall() == [], rule
        for record_type, table in TABLES.items():
            if "status" in table.c:
                used = {row[0] for row in connection.execute(f"SELECT DISTINCT status FROM {table.name}")}
                assert used <= set(statuses(record_type))
    finally:
        connection.close()


async def test_the_file_is_for_its_owner_only(crm: None, database: Path) -> None:
    assert mode(database) & 0o077 == 0


async def test_several_that_open_one_new_file_at_once_fill_it_once(database: Path) -> None:
    desks = await asyncio.gather(*(Desk.open(database, "tiny", 0, "enforce") for _ in range(4)))
    orders = Desk.wanted("order", "", None, None, [], "", [], 1, "")
    assert [(await desk.see(ADA, desk.find_records, orders)).total for desk in desks] == [25] * 4
    for desk in desks:
        await desk.close()


# Finding


@pytest.mark.parametrize(
    ("record_type", "arguments", "expected"),
    [
        ("customer", {"query": "jonas weber"}, ["CUS-2003", "CUS-2002"]),
        ("customer", {"query": "ASA NYSTROM"}, ["CUS-2010"]),
        ("customer", {"query": "j.weber@example.net"}, ["CUS-2003"]),
        ("customer", {"status": "closed"}, ["CUS-2010"]),
        ("order", {"query": "#ORD-1007"}, ["ORD-1007"]),
        ("order", {"query": "lindqvist dinner set"}, ["ORD-1007"]),
        ("order", {"status": "packed"}, ["ORD-1016"]),
        ("order", {"customer_id": "marta.lindqvist@example.org"}, ["ORD-1007", "ORD-1020"]),
        ("order", {"customer_id": "CUS-2008", "status": "shipped"}, ["ORD-1013"]),
        ("payment", {"query": "ORD-1011"}, ["PAY-5011", "PAY-5026"]),
        ("payment", {"status": "disputed"}, ["PAY-5009"]),
        ("ticket", {"query": "single sign-on"}, ["TCK-3007"]),
        ("ticket", {"query": "damaged", "status": "open"}, ["TCK-3003"]),
        ("product", {"query": "kettle"}, ["PRD-7004"]),
        ("product", {"query": "100%_"}, []),
        ("customer", {"query": "example.net weber"}, ["CUS-2003"]),
        ("customer", {"query": "ORD-1007"}, ["CUS-2004"]),
        ("order", {"query": "marta.lindqvist@example.org PRD-7002"}, ["ORD-1007"]),
        ("order", {"filters": ["city~koln"], "sort": "-total_minor"}, ["ORD-1004", "ORD-1017"]),
        ("shipment", {"query": "ORD-1007"}, ["SHP-6007"]),
        ("refund", {"customer_id": "CUS-2004"}, ["REF-9002"]),
        ("subscription", {"query": "weber"}, []),
        ("service_level", {"query": "scale"}, ["SLA-2"]),
        ("team", {"query": "left"}, ["warehouse"]),
    ],
)
async def test_records_are_found(
    crm: None, record_type: str, arguments: dict[str, Any], expected: list[str]
) -> None:
    assert await found(record_type, **arguments) == expected


async def test_a_list_is_newest_first_bounded_and_says_the_total(crm: None) -> None:
    result = (await call("find_records", record_type="order", limit=3)).structured
    assert [record["id"] for record in result["records"]] == ["ORD-1025", "ORD-1017", "ORD-1018"]
    assert result["total"] == 25
    assert result["records"][0] == {
        "record_type": "order",
        "id": "ORD-1025",
        "title": "Siobhán Byrne: Stoneware dinner set, 12 pieces",
        "status": "placed",
        "customer_id": "CUS-2006",
        "on": "2026-11-16",
        "amount": {"amount_minor": 13890, "currency": "EUR", "display": "138.90 EUR"},
        "fields": None,
    }


async def test_finding_nothing_is_no_error_and_says_what_to_try(crm: None) -> None:
    result = await call("find_records", record_type="ticket", query="zeppelin")
    assert not result.is_error
    assert result.structured == {
        "records": [],
        "total": 0,
        "next_cursor": "",
        "note": "No ticket fits. Use fewer words or filters.",
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"record_type": "order", "status": "open"}, "There are: placed, packed, shipped"),
        ({"record_type": "product", "customer_id": "CUS-2004"}, "belong to no customer"),
        (
            {"record_type": "order", "customer_id": "CUS-2099"},
            "There is no customer CUS-2099. The nearest: CUS-20",
        ),
        ({"record_type": "order", "customer_id": "ORD-1007"}, "type order, not customer"),
    ],
)
async def test_a_filter_that_cannot_fit_is_refused(crm: None, arguments: dict[str, Any], said: str) -> None:
    result = await call("find_records", **arguments)
    assert result.is_error
    assert said in result.text


@pytest.mark.parametrize("arguments", [{"record_type": "invoice"}, {"record_type": "order", "limit": 101}])
async def test_arguments_outside_the_schema_are_refused(crm: None, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments):
        await call("find_records", **arguments)


# Reading


@pytest.mark.parametrize(
    ("record_id", "record_type", "expected"),
    [
        ("ORD-1007", None, "ORD-1007"),
        (" ord-1007 ", None, "ORD-1007"),
        ("#1007", None, "ORD-1007"),
        ("1007", "order", "ORD-1007"),
        ("5007", "payment", "PAY-5007"),
        ("TCK3003", "ticket", "TCK-3003"),
        ("Marta.Lindqvist@Example.org", None, "CUS-2004"),
        ("prd-7001", None, "PRD-7001"),
        ("Marta Lindqvist <marta.lindqvist@example.org>", None, "CUS-2004"),
        ("https://fernhill.example/orders/ORD-1007/items?tab=2#3", None, "ORD-1007"),
        ("https://fernhill.example/customers/CUS-2004/orders/1007", None, "ORD-1007"),
        ("https://fernhill.example/tickets/TCK-3003/messages/7", None, "TCK-3003"),
        ("https://fernhill.example/customers?email=marta.lindqvist%40example.org", None, "CUS-2004"),
        ("https://fernhill.example/app#/products/prd-7001", None, "PRD-7001"),
    ],
)
async def test_a_record_is_known_by_several_names(
    crm: None, record_id: str, record_type: str | None, expected: str
) -> None:
    result = await call("get_record", record_id=record_id, record_type=record_type)
    assert result.structured["id"] == expected


@pytest.mark.parametrize(
    ("record_id", "record_type", "said"),
    [
        ("ORD-1099", None, "There is no order ORD-1099. The nearest: ORD-10"),
        ("marta.lindquist@example.org", None, "no customer marta.lindquist@example.org. Use find_records"),
        ("PRD-1", None, "There is no product PRD-1. The nearest: PRD-7"),
        ("INV-1007", None, "No kind of record has ids like 'INV-1007'. Ids look like ORD-1007"),
        ("Marta Lindqvist", None, "is not an id"),
        ("", None, "is not an id"),
        ("PAY-5007", "order", "names a record of type payment, not order"),
        ("marta.lindqvist@example.org", "order", "names a record of type customer, not order"),
    ],
)
async def test_what_is_no_record_is_refused_with_a_way_on(
    crm: None, record_id: str, record_type: str | None, said: str
) -> None:
    result = await call("get_record", record_id=record_id, record_type=record_type)
    assert result.is_error
    assert said in result.text


async def test_an_enormous_id_is_refused_in_few_words(crm: None) -> None:
    result = await call("get_record", record_id="x" * 1_000_000 + "@example.org")
    assert result.is_error
    assert len(result.text) < 300


async def test_a_customer_comes_with_orders_and_tickets(crm: None) -> None:
    customer = (await call("get_record", record_id="CUS-2008")).structured
    assert (customer["company"], customer["plan"]) == ("Café Zonneweide", "Team")
    assert [order["id"] for order in customer["orders"]] == ["ORD-1013", "ORD-1012"]
    assert [ticket["id"] for ticket in customer["tickets"]] == ["TCK-3005", "TCK-3008"]


async def test_an_order_shows_failed_attempts_refunds_and_other_currencies(crm: None) -> None:
    retried = (await call("get_record", record_id="ORD-1011")).structured
    assert [p["status"] for p in retried["payments"]] == ["captured", "failed"]
    returned = (await call("get_record", record_id="ORD-1003")).structured
    assert returned["refunds"][0]["amount"]["display"] == "41.60 EUR"
    british = (await call("get_record", record_id="ORD-1010")).structured
    assert british["total"]["display"] == "34.90 GBP"
    assert (await call("get_record", record_id="ORD-1017")).structured["shipment"] is None


async def test_every_record_keeps_its_output_schema(crm: None) -> None:
    schemas = {tool.name: tool.output_schema or {} for tool in (await server.list_tools(ADA)).tools}
    record, listing = Schema(schemas["get_record"], "record"), Schema(schemas["find_records"], "listing")
    for record_type in PREFIXES:
        listed = await call("find_records", record_type=record_type, limit=100)
        assert listing.violations(listed.structured) == ()
        for summary in listed.structured["records"]:
            read = (await call("get_record", record_id=summary["id"], record_type=record_type)).structured
            assert record.violations(read) == ()
            assert (read["record_type"], read["id"]) == (record_type, summary["id"])


# The file and the tool list


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a shopping list, " * 100, r"crm\.db cannot be opened: the file is not an SQLite database"),
        ("CREATE TABLE recipes (name)", "is not a CRM database; it was left as it is"),
        (
            "CREATE TABLE world (layout); INSERT INTO world VALUES (99)",
            "has layout 99, and this program knows",
        ),
    ],
)
async def test_somebody_elses_file_is_named_and_left_alone(database: Path, content: str, said: str) -> None:
    before = other_file(database, content)
    with pytest.raises(ConfigurationError, match=said):
        async with server.running(Settings(database)):
            pass
    assert content_of(database) == before


async def test_a_folder_where_the_file_should_be_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        async with server.running(Settings(tmp_path)):
            pass


def test_the_database_lies_in_the_home_that_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLWARD_HOME", str(tmp_path))
    assert Settings().database == tmp_path / "crm.db"
    monkeypatch.delenv("TOOLWARD_HOME")
    assert Path(Settings().database).parts[-2:] == ("toolward", "crm.db")


async def test_the_tool_list_is_short_enough_for_a_model() -> None:
    tools = (await server.list_tools(ADA)).tools
    assert {tool.name for tool in tools} == READING | ADDING | CHANGING
    sent = sum(len(t.name + t.description) + len(msgspec.json.encode(t.input_schema)) for t in tools)
    assert sent / 4 < 2_500
    hints = {tool.name: tool.annotations or {} for tool in tools}
    assert {name for name in hints if hints[name]["readOnlyHint"]} == READING
    assert {name for name in hints if hints[name].get("destructiveHint")} == CHANGING


@pytest.mark.parametrize(
    ("amount_minor", "currency", "display"),
    [
        (8480, "EUR", "84.80 EUR"),
        (5, "EUR", "0.05 EUR"),
        (-1272, "GBP", "-12.72 GBP"),
        (1200, "JPY", "1200 JPY"),
    ],
)
def test_money_shows_in_its_currencys_units(amount_minor: int, currency: str, display: str) -> None:
    assert money(amount_minor, currency).display == display
