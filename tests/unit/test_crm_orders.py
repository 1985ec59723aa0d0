"""Orders as change_order leaves them: cancelled, sent elsewhere, filled otherwise, paid otherwise, or refused."""

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
    ELSEWHERE,
    WORLD,
    changed,
    moved,
    parcel,
    seen,
    set_clock,
)
from tests.unit.crm_worlds import filled, undone
from toolservers.crm.actor import Actor
from toolservers.crm.changes.refunding import expected_on, give_back
from toolservers.crm.kinds import OrderChange, RuleMode
from toolservers.crm.packs.pack import rows
from toolservers.crm.records import Address
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


# Cancelling


def test_a_cancelled_order_gives_everything_back_at_once(connection: Connection) -> None:
    changes = changed(connection, "ORD-1027", "cancel")
    assert moved(changes) == {
        "SHP-6027.status": ("label_created", "stopped"),
        "PRD-7012.stock": (60, 61),
        "PAY-5027.refunded_minor": (0, 3_690),
        "PAY-5027.status": ("captured", "refunded"),
        "status": ("packed", "cancelled"),
    }
    assert "36.90 EUR of PAY-5027 go back by PayPal (REF-9004, with the bank by 2026-11-16)." in changes.says
    order = seen(connection, "ORD-1027")
    assert (order.status, order.version, changes.version) == ("cancelled", 2, 2)
    assert [(refund.amount.display, refund.reason) for refund in order.refunds] == [
        ("36.90 EUR", "ORD-1027 was cancelled.")
    ]
    told = connection.execute(select(events.c.type, events.c.record_id).order_by(events.c.seq)).all()
    assert [tuple(row) for row in told] == [
        ("shipment.stopped", "SHP-6027"),
        ("product.stock_changed", "PRD-7012"),
        ("refund.created", "REF-9004"),
        ("payment.refunded", "PAY-5027"),
        ("order.cancelled", "ORD-1027"),
    ]


def test_a_pending_authorisation_is_released_and_what_was_sold_out_is_there_again(
    connection: Connection,
) -> None:
    changed(connection, "ORD-1037", "items", items={"PRD-7009": 32})
    assert moved(changes := changed(connection, "ORD-1037", "cancel"))["PRD-7009.status"] == (
        "out_of_stock",
        "available",
    )
    assert moved(changes)["PRD-7009.stock"] == (0, 32)
    assert moved(changed(connection, "ORD-1017", "cancel"))["PAY-5017.status"] == ("pending", "released")


@pytest.mark.parametrize(
    ("order_id", "clock", "said"),
    [
        ("ORD-1015", (), "ORD-1015 left on 2026-11-11. Rule cancel-before-shipping"),
        ("ORD-1015", (), "refuse the parcel at the door"),
        (
            "ORD-1007",
            (),
            "was delivered on 2026-11-12. Rule cancel-before-shipping: An order can be cancelled",
        ),
        ("ORD-1007", (), "create_return"),
        ("ORD-1020", (), "was cancelled on 2026-10-20."),
        ("ORD-1003", (), "has come back to us"),
        ("ORD-1016", (), "was packed on 2026-11-13. Rule packed-until-17-h"),
        (
            "ORD-1027",
            (16, 16),
            "was packed on 2026-11-16. Rule packed-until-17-h",
        ),  # 17 h in Amsterdam
        ("ORD-1029", (), "Now the freight costs of 45.00 EUR are charged"),
        ("ORD-1032", (), "PAY-5032 of ORD-1032 is disputed. Rule order-rests-while-disputed"),
    ],
)
def test_too_late_to_cancel_has_a_way_on(
    connection: Connection,
    order_id: str,
    clock: tuple[int, int] | tuple[int, int, int] | tuple[()],
    said: str,
) -> None:
    if clock:
        set_clock(connection, *clock)
    with pytest.raises(ToolError) as refused:
        changed(connection, order_id, "cancel")
    assert said in str(refused.value)
    (cancel,) = (
        one for one in seen(connection, order_id).allowed_actions if one.action == "change_order: cancel"
    )
    assert not cancel.allowed
    assert cancel.reason == str(refused.value)


@pytest.mark.parametrize(
    ("order_id", "clock"),
    [("ORD-1027", (16, 15, 59)), ("ORD-1028", ()), ("ORD-1018", ()), ("ORD-1035", ())],
)
def test_in_time_it_is_cancelled(
    connection: Connection, order_id: str, clock: tuple[int, int] | tuple[int, int, int] | tuple[()]
) -> None:
    if clock:
        set_clock(connection, *clock)
    assert seen(connection, order_id).allowed_actions[0].allowed
    assert changed(connection, order_id, "cancel").status == "cancelled"


# Addresses


@pytest.mark.parametrize(
    ("order_id", "country", "said"),
    [
        ("ORD-1007", "Sweden", "ORD-1007 is delivered. Rule address-before-delivery"),
        ("ORD-1020", "Sweden", "ORD-1020 is cancelled."),
        ("ORD-1016", "Ireland", "Rule packed-until-17-h"),
        ("ORD-1017", "austria", "ORD-1017 goes to Germany, and Austria was asked for. Rule same-country"),
        ("ORD-1017", "Germny", "We do not deliver to 'Germny'."),
        ("ORD-1033", "France", "pick-up point in Larkway's own tracking page"),
        ("ORD-1014", "Austria", "Rule larkway-austria-floods"),
        ("ORD-1013", "Netherlands", "SHP-6013 is with Tolmar Freight. Rule freight-keeps-addresses"),
        ("ORD-1034", "Netherlands", "SHP-6034 is out for delivery. Rule one-redirection"),
        ("ORD-1046", "Netherlands", "Rule new-customers-address"),
        ("ORD-1046", "Netherlands", "create_ticket with team fraud and priority high"),
        ("ORD-1032", "Netherlands", "Rule address-rests-while-disputed"),
    ],
)
def test_an_address_that_stays(connection: Connection, order_id: str, country: str, said: str) -> None:
    with pytest.raises(ToolError) as refused:
        changed(connection, order_id, "address", country=country)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"street": " "}, "The address has no street"),
        ({"street": "x" * 121}, "`address.street` has 121 characters; at most 120 are taken"),
        ({"city": "Bolo\u0000gna"}, r"`address.city` holds U\+0000 at character 5"),
        ({"city": "Bolo\ngna"}, r"`address.city` holds U\+000A"),
    ],
)
def test_an_address_is_text_of_bounded_length(
    connection: Connection, wrong: dict[str, str], said: str
) -> None:
    with pytest.raises(ToolError, match=said):
        changed(connection, "ORD-1017", "address", country="Germany", place=wrong)


def test_swiftpost_redirects_once_and_the_promise_moves_with_it(connection: Connection) -> None:
    changes = changed(connection, "ORD-1015", "address", country="italy")
    assert changes.version == 2
    assert moved(changes)["promised_on"] == ("2026-11-20", "2026-11-24")  # over a weekend
    assert moved(changes)["SHP-6015.promised_on"] == ("2026-11-20", "2026-11-24")
    assert not any("expected_on" in one.field for one in changes.changes)  # no carrier has said it
    order = seen(connection, "ORD-1015")
    assert order.address == Address(**ELSEWHERE, country="Italy")
    assert order.shipment is not None
    assert order.shipment.address == order.address
    assert parcel(connection, "SHP-6015").redirected
    with pytest.raises(ToolError, match="SHP-6015 was redirected once already"):
        changed(connection, "ORD-1015", "address", country="Italy", place={"street": "Via Roma 5"})


def test_what_was_late_is_not_late_any_more_when_the_promise_moves(connection: Connection) -> None:
    set_clock(connection, 23, 9)
    connection.exec_driver_sql("UPDATE shipments SET status = 'delayed' WHERE id = 'SHP-6015'")
    assert parcel(connection, "SHP-6015").working_days_late == 1
    changed(connection, "ORD-1015", "address", country="Italy")
    late = parcel(connection, "SHP-6015")
    assert (late.status, late.working_days_late) == ("in_transit", 0)


def test_what_is_packed_today_goes_elsewhere_with_its_label(connection: Connection) -> None:
    changes = changed(connection, "ORD-1027", "address", country="Netherlands")
    assert moved(changes)["SHP-6027.city"] == ("Utrecht", "Casalecchio")
    assert seen(connection, "ORD-1027").promised_on == date(2026, 11, 23)
    with pytest.raises(ToolError, match="ORD-1027 goes there already: nothing was changed"):
        changed(connection, "ORD-1027", "address", country="Netherlands")


@pytest.mark.parametrize(
    ("total", "clock", "refused"),
    [(20_001, (), True), (20_000, (), False), (90_000, (18, 9), False)],
)
def test_only_new_dear_orders_of_new_customers_are_held(
    connection: Connection,
    total: int,
    clock: tuple[int, int] | tuple[int, int, int] | tuple[()],
    refused: bool,
) -> None:
    connection.exec_driver_sql("UPDATE orders SET total_minor = ? WHERE id = 'ORD-1046'", (total,))
    if clock:
        set_clock(connection, *clock)
    (action,) = (
        one for one in seen(connection, "ORD-1046").allowed_actions if one.action.endswith("address")
    )
    assert action.allowed is not refused


def test_a_customer_is_not_told_which_checks_are_made(connection: Connection) -> None:
    nils = Actor("CUS-2013", frozenset({"customer"}), "CUS-2013")
    with pytest.raises(ToolError) as refused:
        changed(connection, "ORD-1046", "address", country="Netherlands", by=nils)
    shown = str(refused.value) + repr(seen(connection, "ORD-1046", nils).allowed_actions)
    assert "Rule address-by-a-colleague" in shown
    assert not any(word in shown for word in ("fraud", "200.00", "new customer", "24 hours"))


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
