"""Refunds, credit memos and returns: to how much each basis gives a right, who decides, what may come back."""

import asyncio
from collections.abc import Generator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import Connection

from tests.unit.crm_calls import call, call_as
from tests.unit.crm_money import (
    AGENT,
    FINANCE,
    LATE_4,
    LEAD,
    MARTA,
    NO_SETUP,
    NOVEMBER_19,
    credit,
    in_currency,
    on,
    put,
    refund,
    send_back,
    the_books_are_true,
    tiny,
    undone,
    undone_step,
    work,
)
from toolservers.crm.actor import Actor
from toolservers.crm.changes.refunding import give_back
from toolservers.crm.kinds import RefundBasis, RuleMode
from toolservers.crm.money import percent, units
from toolservers.crm.reading import get_record
from toolservers.crm.records import Payment
from toolservers.crm.rules.rights import in_sales
from toolservers.crm.tools import Settings, server
from toolward.errors import Conflict, ToolError
from toolward.types import Principal


@pytest.fixture(scope="module")
def world() -> Generator[Connection]:
    with tiny() as connection:
        yield connection


@pytest.fixture
def crm(world: Connection) -> Generator[Connection]:
    with undone(world):
        yield world
        the_books_are_true(world)


# --- to how much each basis gives a right

EXPRESS_3_LATE = {"ORD_1008": {"delivered_on": on(10, 28)}}
TO_AUSTRIA = {"SHP_6008": {"country": "Austria"}}
REFUSED_AT_DOOR = {"ORD_1015": {"status": "returned", "shipping_minor": 490}}


@pytest.mark.parametrize(
    ("basis", "payment_id", "largest", "setup"),
    [
        ("goodwill", "PAY-5007", 1696, NO_SETUP),
        ("goodwill", "PAY-5001", 1380, NO_SETUP),
        ("damage", "PAY-5007", 8480, NO_SETUP),
        (
            "damage",
            "PAY-5010",
            2800,
            NOVEMBER_19,
        ),  # the goods, without 6.90 for shipping
        ("delay", "PAY-5007", 500, LATE_4),
        ("delay", "PAY-5011", 500, {"ORD_1011": {"delivered_on": on(11, 11)}}),  # packed on 3 November
        ("delay", "PAY-5008", 990, {"ORD_1008": {"delivered_on": on(10, 27)}}),
        ("delay", "PAY-5008", 990 + 322, EXPRESS_3_LATE),
        ("delay", "PAY-5008", 990 + 323, {"ORD_1008": {"delivered_on": on(10, 28), "total_minor": 6450}}),
        ("delay", "PAY-5019", 500, {"ORD_1019": {"promised_on": on(11, 10)}}),  # still to come
        ("price_match", "PAY-5015", 6400, NO_SETUP),
        (
            "price_match",
            "PAY-5015",
            6400,
            {"ORD_1015": {"ordered_on": on(11, 24)}, "now": {"month": 12, "day": 1}},
        ),
        ("cancellation", "PAY-5015", 8390, {"ORD_1015": {"status": "cancelled"}}),
        ("cancellation", "PAY-5015", 7900, REFUSED_AT_DOOR),
        ("lost", "PAY-5015", 8390, {"SHP_6015": {"status": "lost"}}),
        ("lost", "PAY-5015", 8390, {"now": {"month": 11, "day": 27}}),
        ("lost", "PAY-5007", 8480, {"SHP_6007": {"street": "Elsewhere 1"}}),  # where we sent it by mistake
    ],
)
def test_a_basis_gives_a_right_to_so_much_and_to_no_more(
    crm: Connection, basis: RefundBasis, payment_id: str, largest: int, setup: dict[str, Any]
) -> None:
    put(crm, **setup)
    by = AGENT if basis == "goodwill" else LEAD
    if work(crm).row(payment_id)["amount_minor"] > largest:
        with pytest.raises(ToolError, match=rf"At most .*Refund at most {largest} \(amount"):
            refund(crm, payment_id, largest + 1, basis, by)
    action = next(
        action
        for action in getattr(get_record(work(crm, by), payment_id, None), "allowed_actions")  # noqa: B009
        if action.action == f"refund_payment: {basis}"
    )
    assert action.allowed
    assert action.reason.startswith(f"At most {largest} (amount_minor) of {payment_id}")
    assert refund(crm, payment_id, largest, basis, by).amount_minor == largest
    if basis != "price_match":  # which there is for each product
        with pytest.raises(ToolError, match=r"Nothing is left of it|has been refunded already"):
            refund(crm, payment_id, 1, basis, by)


@pytest.mark.parametrize(
    ("basis", "payment_id", "setup", "said"),
    [
        (
            "damage",
            "PAY-5007",
            {"now": {"month": 11, "day": 27}},
            "more than 14 days ago.*under the warranty",
        ),
        ("damage", "PAY-5015", NO_SETUP, "is shipped, and nobody can have seen damage"),
        ("delay", "PAY-5007", NO_SETUP, "promised for 2026-11-12 and delivered on 2026-11-12: not late"),
        (
            "delay",
            "PAY-5007",
            {"ORD_1007": {"promised_on": on(11, 9)}},
            "3 working days late. Rule standard-delay",
        ),
        ("delay", "PAY-5014", NO_SETUP, "service level.*create_credit_memo with basis service_level"),
        (
            "delay",
            "PAY-5019",
            {"ORD_1019": {"promised_on": on(11, 2)}, "SHP_6019": {"last_scan": "2026-11-14 held: strike"}},
            "held: strike. Rule nobodys-fault",
        ),
        (
            "delay",
            "PAY-5008",
            {
                "ORD_1008": {"promised_on": on(11, 13), "delivered_on": on(11, 16)},
                "SHP_6008": {"country": "Austria"},
            },
            "floods-in-austria",
        ),
        (
            "price_match",
            "PAY-5007",
            {"now": {"month": 11, "day": 17}},
            "placed on 2026-11-02, more than 14 days",
        ),
        (
            "price_match",
            "PAY-5015",
            {"ORD_1015": {"ordered_on": on(11, 24)}, "now": {"month": 11, "day": 30}},
            "Rule no-price-match-on-black-friday",
        ),
        ("price_match", "PAY-5014", NO_SETUP, "business customer with agreed prices"),
        ("cancellation", "PAY-5015", NO_SETUP, "is shipped, not cancelled. .*change_order"),
        ("cancellation", "PAY-5007", NO_SETUP, "is delivered, not cancelled. .*create_return"),
        (
            "lost",
            "PAY-5015",
            {"now": {"month": 11, "day": 26}},
            "last scanned on 2026-11-14, 9 working days ago",
        ),
        ("lost", "PAY-5007", NO_SETUP, "SHP-6007 was delivered on 2026-11-12"),
        ("lost", "PAY-5018", NO_SETUP, "has no parcel yet"),
        ("return", "PAY-5007", NO_SETUP, "No return was named.*Register one first: create_return"),
        ("goodwill", "PAY-5017", {"PAY_5017": {"status": "released"}}, "was released and never taken"),
    ],
)
def test_a_basis_that_does_not_hold_is_refused_with_the_next_step(
    crm: Connection, basis: RefundBasis, payment_id: str, setup: dict[str, Any], said: str
) -> None:
    put(crm, **setup)
    with pytest.raises(ToolError, match=said):
        refund(crm, payment_id, 1, basis, FINANCE)


def test_goodwill_counts_together_and_a_lead_may_grant_more(crm: Connection) -> None:
    refund(crm, "PAY-5007", 1000)
    with pytest.raises(
        ToolError, match=r"At most 6.96 EUR .* 20 % of 84.80 EUR, less 10.00 EUR given already"
    ):
        refund(crm, "PAY-5007", 697)
    refund(crm, "PAY-5007", 696)
    assert refund(crm, "PAY-5007", 4000, by=LEAD).remaining_minor == 8480 - 1696 - 4000


def test_what_a_price_match_gives_it_gives_once_for_each_product(crm: Connection) -> None:
    for _ in range(2):
        refund(crm, "PAY-5015", 100, "price_match")
    with pytest.raises(ToolError, match="a price match for each of its products"):
        refund(crm, "PAY-5015", 100, "price_match")


def test_the_recalled_kettle_is_refunded_without_a_lead(crm: Connection) -> None:
    reason = "Safety notice: kettle base (GK25)."
    with pytest.raises(ToolError, match=r"At most 13.80 EUR"):
        refund(crm, "PAY-5001", 6900, reason=reason)
    put(crm, ORD_1001={"ordered_on": on(3, 2), "delivered_on": on(3, 5)})
    with pytest.raises(ToolError, match=r"At most 13.80 EUR"):
        refund(crm, "PAY-5001", 6900)
    assert refund(crm, "PAY-5001", 6900, reason=reason).payment_status == "refunded"


@pytest.mark.parametrize("year", range(2024, 2034))
def test_black_friday_is_always_among_the_days_without_price_match(year: int) -> None:
    closed = [day for n in range(1, 31) if in_sales(day := on(11, n).replace(year=year))]
    friday = max(day for n in range(1, 31) if (day := on(11, n).replace(year=year)).weekday() == 4)
    assert friday in closed
    assert closed[0].weekday() == 3
    assert not in_sales(on(12, 4).replace(year=year))


# --- who decides


@pytest.mark.parametrize(
    ("amount", "by", "rule"),
    [
        (5000, AGENT, None),
        (5001, AGENT, "agent-decides-to-50"),
        (5001, LEAD, None),
        (50000, LEAD, None),
        (50001, LEAD, "lead-decides-to-500"),
        (50001, AGENT, "lead-decides-to-500"),
        (50001, FINANCE, None),
        (50001, Actor("op", frozenset({"operator"})), None),
    ],
)
def test_who_decides_depends_on_the_amount(crm: Connection, amount: int, by: Actor, rule: str | None) -> None:
    put(crm, now={"month": 11, "day": 5})
    if rule is None:
        assert refund(crm, "PAY-5012", amount, "damage", by).amount_minor == amount
    else:
        with pytest.raises(ToolError, match=f"Rule {rule}.*update_ticket with team"):
            refund(crm, "PAY-5012", amount, "damage", by)


def test_many_small_refunds_of_a_day_are_one_large_one(crm: Connection) -> None:
    refund(crm, "PAY-5007", 3000, "damage")
    with pytest.raises(ToolError, match=r"20.01 EUR, together with what was refunded of it today 50.01 EUR"):
        refund(crm, "PAY-5007", 2001, "damage")
    put(crm, now={"month": 11, "day": 17})
    refund(crm, "PAY-5007", 2001, "damage")


def test_customers_refund_and_credit_nothing(crm: Connection) -> None:
    for attempt in (
        lambda: refund(crm, "PAY-5007", 1, by=MARTA, mode="off"),
        lambda: credit(crm, 1, "goodwill", MARTA, customer_id="CUS-2004", order_id="ORD-1007"),
    ):
        with pytest.raises(ToolError, match="Rule staff-only"):
            attempt()
    shown = get_record(work(crm, MARTA), "PAY-5007", None)
    assert isinstance(shown, Payment)
    assert [action.allowed for action in shown.allowed_actions] == [False]


# --- exact everywhere


@pytest.mark.parametrize(
    ("currency", "total", "goodwill", "alone", "delay"),
    [
        ("JPY", 103, 21, 50, 5),  # 20.6
        ("JPY", 102, 20, 50, 5),  # 20.4
        ("KWD", 100_003, 20_001, 50_000, 5_000),
        ("KWD", 100_002, 20_000, 50_000, 5_000),
        ("GBP", 10_000, 2_000, 5_000, 500),
    ],
)
def test_currencies_without_and_with_three_decimals(
    crm: Connection, currency: str, total: int, goodwill: int, alone: int, delay: int
) -> None:
    in_currency(crm, 1007, currency, total)
    put(crm, **LATE_4)
    rights: list[tuple[RefundBasis, int]] = [("goodwill", goodwill), ("delay", delay)]
    for basis, largest in rights:
        with undone_step(crm):
            with pytest.raises(ToolError, match=f"{currency} can be refunded"):
                refund(crm, "PAY-5007", largest + 1, basis)
            assert refund(crm, "PAY-5007", largest, basis).currency == currency
    with pytest.raises(ToolError, match="agent-decides"):
        refund(crm, "PAY-5007", alone + 1, "damage")
    refund(crm, "PAY-5007", alone, "damage")
    fee = units(Decimal("3.90"), currency)
    made = send_back(crm, "ORD-1007", {"PRD-7001": 1})
    assert {"JPY": 4, "KWD": 3900, "GBP": 390}[currency] == fee
    assert next(change.after for change in made.changes if change.field == "label_fee_minor") == fee


@pytest.mark.parametrize(
    ("amount", "rate", "exact"),
    [
        (50, 1, 1),
        (49, 1, 0),
        (150, 1, 2),
        (10**15 + 50, 1, 10**13 + 1),
        (-50, 1, -1),
        (333, Decimal("1.5"), 5),
    ],
)
def test_shares_are_rounded_half_up(amount: int, rate: int | Decimal, exact: int) -> None:
    assert percent(amount, rate) == exact


# --- the same decision wherever it is asked, in each mode


def test_what_a_payment_shows_as_allowed_is_allowed_and_nothing_else(crm: Connection) -> None:
    put(crm, **(LATE_4 | {"SHP_6015": {"status": "lost"}}))
    for number in (5002, 5003, 5007, 5008, 5009, 5014, 5015, 5017, 5020, 5021):
        shown = get_record(work(crm), f"PAY-{number}", None)
        assert isinstance(shown, Payment)
        allowed = {action.action for action in shown.allowed_actions if action.allowed}
        for basis in get_args(RefundBasis):
            with undone_step(crm):
                try:
                    refund(crm, shown.id, 1, basis)
                except ToolError:
                    assert f"refund_payment: {basis}" not in allowed, shown.id
                else:
                    assert f"refund_payment: {basis}" in allowed, shown.id


@pytest.mark.parametrize("mode", ["advise", "off"])
def test_where_rules_are_only_told_it_is_done_and_the_books_stay_true(
    crm: Connection, mode: RuleMode
) -> None:
    receipt = refund(crm, "PAY-5007", 6000, "lost", mode=mode)
    assert [("lost-after" in said, "agent-decides" in said) for said in receipt.advice] == (
        [(True, False), (False, True)] if mode == "advise" else []
    )
    with pytest.raises(ToolError, match="Rule refunds-within-payment"):
        refund(crm, "PAY-5007", 2481, mode=mode)
    with pytest.raises(ToolError, match="Leave it to the fraud team"):
        refund(crm, "PAY-5009", 1, mode=mode)


def test_a_refund_of_a_payment_that_was_changed_meanwhile_is_refused(crm: Connection) -> None:
    seen = work(crm).row("PAY-5007")
    refund(crm, "PAY-5007", 100)
    with undone_step(crm), pytest.raises(ToolError, match="PAY-5007 was changed meanwhile"):
        give_back(work(crm), seen, 100, "goodwill", "Once more.")


# --- one effect per key


async def test_a_hundred_repeats_of_one_refund_have_one_effect_and_one_result(tmp_path: Path) -> None:
    wish = {"payment_id": "PAY-5007", "amount_minor": 1696, "reason": "Goodwill for the broken plates."}
    async with server.running(Settings(tmp_path / "crm.db")):
        results = await asyncio.gather(*(call("refund_payment", key="run-1/2", **wish) for _ in range(100)))
        assert {result.structured_json for result in results} == {results[0].structured_json}
        assert results[0].structured["refund_id"] == "REF-9004"
        with pytest.raises(Conflict, match="other arguments; nothing was done"):
            await call("refund_payment", key="run-1/2", **wish | {"amount_minor": 1})
        shown = (await call("get_record", record_id="PAY-5007")).structured
        assert [one["id"] for one in shown["refunds"]] == ["REF-9004"]
        assert (shown["refunded"]["amount_minor"], shown["version"]) == (1696, 2)
        lead = Principal("lea", roles=("support-lead",))
        memo = {"customer_id": "CUS-2008", "amount_minor": 4792, "currency": "EUR", "order_id": "ORD-1013"}
        memo |= {"reason": "Two days late.", "basis": "service_level"}
        made = await asyncio.gather(*(call_as(lead, "create_credit_memo", "m", memo) for _ in range(20)))
        assert {result.structured["id"] for result in made} == {"MEM-4001"}
