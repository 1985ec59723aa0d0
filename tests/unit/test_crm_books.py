"""Whatever is done in whatever order: the books stay true, and a key has one effect."""

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from tests.unit.crm_calls import call_as
from tests.unit.crm_money import (
    AGENT,
    FINANCE,
    LEAD,
    put,
    the_books_are_true,
    tiny,
    undone,
    work,
)
from toolservers.crm.actor import Actor
from toolservers.crm.changes import change_order, create_credit_memo, create_return, refund_payment
from toolservers.crm.kinds import CreditBasis, RefundBasis, Remedy, ReturnReason, RuleMode
from toolservers.crm.machines import MACHINES
from toolservers.crm.reading.sale_facts import sale_of
from toolservers.crm.records import Item
from toolservers.crm.rules.rights import claim_of, only_claim, right_to
from toolservers.crm.tools import Settings, server
from toolservers.crm.world.tables import order_lines, returns
from toolward.errors import Conflict, ToolError
from toolward.types import Principal, ToolResult


@dataclass
class World:
    """What is done to it, one step each; a step that is refused leaves nothing behind."""

    connection: Connection
    mode: RuleMode
    day: int = 16
    done: int = 0

    def step(self, name: str, number: int, by: Actor, **wish: Any) -> None:
        with self.connection.begin_nested() as tried:
            try:
                getattr(self, name)(number, by, **wish)
                self.done += 1
            except ToolError:
                tried.rollback()

    def refund(
        self, number: int, by: Actor, amount: int, basis: RefundBasis, return_number: int, **_: Any
    ) -> None:
        """An amount of 0 is as much as the basis gives a right to."""
        desk = work(self.connection, by, self.mode)
        sale = sale_of(desk, desk.row(f"ORD-{number}"))
        named = next((row for row in sale.returns if row["id"] == f"RET-{8000 + return_number}"), None)
        claim = claim_of(sale, named) if named else only_claim(sale, basis)
        amount = amount or max(1, right_to(sale, basis, claim).at_most)
        return_id = claim.row["id"] if claim and basis in ("return", "damage") else ""
        refund_payment(desk, f"PAY-{number + 4000}", amount, "Why not.", basis, return_id)

    def send_back(
        self, number: int, by: Actor, pieces: dict[int, int], reason: ReturnReason, remedy: Remedy, **_: Any
    ) -> None:
        desk = work(self.connection, by, self.mode)
        own = desk.rows(order_lines, order_id=f"ORD-{number}")
        items = [Item(own[n % len(own)]["product_id"], quantity) for n, quantity in pieces.items()]
        create_return(desk, f"ORD-{number}", items, reason, remedy, "Unused and unlit.")

    def credit(self, number: int, by: Actor, amount: int, credit_basis: CreditBasis, **_: Any) -> None:
        desk = work(self.connection, by, self.mode)
        customer_id = desk.row(f"ORD-{number}")["customer_id"]
        create_credit_memo(desk, customer_id, amount, "EUR", "Late.", credit_basis, f"ORD-{number}")

    def cancel(self, number: int, by: Actor, **_: Any) -> None:
        change_order(
            work(self.connection, by, self.mode), f"ORD-{number}", "cancel", None, None, "", "No.", 0, False
        )

    def move_return(self, number: int, by: Actor, return_number: int, **_: Any) -> None:
        """The carrier's and the warehouse's part."""
        desk = work(self.connection, by)
        if not (made := desk.rows(returns, order_id=f"ORD-{number}")):
            raise ToolError("There is none.")
        row = made[return_number % len(made)]
        after = [status for status in MACHINES["return"][row["status"]] if status != "settled"]
        if after:
            desk.change("return", row, "moved", status=after[return_number % len(after)])

    def dispute(self, number: int, by: Actor, **_: Any) -> None:
        desk = work(self.connection, by)
        row = desk.row(f"PAY-{number + 4000}")
        if row["status"] in ("captured", "partially_refunded"):
            desk.change("payment", row, "disputed", status="disputed")

    def next_day(self, number: int, by: Actor, **_: Any) -> None:
        self.day = min(self.day + 1, 30)
        put(self.connection, now={"month": 11, "day": self.day})


STEPS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(
            ["send_back"] * 5
            + ["refund"] * 5
            + ["move_return"] * 5
            + ["credit", "cancel", "dispute", "next_day"]
        ),
        "number": st.sampled_from((1007, 1007, 1007, 1011, 1021, 1013, 1015, 1018)),
        "by": st.sampled_from((FINANCE, LEAD, AGENT)),
        "amount": st.sampled_from((0, 0, 0, 1, 995, 4792, 8481, 10**20)),
        "basis": st.sampled_from(
            ("goodwill", "return", "return", "damage", "delay", "price_match", "cancellation")
        ),
        "credit_basis": st.sampled_from(("service_level", "delay", "goodwill", "price_match")),
        "return_number": st.integers(0, 3),
        "pieces": st.dictionaries(
            st.integers(0, 2), st.sampled_from((1, 1, 1, 2, 6)), min_size=1, max_size=2
        ),
        "reason": st.sampled_from(("change_of_mind", "damaged", "wrong_item", "incomplete")),
        "remedy": st.sampled_from(("refund", "refund", "replacement")),
    }
)


@pytest.fixture(scope="module")
def tables() -> Generator[Connection]:
    with tiny() as connection:
        yield connection


@pytest.mark.parametrize("mode", ["enforce", "off"])
@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEPS, min_size=4, max_size=20))
def test_the_books_are_true_whatever_is_done(
    tables: Connection, mode: RuleMode, steps: list[dict[str, Any]]
) -> None:
    with undone(tables):
        world = World(tables, mode)
        for step in steps:
            world.step(**step)
        the_books_are_true(tables, enforced=mode == "enforce")


# --- one effect per key

WISHES = st.fixed_dictionaries(
    {
        "payment_id": st.sampled_from(("PAY-5007", "PAY-5015")),
        "amount_minor": st.sampled_from((100, 500, 9_999)),
        "reason": st.just("As agreed."),
    }
)


async def _all_at_once(database: Path, wishes: list[tuple[str, dict[str, Any]]]) -> None:
    """Calls with few keys, all at once: of each key, what was done first is all that was done."""
    async with server.running(Settings(database)):
        lead = Principal("lea", roles=("support-lead",))
        calls = (call_as(lead, "refund_payment", key, wish) for key, wish in wishes)
        results = await asyncio.gather(*calls, return_exceptions=True)
        made: dict[str, dict[str, Any]] = {}
        for (key, wish), result in zip(wishes, results, strict=True):
            if isinstance(result, Conflict):
                continue
            assert isinstance(result, ToolResult)
            if not result.is_error:
                told = {
                    "payment_id": result.structured["payment_id"],
                    "amount": result.structured["amount_minor"],
                }
                assert told == {"payment_id": wish["payment_id"], "amount": wish["amount_minor"]}
                assert made.setdefault(key, result.structured) == result.structured
        assert len({receipt["refund_id"] for receipt in made.values()}) == len(made)
        for payment_id in ("PAY-5007", "PAY-5015"):
            shown = (await call_as(lead, "get_record", "", {"record_id": payment_id})).structured
            own = [receipt for receipt in made.values() if receipt["payment_id"] == payment_id]
            assert {refund["id"] for refund in shown["refunds"]} == {receipt["refund_id"] for receipt in own}
            assert shown["refunded"]["amount_minor"] == sum(receipt["amount_minor"] for receipt in own)


@settings(max_examples=8, deadline=None)
@given(wishes=st.lists(st.tuples(st.sampled_from(("a", "b", "c")), WISHES), min_size=5, max_size=30))
def test_a_key_has_one_effect_whatever_comes_at_once(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[tuple[str, dict[str, Any]]]
) -> None:
    asyncio.run(_all_at_once(tmp_path_factory.mktemp("world") / "crm.db", wishes))
