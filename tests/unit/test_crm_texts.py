"""Every text that a changing tool takes: too long, with control characters, with half a character, with a card's
number. Each is refused in words that can be sent on, and nothing is changed."""

from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_type_hints

import pytest
from sqlalchemy import Connection, func, select

from tests.unit.crm_worlds import filled, undone
from toolservers.crm import changes
from toolservers.crm.actor import Actor
from toolservers.crm.packs.tiny import PACK
from toolservers.crm.records import Address, Item
from toolservers.crm.work import Work
from toolservers.crm.world.tables import events
from toolward.errors import ToolError

LEAD = Actor("lea", frozenset({"support-lead"}))

ASKED: dict[str, dict[str, Any]] = {
    "create_ticket": {
        "customer_id": "CUS-2004",
        "title": "Plates",
        "body": "Two.",
        "order_id": "ORD-1007",
        "priority": "normal",
        "team": "support",
    },
    "update_ticket": {
        "ticket_id": "TCK-3003",
        "status": None,
        "priority": "high",
        "team": None,
        "expected_version": 0,
    },
    "add_ticket_message": {"ticket_id": "TCK-3003", "body": "Two.", "internal": True},
    "update_customer": {
        "customer_id": "CUS-2004",
        "email": "",
        "phone": "+31 20 123 4567",
        "language": None,
        "address": Address("Am Alten Markt 5", "50667", "Cologne", "Germany"),
        "note": "Rings twice.",
        "expected_version": 0,
    },
    "change_order": {
        "order_id": "ORD-1017",
        "change": "cancel",
        "address": None,
        "items": None,
        "payment_method": "",
        "reason": "Not wanted.",
        "expected_version": 0,
        "dry_run": False,
    },
    "create_return": {
        "order_id": "ORD-1007",
        "items": [Item("PRD-7001", 1)],
        "reason": "damaged",
        "remedy": "refund",
        "note": "Cracked.",
    },
    "refund_payment": {
        "payment_id": "PAY-5007",
        "amount_minor": 500,
        "reason": "Late.",
        "basis": "goodwill",
        "return_id": "",
    },
    "create_credit_memo": {
        "customer_id": "CUS-2004",
        "amount_minor": 500,
        "currency": "EUR",
        "reason": "Sorry.",
        "basis": "goodwill",
        "order_id": "",
    },
    "change_subscription": {
        "subscription_id": "SUB-6001",
        "change": "upgrade",
        "plan": "large",
        "months": 0,
        "expected_version": 0,
        "dry_run": False,
    },
    "schedule_meeting": {
        "customer_id": "CUS-2008",
        "starts_at": datetime(2026, 11, 20, 9, tzinfo=UTC),
        "minutes": 30,
        "purpose": "Review",
        "participants": ["inkoop@zonneweide.example"],
        "agenda": ["Delays"],
        "attachments": ["report.pdf"],
        "ticket_id": "",
    },
}
"""What each tool does, but for one text that is wrong."""

WITH = {
    "address": {"change": "address"},
    "items": {"change": "items"},
    "payment_method": {"change": "payment"},
}
"""What of the order is changed, for the texts that belong to another change than cancelling."""

SPOKEN = {"title", "body", "note", "reason", "purpose", "agenda", "attachments", "payment_method"}
"""What people say in their own words, where card numbers turn up."""


class Field(NamedTuple):
    tool: str
    name: str
    of: str = ""  # the part of an address

    @property
    def shown(self) -> str:
        return f"{self.name}.{self.of}" if self.of else self.name


def fields() -> list[Field]:
    """As the functions' own signatures have them, so that a new one is not forgotten."""
    found: list[Field] = []
    for tool in changes.__all__:
        for name, kind in get_type_hints(getattr(changes, tool)).items():
            if name == "return":
                continue
            if kind in (str, list[str], list[Item], list[Item] | None):
                found.append(Field(tool, name))
            elif kind == Address | None:
                found += [Field(tool, name, part) for part in ("street", "postcode", "city", "country")]
    return found


FIELDS = fields()
FREE = [one for one in FIELDS if one.name in SPOKEN or one.of == "street"]

LONG = 10_000_000
WRONG: dict[str, str] = {
    "10 MB": "x" * LONG,
    "10 MB of digits": "4" * LONG,
    "10 MB of blanks": "a" + " " * LONG + "a",
    "U+0000": "Two\u0000 plates",
    "escape": "Two\u001b[2J plates",
    "surrogate": "Two \ud83d plates",
    "next line": "Two\u0085plates",
}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Generator[Connection]:
    with filled(tmp_path_factory.mktemp("texts") / "crm.db", PACK) as connection:
        yield connection


@pytest.fixture
def world(once: Connection) -> Generator[Connection]:
    with undone(once):
        yield once


def asked(field: Field, text: str) -> dict[str, Any]:
    whole = ASKED[field.tool] | (WITH.get(field.name, {}) if field.tool == "change_order" else {})
    if field.of:
        place = {"street": "Am Markt 5", "postcode": "50667", "city": "Cologne", "country": "Germany"}
        return whole | {field.name: Address(**(place | {field.of: text}))}
    if field.name == "items":
        return whole | {"items": [Item(text, 1)]}
    return whole | {field.name: [text] if isinstance(whole[field.name], list) else text}


def refused(world: Connection, field: Field, text: str) -> str:
    before = world.scalar(select(func.count()).select_from(events))
    change: Callable[..., Any] = getattr(changes, field.tool)
    with pytest.raises(ToolError) as told:
        change(Work(world, LEAD, "off"), **asked(field, text))
    said = str(told.value)
    assert len(said.encode("utf-8")) < 1_000
    assert world.scalar(select(func.count()).select_from(events)) == before
    return said


def test_every_tool_that_changes_has_its_texts_here() -> None:
    assert set(ASKED) == set(changes.__all__)
    assert {one.tool for one in FIELDS} == set(ASKED)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("field", FIELDS, ids=lambda one: f"{one.tool}.{one.shown}")
def test_a_text_that_is_none_is_refused(world: Connection, field: Field, wrong: str) -> None:
    said = refused(world, field, WRONG[wrong])
    assert (f"`{field.shown}`" in said and "Rule plain-text" in said) or field not in FREE
    assert "\u0000" not in said
    assert "\u001b" not in said


@pytest.mark.parametrize("field", FREE, ids=lambda one: f"{one.tool}.{one.shown}")
@pytest.mark.parametrize("card", ["4111 1111 1111 1111", "Visa 4111-1111-1111-1111, please"])
def test_a_card_number_is_not_written_down_nor_repeated(world: Connection, field: Field, card: str) -> None:
    said = refused(world, field, card)
    assert "Rule no-card-numbers" in said
    assert "4111" not in said


@pytest.mark.parametrize(
    "field", [one for one in FREE if one.name != "payment_method"], ids=lambda one: f"{one.tool}.{one.shown}"
)
def test_an_ordinary_text_is_no_reason_to_refuse(world: Connection, field: Field) -> None:
    """Long numbers that are no cards', and what looks like a command, are words like others."""
    said = "O'Brien's 2 plates; DROP TABLE orders -- GTIN 4006381333931, 5 % off 🙂"
    told = ""
    try:
        getattr(changes, field.tool)(Work(world, LEAD, "off"), **asked(field, said))
    except ToolError as other:
        told = str(other)
    assert not any(rule in told for rule in ("plain-text", "no-card-numbers"))
