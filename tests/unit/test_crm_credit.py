"""Credit memos: what a service level owes to the cent, and what else is credited."""

from collections.abc import Generator
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.unit.crm_money import (
    AGENT,
    LATE_4,
    LEAD,
    MARTA,
    NO_SETUP,
    credit,
    on,
    put,
    refund,
    the_books_are_true,
    tiny,
    undone,
    work,
)
from toolservers.crm.reading import get_record
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


# --- credit memos

DELIVERED_17 = {"ORD_1013": {"delivered_on": on(11, 17), "status": "delivered", "total_minor": 124_500}}


@pytest.mark.parametrize(
    ("owed", "setup", "counted"),
    [
        (
            4792,
            NO_SETUP,
            "2 working days late so far x 2 % = 4 % of 1198.00 EUR without freight is 47.92 EUR",
        ),
        (7200, DELIVERED_17, "3 working days late x 2 % = 6 % of 1200.00 EUR"),  # the example of the page
        (11980, {"now": {"month": 11, "day": 30}}, "12 working days late so far x 2 % = 24 %, at most 10 %,"),
        (2397, {"ORD_1013": {"total_minor": 124_325}, "now": {"month": 11, "day": 13}}, "2 % of 1198.25 EUR"),
    ],
)
def test_a_penalty_is_what_the_contract_says(
    crm: Connection, owed: int, setup: dict[str, Any], counted: str
) -> None:
    put(crm, **setup)
    for wrong in (owed - 1, owed + 1):
        with pytest.raises(ToolError, match=rf"{counted}.*Credit exactly {owed} \(amount_minor\)"):
            credit(crm, wrong, "service_level")
    with pytest.raises(ToolError, match="Rule penalty-approved-by-lead"):
        credit(crm, owed, "service_level", AGENT)
    made = credit(crm, owed, "service_level")
    assert counted in made.says
    assert getattr(get_record(work(crm), made.id, None), "amount").amount_minor == owed  # noqa: B009
    with pytest.raises(ToolError, match=r"is credited already.*Rule one-memo-per-basis"):
        credit(crm, owed, "service_level")


def test_days_that_come_on_top_are_owed_as_well(crm: Connection) -> None:
    credit(crm, 4792, "service_level")
    put(crm, now={"month": 11, "day": 17})
    with pytest.raises(ToolError, match=r"less 47.92 EUR credited already.*Credit exactly 2396"):
        credit(crm, 7188, "service_level")
    credit(crm, 2396, "service_level")


@pytest.mark.parametrize(
    ("asked", "setup", "said"),
    [
        ({"currency": "GBP"}, NO_SETUP, "ORD-1013 is in EUR, and GBP was given"),
        ({"currency": "XXX"}, NO_SETUP, "no currency here. There are: EUR"),
        ({"amount": 10**30}, NO_SETUP, "far too large"),
        ({"customer_id": "CUS-2009"}, NO_SETUP, "ORD-1013 is no order of CUS-2009"),
        ({"customer_id": "CUS-2004", "order_id": "ORD-1007"}, NO_SETUP, "is on no plan with a service level"),
        ({"order_id": ""}, NO_SETUP, "is about an order, and none was named"),
        ({"order_id": "", "basis": "goodwill", "by": AGENT}, NO_SETUP, "No order was named"),
        ({"basis": "delay"}, NO_SETUP, "service level.*Credit the penalty instead"),
        (
            {"customer_id": "CUS-2009", "order_id": "ORD-1014"},
            NO_SETUP,
            "road closed by flooding.*nobodys-fault",
        ),
        ({}, {"SUB_6002": {"status": "ended"}}, "on no plan with a service level"),
        ({}, {"ORD_1013": {"status": "cancelled"}}, "is not late"),
        ({"reason": "  "}, NO_SETUP, "needs a reason"),
        ({"reason": "To 4111 1111 1111 1111"}, NO_SETUP, "card number"),
        (
            {"order_id": "ORD-1013", "basis": "goodwill", "amount": 24861, "by": AGENT},
            NO_SETUP,
            "At most 248.60",
        ),
        (
            {"order_id": "ORD-1013", "basis": "goodwill", "amount": 24860, "by": AGENT},
            NO_SETUP,
            "agent-decides",
        ),
    ],
)
def test_a_memo_against_the_rules_is_refused(
    crm: Connection, asked: dict[str, Any], setup: dict[str, Any], said: str
) -> None:
    put(crm, **setup)
    wish: dict[str, Any] = {"amount": 4792, "basis": "service_level"} | asked
    with pytest.raises(ToolError, match=said):
        credit(crm, wish.pop("amount"), wish.pop("basis"), **wish)


def test_a_delay_is_paid_once_by_refund_or_by_memo(crm: Connection) -> None:
    put(crm, **LATE_4)
    own = {"customer_id": "CUS-2004", "order_id": "ORD-1007"}
    credit(crm, 300, "delay", AGENT, **own)
    with pytest.raises(ToolError, match="Refund at most 200"):
        refund(crm, "PAY-5007", 201, "delay")
    refund(crm, "PAY-5007", 200, "delay")
    with pytest.raises(ToolError, match="ORD-1007 has MEM-4001 on basis delay"):
        credit(crm, 1, "delay", AGENT, **own)
    assert credit(crm, 5000, "goodwill", LEAD, customer_id="CUS-2004", order_id="").status == "issued"


def test_an_order_and_a_customer_show_whether_a_memo_may_be(crm: Connection) -> None:
    def shown(by: Any, identity: str) -> dict[str, tuple[bool, str]]:
        record: Any = get_record(work(crm, by), identity, None)
        return {
            one.action.removeprefix("create_credit_memo"): (one.allowed, one.reason)
            for one in record.allowed_actions
            if one.action.startswith("create_credit_memo")
        }

    assert shown(LEAD, "ORD-1013")[": service_level"] == (True, "")
    allowed, why = shown(AGENT, "ORD-1013")[": service_level"]
    assert (allowed, "penalty-approved-by-lead" in why) == (False, True)
    assert credit(crm, 4792, "service_level").status == "issued"
    assert "is credited already" in shown(LEAD, "ORD-1013")[": service_level"][1]
    assert shown(LEAD, "CUS-2008") == {"": (True, "")}
    assert "Rule memo-needs-order" in shown(AGENT, "CUS-2008")[""][1]
    assert "Rule staff-only" in shown(MARTA, "CUS-2004")[""][1]
    assert "Rule staff-only" in shown(MARTA, "ORD-1007")[""][1]
