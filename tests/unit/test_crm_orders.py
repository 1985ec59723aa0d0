"""Orders as change_order leaves them: cancelled, sent elsewhere, filled otherwise, paid otherwise, or refused."""

from collections.abc import Generator
from datetime import date

import pytest
from sqlalchemy import Connection, select

from tests.unit.crm_order_world import (
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
from toolservers.crm.records import Address
from toolservers.crm.world.tables import events
from toolward.errors import ToolError


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
