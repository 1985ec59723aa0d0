"""What the CRM's tools change: messages and refunds, once per key and never beyond the rules."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.unit.crm_calls import ADA, DAMAGED, call, call_as, dump
from toolservers.crm.actor import Actor
from toolservers.crm.changes.payments import refund_payment
from toolservers.crm.desk import Desk
from toolservers.crm.money import money
from toolservers.crm.tools import Settings, server
from toolservers.crm.work import Work
from toolward.errors import Conflict, InvalidArguments, ToolError, Unavailable
from toolward.kit import Effects, Transaction
from toolward.kit.effects.once import KeyedCall
from toolward.types import Principal, ToolResult, text_result

LEAD = Principal("lea", roles=("support-lead",))
SMALL: dict[str, Any] = DAMAGED | {"amount_minor": 500}  # three of them are goodwill still


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "crm.db"


@pytest.fixture
async def crm(database: Path) -> AsyncGenerator[None, None]:
    async with server.running(Settings(database)):
        yield


# Messages


async def test_a_message_is_added_to_its_ticket(crm: None) -> None:
    added = await call("add_ticket_message", ticket_id="TCK-3003", body="We are sorry: 12.72 €.")
    assert added.structured == {
        "ticket_id": "TCK-3003",
        "message_number": 3,
        "internal": False,
        "at": "2026-11-16T09:00:00Z",
        "ticket_status": "open",
        "ticket_version": 2,
    }
    note = await call("add_ticket_message", ticket_id="tck-3003", body="Ask a lead.", internal=True)
    assert note.structured["message_number"] == 4
    messages = (await call("get_record", record_id="TCK-3003")).structured["messages"]
    assert messages[2:] == [
        {
            "number": 3,
            "author": "ada",
            "at": "2026-11-16T09:00:00Z",
            "internal": False,
            "body": "We are sorry: 12.72 €.",
        },
        {"number": 4, "author": "ada", "at": "2026-11-16T09:00:00Z", "internal": True, "body": "Ask a lead."},
    ]


@pytest.mark.parametrize(
    ("ticket_id", "body", "said"),
    [
        ("TCK-3999", "Hello", "There is no ticket TCK-3999. The nearest: TCK-300"),
        ("ORD-1007", "Hello", "type order, not ticket"),
        ("TCK-3003", " \n", "`body` has no text"),
    ],
)
async def test_a_message_that_cannot_be_added_is_refused(
    crm: None, ticket_id: str, body: str, said: str
) -> None:
    result = await call("add_ticket_message", ticket_id=ticket_id, body=body)
    assert result.is_error
    assert said in result.text


async def test_a_message_is_bounded(crm: None) -> None:
    with pytest.raises(InvalidArguments, match="body"):
        await call("add_ticket_message", ticket_id="TCK-3003", body="x" * 10_001)


async def test_a_message_under_one_key_is_added_once(crm: None) -> None:
    said = {"ticket_id": "TCK-3003", "body": "On its way."}
    results = [(await call("add_ticket_message", key="m1", **said)).structured for _ in range(3)]
    assert results[0] == results[1] == results[2]
    assert len((await call("get_record", record_id="TCK-3003")).structured["messages"]) == 3


# Refunds


async def test_a_refund_is_recorded_and_what_is_left_goes_down(crm: None) -> None:
    receipt = (await call("refund_payment", **DAMAGED)).structured
    assert receipt == {
        "refund_id": "REF-9004",
        "payment_id": "PAY-5007",
        "order_id": "ORD-1007",
        "amount_minor": 1272,
        "currency": "EUR",
        "remaining_minor": 7208,
        "payment_status": "partially_refunded",
        "advice": [],
    }
    wish = {"payment_id": "PAY-5007", "amount_minor": 7208, "reason": "As agreed."}
    rest = await call_as(LEAD, "refund_payment", "", wish)
    assert rest.structured["remaining_minor"] == 0
    order = (await call("get_record", record_id="ORD-1007")).structured
    assert order["payments"][0]["status"] == "refunded"
    assert [refund["amount"]["amount_minor"] for refund in order["refunds"]] == [1272, 7208]
    assert order["refunds"][0]["reason"] == DAMAGED["reason"]


@pytest.mark.parametrize(
    ("payment_id", "amount_minor", "said"),
    [
        (
            "PAY-5007",
            8481,
            "PAY-5007 has 84.80 EUR left, and 84.81 EUR was asked for."
            " Rule refunds-within-payment: Refunds never exceed",
        ),
        ("PAY-5007", 10**30, "Refund at most 8480 (amount_minor)"),
        ("PAY-5003", 881, "Refund at most 880"),
        ("PAY-5017", 100, "Cancel the order instead, which releases it"),
        ("PAY-5026", 100, "was never taken"),
        ("PAY-5020", 1, "has been refunded already"),
        ("PAY-5009", 100, "Leave it to the fraud team"),
        ("PAY-5099", 100, "There is no payment PAY-5099. The nearest: PAY-50"),
        ("ORD-1007", 100, "type order, not payment"),
    ],
)
async def test_a_refund_against_the_rules_is_refused_and_changes_nothing(
    crm: None, database: Path, payment_id: str, amount_minor: int, said: str
) -> None:
    await call("refund_payment", payment_id="PAY-0", amount_minor=1, reason="Lays out the table of keys.")
    before = dump(database)
    result = await call(
        "refund_payment", key="k", payment_id=payment_id, amount_minor=amount_minor, reason="Why not."
    )
    assert result.is_error
    assert said in result.text
    assert dump(database) == before


@pytest.mark.parametrize(
    "wrong", [{"amount_minor": 0}, {"amount_minor": -5}, {"amount_minor": "100"}, {"reason": ""}]
)
async def test_a_refund_of_nothing_or_without_reason_breaks_the_schema(
    crm: None, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArguments, match=next(iter(wrong))):
        await call("refund_payment", **{**DAMAGED, **wrong})


async def test_a_reason_of_blanks_is_refused(crm: None) -> None:
    assert (await call("refund_payment", **{**DAMAGED, "reason": "  "})).is_error


async def test_fifty_repeats_under_one_key_have_one_effect(crm: None) -> None:
    results = await asyncio.gather(*(call("refund_payment", key="run-1/2/3", **DAMAGED) for _ in range(50)))
    assert {result.structured_json for result in results} == {results[0].structured_json}
    payment = (await call("get_record", record_id="PAY-5007")).structured
    assert payment["refunded"]["amount_minor"] == 1272
    assert len(payment["refunds"]) == 1


async def test_a_key_with_other_arguments_is_refused(crm: None) -> None:
    await call("refund_payment", key="k", **DAMAGED)
    with pytest.raises(Conflict, match="a call of refund_payment with other arguments; nothing was done"):
        await call("refund_payment", key="k", **{**DAMAGED, "amount_minor": 1273})
    assert (await call("get_record", record_id="PAY-5007")).structured["refunded"]["amount_minor"] == 1272


async def test_the_same_key_of_another_person_or_tool_is_another_call(crm: None) -> None:
    for person in (Principal("ada"), Principal("bo"), Principal("ada", tenant="other")):
        assert not (await call_as(person, "refund_payment", "k", SMALL)).is_error
    assert not (await call("add_ticket_message", key="k", ticket_id="TCK-3003", body="Done.")).is_error
    refunded = (await call("get_record", record_id="PAY-5007")).structured["refunded"]
    assert refunded["amount_minor"] == 3 * 500


async def test_a_refused_refund_does_not_use_up_its_key(crm: None) -> None:
    refused = await call("refund_payment", key="k", **{**DAMAGED, "amount_minor": 9_000})
    assert refused.is_error
    assert not (await call("refund_payment", key="k", **DAMAGED)).is_error


async def test_without_a_key_each_call_is_a_refund_of_its_own(crm: None) -> None:
    first, second = [(await call("refund_payment", **SMALL)).structured for _ in range(2)]
    assert (first["refund_id"], second["refund_id"]) == ("REF-9004", "REF-9005")
    assert second["remaining_minor"] == 8480 - 2 * 500


async def test_two_programs_at_once_never_refund_more_than_was_paid(database: Path) -> None:
    """Nor does it help to switch the rules off."""
    desks = [await Desk.open(database, "tiny", 0, "off") for _ in range(2)]
    programs = [desk.effects() for desk in desks]

    def refunded(connection: Connection) -> str:
        work = Work(connection, Actor("ada"), "off")
        return refund_payment(work, "PAY-5007", 1000, "Together.", "goodwill", "").refund_id

    async def refund(effects: Effects[Connection]) -> str:
        async def change(tx: Transaction[Connection]) -> ToolResult:
            return text_result(await tx.run(refunded))

        return (await effects.change(KeyedCall("refund_payment", None), change)).text

    wishes = (refund(effects) for _ in range(6) for effects in programs)
    results = await asyncio.gather(*wishes, return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert len(set(results) - set(refused)) == 8
    assert all(isinstance(error, ToolError) for error in refused)
    payment = await desks[0].see(ADA, desks[0].get_record, "PAY-5007", None)
    assert getattr(payment, "remaining") == money(480, "EUR")  # noqa: B009 -- a record of any type
    for effects, desk in zip(programs, desks, strict=True):
        await effects.close()
        await desk.close()


# Other programs, and later


async def test_a_restart_keeps_what_was_done(database: Path) -> None:
    async with server.running(Settings(database)):
        await call("refund_payment", key="k", **DAMAGED)
    async with server.running(Settings(database)):
        payment = (await call("get_record", record_id="PAY-5007")).structured
        assert payment["remaining"]["amount_minor"] == 7208
        again = await call("refund_payment", key="k", **DAMAGED)
        assert again.structured["refund_id"] == payment["refunds"][0]["id"]


async def test_a_file_that_another_program_keeps_locked_can_be_read_and_says_so_to_writers(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolservers.crm.storage.database.BUSY_SECONDS", 0)
    async with server.running(Settings(database)):
        other = sqlite3.connect(database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="another program holds its lock"):
            await call("refund_payment", key="k", **DAMAGED)
        assert not (await call("get_record", record_id="PAY-5007")).is_error
        other.execute("ROLLBACK")
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        other.close()
        assert (await call("refund_payment", key="k", **DAMAGED)).structured["remaining_minor"] == 7208
