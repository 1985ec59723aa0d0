"""What is in an order and how it is paid, as change_order leaves it or refuses."""

from collections.abc import Generator

import pytest
from sqlalchemy import Connection

from tests.unit.crm_order_world import ADA, WORLD, changed, money_of, moved, seen
from tests.unit.crm_worlds import filled, undone
from toolservers.crm.changes.orders import change_order
from toolservers.crm.records import Item
from toolservers.crm.work import Work
from toolward.errors import ToolError


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Generator[Connection]:
    with filled(tmp_path_factory.mktemp("orders") / "crm.db", WORLD) as connection:
        yield connection


@pytest.fixture
def connection(once: Connection) -> Generator[Connection]:
    with undone(once):
        yield once


# What is in it


@pytest.mark.parametrize(
    ("order_id", "items", "total", "expected"),
    [
        # What was ordered keeps its price, what is new has today's; the authorisation follows.
        (
            "ORD-1025",
            {"PRD-7008": 2, "PRD-7012": 1},
            "190.00 EUR",
            {"PAY-5025.amount_minor": (13_890, 19_000)},
        ),
        # Below 50.00, standard shipping is not charged afterwards.
        ("ORD-1025", {"PRD-7012": 1}, "32.00 EUR", {"PRD-7001.stock": (42, 43), "PRD-7008.stock": (14, 15)}),
        # From 50.00 it is not charged any more.
        ("ORD-1017", {"PRD-7010": 3}, "74.70 EUR", {"shipping_minor": (490, 0), "PRD-7010.stock": (88, 86)}),
        # Express is never free.
        ("ORD-1018", {"PRD-7012": 1}, "41.90 EUR", {"PAY-5018.refunded_minor": (0, 21_700)}),
        ("ORD-1037", {"PRD-7009": 1, "PRD-7012": 1}, "83.00 GBP", {"total_minor": (6_190, 8_300)}),
        ("ORD-1030", {"PRD-7016": 1, "PRD-7017": 3}, "11799 JPY", {"PAY-5030.amount_minor": (9_600, 11_799)}),
        ("ORD-1031", {"PRD-7017": 1}, "5.001 KWD", {"PAY-5031.refunded_minor": (0, 15_249)}),
    ],
)
def test_stock_shipping_total_and_payment_follow_the_items(
    connection: Connection,
    order_id: str,
    items: dict[str, int],
    total: str,
    expected: dict[str, tuple[int, int]],
) -> None:
    changes = changed(connection, order_id, "items", items=items)
    assert expected.items() <= moved(changes).items()
    order = seen(connection, order_id)
    assert order.total.display == total
    assert {line.product_id: line.quantity for line in order.lines} == items


def test_what_was_ordered_keeps_its_price(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE prices SET amount_minor = 1 WHERE product_id = 'PRD-7010'")
    changed(connection, "ORD-1017", "items", items={"PRD-7010": 2})
    assert seen(connection, "ORD-1017").lines[0].unit_price.display == "24.90 EUR"
    changed(connection, "ORD-1017", "items", items={"PRD-7008": 1})
    changed(connection, "ORD-1017", "items", items={"PRD-7008": 1, "PRD-7010": 1})
    assert seen(connection, "ORD-1017").lines[1].unit_price.display == "0.01 EUR"  # it is new again


def test_what_was_taken_is_kept_and_the_difference_paid_or_refunded(connection: Connection) -> None:
    changed(connection, "ORD-1018", "items", items={"PRD-7007": 1, "PRD-7012": 1})
    assert money_of(seen(connection, "ORD-1018")) == [
        ("captured", "PayPal", "258.90 EUR", "258.90 EUR"),
        ("pending", "PayPal", "32.00 EUR", "32.00 EUR"),
    ]
    changed(connection, "ORD-1018", "items", items={"PRD-7012": 1})
    assert money_of(seen(connection, "ORD-1018")) == [
        ("partially_refunded", "PayPal", "258.90 EUR", "41.90 EUR"),
        ("released", "PayPal", "32.00 EUR", "32.00 EUR"),
    ]


@pytest.mark.parametrize(
    ("order_id", "items", "said"),
    [
        ("ORD-1017", None, "change items needs `items`"),
        ("ORD-1017", {}, "call with change cancel"),
        ("ORD-1017", {"PRD-7010": 1}, "has exactly these items already"),
        ("ORD-1017", {"PRD-7099": 1}, "There is no product PRD-7099. The nearest"),
        ("ORD-1017", {"PRD-7010": 90}, "has 88 left, and 89 more were asked for. Rule in-stock"),
        ("ORD-1017", {"PRD-7013": 1}, "Glass storage jars, set of 6) has 0 left"),
        ("ORD-1017", {"PRD-7015": 1}, "is discontinued. Rule on-sale"),
        ("ORD-1037", {"PRD-7010": 1}, "has no price in GBP. Rule currency-stays"),
        ("ORD-1030", {"PRD-7010": 1}, "has no price in JPY"),
        (
            "ORD-1028",
            {"PRD-7001": 10},
            "goes by freight, and 599.00 EUR would be left. Rule freight-from-600",
        ),
        ("ORD-1016", {"PRD-7010": 1}, "ORD-1016 is packed. Rule items-before-shipping"),
        ("ORD-1007", {"PRD-7010": 1}, "What is not wanted can be sent back: create_return"),
        ("ORD-1032", {"PRD-7010": 1}, "PAY-5032 of ORD-1032 is disputed"),
    ],
)
def test_items_that_cannot_be(
    connection: Connection, order_id: str, items: dict[str, int] | None, said: str
) -> None:
    with pytest.raises(ToolError) as refused:
        changed(connection, order_id, "items", items=items)
    assert said in str(refused.value)


def test_what_is_named_twice_is_added_up(connection: Connection) -> None:
    twice = [Item("PRD-7010", 1), Item("prd-7010", 2)]
    change_order(Work(connection, ADA, "enforce"), "1017", "items", None, twice, "", "", 0, False)
    assert [line.quantity for line in seen(connection, "ORD-1017").lines] == [3]


def test_a_total_beyond_all_bounds_is_refused(connection: Connection) -> None:
    connection.exec_driver_sql(
        "UPDATE prices SET amount_minor = 900000000000000 WHERE product_id = 'PRD-7008'"
    )
    with pytest.raises(ToolError, match="would be dearer than any order can be"):
        changed(connection, "ORD-1017", "items", items={"PRD-7008": 2})


# How it is paid


@pytest.mark.parametrize(
    ("order_id", "method", "expected"),
    [
        ("ORD-1017", "mastercard", [("released", "Visa"), ("pending", "Mastercard")]),
        ("ORD-1017", "paypal", [("released", "Visa"), ("captured", "PayPal")]),
        ("ORD-1017", "SEPA transfer", [("released", "Visa"), ("pending", "bank transfer")]),
        ("ORD-1036", "invoice", [("pending", "bank transfer")]),  # refused: above the limit
        ("ORD-1028", "Bank transfer", [("released", "invoice"), ("pending", "bank transfer")]),
        ("ORD-1035", "Visa", [("failed", "Visa"), ("pending", "Visa")]),  # it is tried again
        ("ORD-1016", "Visa", [("released", "Mastercard"), ("pending", "Visa")]),
        ("ORD-1030", "PayPal", [("released", "Visa"), ("captured", "PayPal")]),
    ],
)
def test_another_payment_takes_the_place_of_what_is_pending(
    connection: Connection, order_id: str, method: str, expected: list[tuple[str, str]]
) -> None:
    before = seen(connection, order_id)
    if len(expected) == 1:
        with pytest.raises(ToolError, match="Rule invoice-limit"):
            changed(connection, order_id, "payment", method=method)
    else:
        assert changed(connection, order_id, "payment", method=method).version == 2
    order = seen(connection, order_id)
    assert [(one.status, one.method) for one in order.payments] == expected
    assert order.payments[-1].amount == before.total
    assert order.payment_method == expected[-1][1]


@pytest.mark.parametrize(
    ("order_id", "method", "said"),
    [
        ("ORD-1018", "Visa", "Nothing of ORD-1018 is still to be paid (PAY-5018). Rule payment-before-taken"),
        ("ORD-1013", "Visa", "ORD-1013 is shipped. Rule payment-before-taken"),
        ("ORD-1017", "invoice", "has no plan. Rule invoice-for-plans"),
        ("ORD-1017", "Visa", "is paid by Visa already"),
        ("ORD-1017", "", "change payment needs `payment_method`"),
        (
            "ORD-1017",
            "cheque",
            "'cheque' is no payment method here. ORD-1017 can be paid by: Visa, Mastercard",
        ),
        ("ORD-1030", "iDEAL", "ORD-1030 is in JPY. Rule euro-methods"),
        ("ORD-1030", "cash", "can be paid by: Visa, Mastercard, PayPal (kb"),
        ("ORD-1032", "PayPal", "is disputed"),
    ],
)
def test_a_payment_that_cannot_be(connection: Connection, order_id: str, method: str, said: str) -> None:
    with pytest.raises(ToolError) as refused:
        changed(connection, order_id, "payment", method=method)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "number", ["4111111111111111", "Visa 4111 1111 1111", "4111-1111-1111-1111", "٤١١١١١١١١١١١"]
)
def test_a_long_number_is_no_payment_method_and_not_repeated(connection: Connection, number: str) -> None:
    with pytest.raises(ToolError, match="`payment_method` has a long number in it") as refused:
        changed(connection, "ORD-1017", "payment", method=number, mode="off")
    assert number not in str(refused.value)


def test_a_reason_holds_no_card_number_either(connection: Connection) -> None:
    work = Work(connection, ADA, "off")
    with pytest.raises(ToolError, match="`reason` has what looks like a card number"):
        change_order(
            work, "ORD-1017", "cancel", None, None, "", "She paid with 4111 1111 1111 1111.", 0, False
        )
