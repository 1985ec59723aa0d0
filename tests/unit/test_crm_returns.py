"""Returns: what may come back until when, what its label costs, and the refund that follows."""

from collections.abc import Generator
from typing import Any

import pytest
from sqlalchemy import Connection, select

from tests.unit.crm_money import (
    LEAD,
    MARTA,
    NO_SETUP,
    NOVEMBER_19,
    arrive,
    in_currency,
    put,
    refund,
    send_back,
    the_books_are_true,
    tiny,
    undone,
    work,
)
from toolservers.crm.passing import advance
from toolservers.crm.reading import get_record
from toolservers.crm.records import Item, Order, Return
from toolservers.crm.world.tables import products
from toolward.errors import ToolError


@pytest.fixture(scope="module")
def world() -> Generator[Connection]:
    with tiny() as connection:
        yield connection


@pytest.fixture
def crm(world: Connection) -> Generator[Connection]:
    with undone(world):
        yield world
        the_books_are_true(world)


# --- returns

GIFT_CARD = {"PRD_7002": {"category": "gift cards"}}
TO_MEASURE = {"PRD_7002": {"title": "Linen table runner, made to order"}}


@pytest.mark.parametrize(
    ("order_id", "product_id", "reason", "more", "setup", "status", "fee"),
    [
        ("ORD-1007", "PRD-7001", "change_of_mind", {}, NO_SETUP, "label_sent", 390),
        ("ORD-1007", "prd-7001", "wrong_item", {}, NO_SETUP, "label_sent", 0),
        ("ORD-1007", "PRD-7001", "damaged", {}, NO_SETUP, "label_sent", 0),
        ("ORD-1007", "PRD-7003", "damaged", {}, NO_SETUP, "waived", 0),
        ("ORD-1007", "PRD-7003", "incomplete", {}, NO_SETUP, "waived", 0),
        ("ORD-1007", "PRD-7003", "wrong_item", {}, NO_SETUP, "label_sent", 0),
        ("ORD-1007", "PRD-7003", "change_of_mind", {"note": "All four unlit."}, NO_SETUP, "label_sent", 390),
        (
            "ORD-1024",
            "PRD-7014",
            "change_of_mind",
            {"note": "Never been opened."},
            NO_SETUP,
            "label_sent",
            390,
        ),
        ("ORD-1007", "PRD-7002", "change_of_mind", {"note": "unused"}, GIFT_CARD, "label_sent", 390),
        ("ORD-1005", "PRD-7009", "change_of_mind", {}, {"now": {"month": 11, "day": 18}}, "label_sent", 390),
        ("ORD-1012", "PRD-7001", "change_of_mind", {}, {"now": {"month": 11, "day": 13}}, "label_sent", 390),
        ("ORD-1010", "PRD-7012", "change_of_mind", {}, NO_SETUP, "label_sent", 390),  # 3.90 GBP
        ("ORD-1007", "PRD-7001", "change_of_mind", {"remedy": "replacement"}, NO_SETUP, "label_sent", 0),
        ("ORD-1007", "PRD-7003", "damaged", {"remedy": "replacement"}, NO_SETUP, "settled", 0),
        ("ORD-1007", "PRD-7001", "damaged", {"by": MARTA}, NO_SETUP, "label_sent", 0),
    ],
)
def test_what_may_come_back(
    crm: Connection,
    order_id: str,
    product_id: str,
    reason: str,
    more: dict[str, Any],
    setup: dict[str, Any],
    status: str,
    fee: int,
) -> None:
    put(crm, **setup)
    stock = crm.scalar(select(products.c.stock).where(products.c.id == product_id.upper()))
    made = send_back(crm, order_id, {product_id: 1}, reason, **more)
    shown = get_record(work(crm), made.id, None)
    assert isinstance(shown, Return)
    assert (shown.status, shown.label_fee.amount_minor) == (status, fee)
    assert shown.lines == [Item(product_id.upper(), 1)]
    after = crm.scalar(select(products.c.stock).where(products.c.id == product_id.upper()))
    assert after == (stock or 0) - ("remedy" in more)


@pytest.mark.parametrize(
    ("order_id", "pieces", "reason", "more", "setup", "said"),
    [
        (
            "ORD-1004",
            {"PRD-7005": 1},
            "change_of_mind",
            {},
            NO_SETUP,
            "ended on 2026-11-07. Rule return-with",
        ),
        (
            "ORD-1005",
            {"PRD-7009": 1},
            "change_of_mind",
            {},
            NOVEMBER_19,
            "ended on 2026-11-18",
        ),
        (
            "ORD-1012",
            {"PRD-7001": 1},
            "change_of_mind",
            {},
            NO_SETUP,
            "14 days ended on 2026-11-13. Rule pallets",
        ),
        (
            "ORD-1008",
            {"PRD-7011": 1},
            "damaged",
            {},
            NO_SETUP,
            "Rule broken-within-14-days.*under the warranty",
        ),
        ("ORD-1015", {"PRD-7012": 1}, "damaged", {}, NO_SETUP, "is shipped. .*refuse the parcel at the door"),
        (
            "ORD-1017",
            {"PRD-7010": 1},
            "change_of_mind",
            {},
            NO_SETUP,
            "is placed. .*with change cancel",
        ),
        ("ORD-1020", {"PRD-7015": 1}, "change_of_mind", {}, NO_SETUP, "Nothing of it was sent"),
        ("ORD-1003", {"PRD-7006": 1}, "change_of_mind", {}, NO_SETUP, "It has come back already"),
        (
            "ORD-1007",
            {"PRD-7001": 2},
            "damaged",
            {},
            NO_SETUP,
            "2 of PRD-7001 would be sent back, and 1 were",
        ),
        (
            "ORD-1007",
            {"PRD-7005": 1},
            "damaged",
            {},
            NO_SETUP,
            "PRD-7005 is not in ORD-1007. .*PRD-7001, PRD-7002",
        ),
        ("ORD-1007", {"PRD-7003": 1}, "change_of_mind", {}, NO_SETUP, "is unlit. Rule not-to-return"),
        ("ORD-1024", {"PRD-7014": 1}, "change_of_mind", {"note": "Opened one."}, NO_SETUP, "is unopened"),
        ("ORD-1007", {"PRD-7002": 1}, "damaged", {}, GIFT_CARD, "Rule no-return-of-gift-cards"),
        ("ORD-1007", {"PRD-7002": 1}, "change_of_mind", {}, TO_MEASURE, "was made to order"),
        (
            "ORD-1011",
            {"PRD-7013": 1},
            "damaged",
            {"remedy": "replacement"},
            NO_SETUP,
            "with 0 in stock",
        ),
        ("ORD-1007", {"ORD-1007": 1}, "damaged", {}, NO_SETUP, "type order, not product"),
        ("ORD-1010", {"PRD-7012": 1}, "damaged", {"by": MARTA}, NO_SETUP, "There is no order ORD-1010"),
        ("ORD-1007", {"PRD-7001": 1}, "damaged", {"note": "a\x00b"}, NO_SETUP, "control characters"),
        ("ORD-1007", {}, "damaged", {}, NO_SETUP, "Nothing would be sent back"),
    ],
)
def test_what_may_not_come_back(
    crm: Connection,
    order_id: str,
    pieces: dict[str, int],
    reason: str,
    more: dict[str, Any],
    setup: dict[str, Any],
    said: str,
) -> None:
    put(crm, **setup)
    with pytest.raises(ToolError, match=said):
        send_back(crm, order_id, pieces, reason, **more)


def test_nothing_comes_back_twice_and_small_breakage_counts_together(crm: Connection) -> None:
    first = send_back(crm, "ORD-1011", {"PRD-7013": 1}, "damaged")
    assert first.status == "waived"
    with pytest.raises(ToolError, match="1 were ordered, of which 1 are in other returns"):
        send_back(crm, "ORD-1011", {"PRD-7013": 1}, "damaged")
    assert send_back(crm, "ORD-1011", {"PRD-7002": 1}, "damaged").status == "label_sent"  # 42.85 in all
    with pytest.raises(ToolError, match="All of ORD-1011 is in returns already"):
        send_back(crm, "ORD-1011", {"PRD-7002": 1}, "damaged")


@pytest.mark.parametrize(("price", "status"), [(3999, "waived"), (4000, "label_sent")])
def test_breakage_of_less_than_forty_need_not_come_back(crm: Connection, price: int, status: str) -> None:
    in_currency(crm, 1007, "EUR", price)
    assert send_back(crm, "ORD-1007", {"PRD-7001": 1}, "damaged").status == status


def test_the_second_exchange_of_an_order_costs_its_label(crm: Connection) -> None:
    send_back(crm, "ORD-1007", {"PRD-7001": 1}, remedy="replacement")
    second = send_back(crm, "ORD-1007", {"PRD-7002": 1}, remedy="replacement")
    assert "The label costs 3.90 EUR" in second.says


def test_a_return_is_refunded_when_it_has_arrived_less_its_label_and_once(crm: Connection) -> None:
    made = send_back(crm, "ORD-1007", {"PRD-7001": 1})
    assert "refund at most 5600 (amount_minor), 56.00 EUR, 3.90 EUR for the label taken off" in made.says
    with pytest.raises(ToolError, match="RET-8001 is registered, and has not arrived"):
        refund(crm, "PAY-5007", 5600, "return", LEAD, made.id)
    with pytest.raises(ToolError, match="change of mind"):
        refund(crm, "PAY-5007", 5600, "damage", LEAD, made.id)
    arrive(crm, made.id)
    with pytest.raises(
        ToolError, match=r"RET-8001 cost 59.90 EUR, less 3.90 EUR for the label.*at most 5600"
    ):
        refund(crm, "PAY-5007", 5601, "return", LEAD)
    refund(crm, "PAY-5007", 2000, "return", LEAD)
    assert getattr(get_record(work(crm), made.id, None), "status") == "received"  # noqa: B009
    refund(crm, "PAY-5007", 3600, "return", LEAD)  # the only one, so it need not be named
    shown = get_record(work(crm), made.id, None)
    assert isinstance(shown, Return)
    assert shown.status == "settled"
    assert [one.amount.amount_minor for one in shown.refunds] == [2000, 3600]
    with pytest.raises(ToolError, match="RET-8001 is settled"):
        refund(crm, "PAY-5007", 1, "return", LEAD, made.id)


def test_what_was_broken_is_refunded_with_its_return_and_not_beside_it(crm: Connection) -> None:
    made = send_back(crm, "ORD-1007", {"PRD-7001": 1}, "damaged")
    with pytest.raises(
        ToolError, match=r"RET-8001 is registered for what was broken. .*Name it in return_id"
    ):
        refund(crm, "PAY-5007", 5990, "damage", LEAD)
    refund(crm, "PAY-5007", 5990, "damage", LEAD, made.id)
    arrive(crm, made.id)
    with pytest.raises(ToolError, match="Nothing is left of it"):
        refund(crm, "PAY-5007", 1, "return", LEAD, made.id)


def test_a_return_belongs_to_its_order_its_basis_and_its_remedy(crm: Connection) -> None:
    other = send_back(crm, "ORD-1011", {"PRD-7013": 1}, "damaged").id
    with pytest.raises(ToolError, match=f"{other} belongs to ORD-1011, and this payment to ORD-1007"):
        refund(crm, "PAY-5007", 1, "return", return_id=other, mode="off")
    with pytest.raises(ToolError, match="A return was named, and basis is goodwill"):
        refund(crm, "PAY-5011", 1, return_id=other)
    new = send_back(crm, "ORD-1007", {"PRD-7001": 1}, "damaged", remedy="replacement").id
    arrive(crm, new)
    with pytest.raises(ToolError, match="is for a replacement, not for money"):
        refund(crm, "PAY-5007", 1, "return", return_id=new)


def test_an_order_shows_for_which_reasons_it_can_come_back(crm: Connection) -> None:
    put(crm, now={"month": 11, "day": 27})
    order = get_record(work(crm), "ORD-1007", None)
    assert isinstance(order, Order)
    shown = {
        one.action: one.allowed for one in order.allowed_actions if one.action.startswith("create_return")
    }
    assert shown == {
        "create_return: change_of_mind": True,
        "create_return: damaged": False,
        "create_return: wrong_item": True,
        "create_return: incomplete": False,
    }


# --- what time brings


def _stock(crm: Connection, product_id: str) -> int:
    return crm.execute(select(products.c.stock).where(products.c.id == product_id)).scalar_one()


def _status(crm: Connection, return_id: str) -> str:
    shown = get_record(work(crm), return_id, None)
    assert isinstance(shown, Return)
    return shown.status


def test_a_replacement_whose_label_is_never_used_is_for_sale_again(crm: Connection) -> None:
    before = _stock(crm, "PRD-7001")
    made = send_back(crm, "ORD-1007", {"PRD-7001": 1}, "damaged", remedy="replacement")
    assert _stock(crm, "PRD-7001") == before - 1
    put(crm, **{made.id.replace("-", "_"): {"expected_on": None}})
    advance(work(crm), days=40)
    assert (_status(crm, made.id), _stock(crm, "PRD-7001")) == ("expired", before)


def test_a_replacement_that_has_arrived_is_settled(crm: Connection) -> None:
    before = _stock(crm, "PRD-7001")
    made = send_back(crm, "ORD-1007", {"PRD-7001": 1}, "damaged", remedy="replacement")
    advance(work(crm), days=20)
    assert (_status(crm, made.id), _stock(crm, "PRD-7001")) == ("settled", before - 1)


@pytest.mark.parametrize(("early", "status"), [(0, "settled"), (1, "received"), (None, "received")])
def test_a_return_that_was_refunded_under_way_is_settled_when_it_arrives(
    crm: Connection, early: int | None, status: str
) -> None:
    """Refunded whole, all but a cent, and not at all."""
    made = send_back(crm, "ORD-1007", {"PRD-7001": 1}, "damaged")
    if early is not None:
        worth = crm.exec_driver_sql(
            "SELECT unit_price_minor FROM order_lines WHERE order_id = 'ORD-1007' AND product_id = 'PRD-7001'"
        ).scalar_one()
        refund(crm, "PAY-5007", worth - early, "damage", LEAD, return_id=made.id)
    assert _status(crm, made.id) == "label_sent"
    advance(work(crm), days=20)
    assert _status(crm, made.id) == status
