"""Customers as callers: over all tools and all types of record, what is somebody else's is not there."""

import inspect
import re
from collections.abc import AsyncGenerator, Generator, Iterator
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import msgspec
import pytest
from sqlalchemy import Connection, Executable, select

from tests.unit.crm_calls import call_as, dump
from tests.unit.crm_worlds import filled, undone
from toolservers.crm import changes, tools
from toolservers.crm.actor import Actor
from toolservers.crm.finding import Wanted, cursors, find_records
from toolservers.crm.finding.cursors import Cursor
from toolservers.crm.finding.fields import fields_of
from toolservers.crm.kinds import PREFIXES, OrderChange, RecordType, RuleMode, SubscriptionChange
from toolservers.crm.packs.pack import CreditMemo, Return, Subscription
from toolservers.crm.packs.scenarios import PACK
from toolservers.crm.reading import get_record
from toolservers.crm.records import Address, Item
from toolservers.crm.references import TABLES
from toolservers.crm.tools import Settings, server
from toolservers.crm.work import View, Work
from toolservers.crm.world.tables import addresses, contacts, customers, meetings, shipments
from toolward.errors import ToolError
from toolward.types import Principal

OWN = "CUS-2004"
MARTA = Actor(OWN, frozenset({"customer"}), OWN)
TYPES = tuple(PREFIXES)
MODES: tuple[RuleMode, ...] = get_args(RuleMode)
HOME = Address("Damrak 1", "1012 LG", "Amsterdam", "Netherlands")
DAY = date(2026, 11, 9)
MINE = PACK._replace(  # with something of every type that is hers
    returns=(
        *PACK.returns,
        Return(
            "RET-8002", "ORD-1007", "received", "damaged", "refund", (("PRD-7001", 1),), DAY, received_on=DAY
        ),
    ),
    credit_memos=(
        *PACK.credit_memos,
        CreditMemo("MEM-4002", OWN, "ORD-1007", 500, "EUR", "goodwill", "Late.", DAY),
    ),
    subscriptions=(
        *PACK.subscriptions,
        Subscription("SUB-6007", OWN, "refill_club", "small", 1, 1_800, DAY, date(2026, 12, 9)),
    ),
)


INVITATION = '{"participants": [], "agenda": [], "attachments": []}'


class Name(NamedTuple):
    """A record as it may be named, and one that there is not, named alike. `plain` are ids: what answers repeat."""

    other: str
    unknown: str
    plain: tuple[str, str]


class Sight(NamedTuple):
    """What she may see: `ids`. What nobody may tell her: `secrets`, texts in lower case."""

    ids: frozenset[str]
    secrets: frozenset[str]
    others: dict[RecordType, list[str]]
    names: list[Name]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[Connection]:
    with filled(tmp_path_factory.mktemp("scope") / "crm.db", MINE) as connection:
        for number, owner in enumerate((OWN, "CUS-2008"), start=1):
            row = {"id": f"MTG-{number}", "status": "scheduled", "customer_id": owner, "minutes": 30}
            row |= {"starts_at": datetime.fromisoformat(f"2026-11-2{number}T09:00"), "purpose": "Plans"}
            connection.execute(meetings.insert(), row | {"invitation": INVITATION, "words": "plans"})
        yield connection


@pytest.fixture(scope="module")
def sight(world: Connection) -> Sight:
    seen: set[str] = set()
    others: dict[RecordType, list[str]] = {}
    for record_type, table in TABLES.items():
        owner = table.c.id if record_type == "customer" else table.c.get("customer_id")
        rows = world.execute(
            select(table.c.id, *([] if owner is None else [owner.label("owner")]))
        ).mappings()
        for row in rows:
            if row.get("owner", OWN) == OWN and record_type != "team":
                seen.add(row["id"])
            else:
                others.setdefault(record_type, []).append(row["id"])
    return Sight(frozenset(seen), frozenset(secrets(world)), others, list(names(world, others)))


def secrets(world: Connection) -> Iterator[str]:
    people, of, to, parcels = customers.c, contacts.c, addresses.c, shipments.c
    told: tuple[Executable, ...] = (
        select(people.name, people.email, people.phone, people.company).where(people.id != OWN),
        select(of.name, of.email).where(of.customer_id != OWN),
        select(to.street).where(to.customer_id != OWN),
        select(parcels.tracking).where(parcels.customer_id != OWN),
    )
    for row in chain.from_iterable(world.execute(one) for one in told):
        yield from (text.lower() for text in row if text)


def names(world: Connection, others: dict[RecordType, list[str]]) -> Iterator[Name]:
    """One of each type that is somebody else's, in every way that ids are written."""
    for record_type, ids in others.items():
        plain = (ids[0], f"{PREFIXES[record_type]}99887766" if PREFIXES[record_type] else "florists")
        ways = ["{}", "https://fernhill.example/" + record_type + "s/{}?tab=2"]
        ways += ["#{}", "{:l}"] if PREFIXES[record_type] else []
        for way in ways:
            lower = way == "{:l}"
            written = [one.lower() if lower else way.format(one) for one in plain]
            yield Name(written[0], written[1], plain)
    emails = ("jonas.weber@example.com", "nobody.here@example.com")
    yield Name(*emails, emails)
    yield Name(f"Jonas <{emails[0]}>", f"Jonas <{emails[1]}>", emails)
    tracking = world.scalars(select(shipments.c.tracking).where(shipments.c.customer_id != OWN)).first()
    assert tracking
    parcels = (tracking, tracking[:2] + "987654321"[: len(tracking) - 2].ljust(len(tracking) - 2, "0"))
    yield Name(*parcels, parcels)


# --- asking


def asked(connection: Connection, tool: str, arguments: dict[str, Any], mode: RuleMode = "enforce") -> str:
    """The answer as JSON, or the refusal."""
    try:
        if tool == "find_records":
            found: Any = find_records(View(connection, MARTA, mode), Wanted(**arguments))
        elif tool == "get_record":
            found = get_record(
                View(connection, MARTA, mode), arguments["record_id"], arguments.get("record_type")
            )
        else:
            found = getattr(changes, tool)(Work(connection, MARTA, mode), **arguments)
    except ToolError as refused:
        return f"refused: {refused}"
    return msgspec.json.encode(found).decode()


def nothing_leaks(answer: str, sight: Sight, *given: str) -> None:
    """`given` is what the caller wrote, and may be told again."""
    for text in sorted(given, key=len, reverse=True):
        answer = re.sub(re.escape(text), "", answer, flags=re.IGNORECASE)
    told = set(re.findall(r"\b(?:CUS|ORD|SHP|PAY|REF|MEM|RET|SUB|SLA|TCK|MTG|PRD)-[0-9]+", answer))
    assert told <= sight.ids
    assert [secret for secret in sight.secrets if secret in answer.lower()] == []


def general(answer: str, *given: str) -> str:
    """Without what differs between two ids, neither of which is there."""
    for text in sorted(given, key=len, reverse=True):
        answer = re.sub(re.escape(text), "ID", answer, flags=re.IGNORECASE)
    return re.sub(r"The nearest: [^.]*\.|Use find_records to search for it\.", "", answer)


def alike(connection: Connection, sight: Sight, tool: str, argument: str, name: Name, **more: Any) -> None:
    """The call answers for somebody else's record as for none, and writes nothing at all."""
    mode, also = more.pop("mode", "enforce"), more.pop("also", "")
    arguments = more
    before = written(connection)
    answers = [
        asked(connection, tool, arguments | {argument: one}, mode) for one in (name.other, name.unknown)
    ]
    given = (name.other[:80], name.unknown[:80], *name.plain)
    assert general(answers[0], *given) == general(answers[1], *given)
    assert written(connection) == before
    nothing_leaks(answers[0], sight, name.other, name.plain[0], *([also] if also else []))


def written(connection: Connection) -> int:
    """How many rows were ever changed through this connection, undone or not."""
    return cast(Any, connection.connection.dbapi_connection).total_changes


def plainly(sight: Sight) -> list[Name]:
    return [name for name in sight.names if name.other == name.plain[0]]


# --- reading


def listing(record_type: RecordType, **asked: Any) -> dict[str, Any]:
    plain = Wanted(record_type, "", None, None, [], "", [], 100, "")
    return plain._replace(**asked)._asdict()


def test_records_of_others_are_not_there(world: Connection, sight: Sight) -> None:
    for number, name in enumerate(sight.names):
        for record_type in (None, *TYPES) if number % 8 == 0 else (None,):
            alike(world, sight, "get_record", "record_id", name, record_type=record_type)
    for record_type, ids in sight.others.items():
        for one in ids:
            answer = asked(world, "get_record", {"record_id": one, "record_type": record_type})
            assert answer.startswith(f"refused: There is no {record_type} {one}.")
            nothing_leaks(answer, sight, one)


def test_her_own_records_name_nobody_else(world: Connection, sight: Sight) -> None:
    for one in sorted(sight.ids):
        answer = asked(world, "get_record", {"record_id": one})
        assert not answer.startswith("refused")
        nothing_leaks(answer, sight)
    seen = asked(world, "get_record", {"record_id": OWN})
    assert all(record_type in seen for record_type in ("order", "ticket", "subscription"))


@pytest.mark.parametrize("record_type", TYPES)
def test_lists_hold_her_own_whatever_is_asked(
    world: Connection, sight: Sight, record_type: RecordType
) -> None:
    shown = list(fields_of(record_type, staff=False))
    everything = {one for one in sight.ids if one in world.scalars(select(TABLES[record_type].c.id)).all()}
    for number, name in enumerate(("", *shown)):
        ways = {
            "sort": f"-{name}" if number % 2 else name,
            "fields": shown[:20] if number < 2 else shown[20:],
        }
        answer = asked(world, "find_records", listing(record_type, **ways))
        nothing_leaks(answer, sight)
        assert {one["id"] for one in msgspec.json.decode(answer)["records"]} == everything
    for number, name in enumerate(shown):
        text = f"{name}{('!=none', '~e', '>0', '!=1', '<2030-01-01')[number % 5]}"
        nothing_leaks(asked(world, "find_records", listing(record_type, filters=[text])), sight)
        nothing_leaks(asked(world, "find_records", listing(record_type, filters=[f"{name}=none"])), sight)
    for name in plainly(sight):
        alike(world, sight, "find_records", "query", name, **listing(record_type))
        alike(world, sight, "find_records", "customer_id", name, **listing(record_type))
    for ids in sight.others.values():
        texts = [f"{name}={ids[0]}" for name in shown if name == "id" or name.endswith("_id")]
        for text in texts:
            nothing_leaks(asked(world, "find_records", listing(record_type, filters=[text])), sight, ids[0])


def test_what_is_said_of_others_finds_nothing(world: Connection, sight: Sight) -> None:
    for record_type in TYPES:
        for said in ("Jonas Weber", "zonneweide", "Hafenweg", "1016 HX", "katharina"):
            found = find_records(View(world, MARTA), Wanted(**listing(record_type, query=said)))
            assert (found.records, found.total) == ([], 0)


def test_what_colleagues_alone_see_is_no_field_for_her(world: Connection) -> None:
    for record_type in TYPES:
        for name in set(fields_of(record_type)) - set(fields_of(record_type, staff=False)):
            for way in ({"sort": name}, {"fields": [name]}, {"filters": [f"{name}!=none"]}):
                answer = asked(world, "find_records", listing(record_type, **way))
                assert "has no field" in answer


def test_a_cursor_that_points_at_others_leads_to_her_own(world: Connection, sight: Sight) -> None:
    for record_type, ids in sight.others.items():
        for last in (ids[0], "", "~"):
            held = listing(record_type, sort="id")
            query = cursors.digest([*list(held.values())[:6], OWN])
            forged = cursors.written(Cursor(last, last), query)
            nothing_leaks(asked(world, "find_records", held | {"cursor": forged}), sight)
    staffs = find_records(View(world, Actor("ada")), Wanted(**listing("order", limit=3))).next_cursor
    assert "belongs to another query" in asked(
        world, "find_records", listing("order", limit=3, cursor=staffs)
    )


# --- changing

REFUND = {"amount_minor": 100, "reason": "Sorry.", "basis": "return"}
MEMO = {"amount_minor": 100, "currency": "EUR", "reason": "Sorry.", "basis": "goodwill"}
MEETING: dict[str, Any] = {"starts_at": datetime.fromisoformat("2026-11-24T10:00+01:00"), "minutes": 30} | {
    "purpose": "Plans",
    "participants": ["marta.lindqvist@example.org"],
    "agenda": [],
    "attachments": [],
}
PLAIN_ORDER: dict[str, Any] = {"address": None, "items": None, "payment_method": "", "reason": "Please."} | {
    "expected_version": 0,
    "dry_run": False,
}
ORDER_CHANGES: dict[OrderChange, dict[str, Any]] = {
    "cancel": {},
    "address": {"address": HOME},
    "items": {"items": [Item("PRD-7001", 1)]},
    "payment": {"payment_method": "Visa"},
}
KEPT: dict[str, Any] = {"email": "", "phone": "", "language": None, "address": None, "note": ""} | {
    "expected_version": 0
}
CUSTOMER_CHANGES: tuple[dict[str, Any], ...] = (
    {"phone": "+31 20 123 4567"}, {"email": "new@example.org"}, {"language": "nl"}, {"address": HOME},
    {"note": "Hello."}, {"phone": "+31 20 123 4567", "expected_version": 7}, {},
)  # fmt: skip
CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("create_ticket", {"customer_id": OWN, "title": "Late", "body": "Where is it?", "order_id": "ORD-1007",
                       "priority": "normal", "team": "support"}),
    ("update_ticket", {"ticket_id": "TCK-3003", "status": "closed", "priority": None, "team": None,
                       "expected_version": 0}),
    ("update_ticket", {"ticket_id": "TCK-3003", "status": None, "priority": "high", "team": "fraud",
                       "expected_version": 9}),
    ("add_ticket_message", {"ticket_id": "TCK-3003", "body": "Hello?", "internal": False}),
    ("add_ticket_message", {"ticket_id": "TCK-3003", "body": "Hello?", "internal": True}),
    *(("update_customer", {"customer_id": OWN} | KEPT | some) for some in CUSTOMER_CHANGES),
    *(("change_order", {"order_id": "ORD-1007", "change": change} | PLAIN_ORDER | some | {"dry_run": dry})
      for change, some in ORDER_CHANGES.items() for dry in (False, True)),
    ("create_return", {"order_id": "ORD-1007", "items": [Item("PRD-7001", 1)], "reason": "damaged",
                       "remedy": "refund", "note": ""}),
    ("refund_payment", {"payment_id": "PAY-5007", "return_id": "RET-8002"} | REFUND),
    ("create_credit_memo", {"customer_id": OWN, "order_id": "ORD-1007"} | MEMO),
    *(("change_subscription", {"subscription_id": "SUB-6007", "change": change, "plan": "", "months": 1,
                               "expected_version": 0, "dry_run": False})
      for change in get_args(SubscriptionChange)),
    ("schedule_meeting", {"customer_id": OWN, "ticket_id": "TCK-3003"} | MEETING),
]  # fmt: skip


def test_every_tool_and_every_id_that_it_takes_is_tried() -> None:
    tried = {(tool, argument) for tool, arguments in CHANGES for argument in arguments}
    tried |= {("find_records", name) for name in Wanted._fields}
    tried |= {("get_record", "record_id"), ("get_record", "record_type")}
    offered = {tool for tool in vars(tools) if tool in changes.__all__} | {"find_records", "get_record"}
    assert len(offered) == 12
    for tool in offered:
        taken = set(inspect.signature(getattr(tools, tool)).parameters) - {"ctx", "tx"}
        assert {(tool, name) for name in taken} == {one for one in tried if one[0] == tool}


@pytest.mark.parametrize("mode", MODES)
def test_nothing_of_others_can_be_changed(world: Connection, sight: Sight, mode: RuleMode) -> None:
    """Nor can it be told from what there is not, in whichever argument it is named."""
    plain = plainly(sight)
    written_otherwise = [name for name in sight.names if name not in plain] if mode == "enforce" else []
    for number, (tool, arguments) in enumerate(CHANGES):
        names = plain + written_otherwise[number % 9 :: 9]
        ids = [name for name in arguments if name.endswith("_id")]
        for name in names:
            for argument in ids:
                alike(world, sight, tool, argument, name, **arguments, mode=mode)
        if len(ids) == 2:  # both of them somebody else's
            also = sight.others["order"][0]
            for name in names[::3]:
                alike(world, sight, tool, ids[0], name, **arguments | {ids[1]: also}, mode=mode, also=also)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_colleagues_alone_is_refused_with_her_own_too(
    world: Connection, sight: Sight, mode: RuleMode
) -> None:
    staffs = [(tool, some) for tool, some in CHANGES if tool in ("refund_payment", "create_credit_memo")]
    staffs += [(tool, some) for tool, some in CHANGES if tool == "schedule_meeting"]
    staffs += [(tool, some) for tool, some in CHANGES if some.get("internal") or some.get("note")]
    assert len(staffs) == 5
    for tool, arguments in staffs:
        before = written(world)
        answer = asked(world, tool, arguments, mode)
        assert answer.startswith("refused")
        assert f"{OWN} is a customer and cannot" in answer
        assert written(world) == before


def test_her_own_can_be_changed(world: Connection, sight: Sight) -> None:
    """Else the refusals of this file would show nothing."""
    done: set[str] = set()
    for tool, arguments in CHANGES:
        with undone(world):
            answer = asked(world, tool, arguments)
            nothing_leaks(re.sub(r"(TCK|RET)-[0-9]+", "", answer), sight)
            if not answer.startswith("refused"):
                done.add(tool)
    assert {"create_ticket", "add_ticket_message", "update_customer", "change_subscription"} <= done


# --- through the server


@pytest.fixture
async def crm(tmp_path: Path) -> AsyncGenerator[Path]:
    async with server.running(Settings(tmp_path / "crm.db", pack="scenarios")):
        yield tmp_path / "crm.db"


async def test_the_tools_keep_to_it(crm: Path) -> None:
    before, by = told(crm), Principal(OWN, roles=("customer",))
    chosen = dict(CHANGES) | {
        "get_record": {"record_id": ""},
        "find_records": {"record_type": "order", "customer_id": ""},
    }
    for number, (tool, arguments) in enumerate(chosen.items()):
        main = next(name for name in arguments if name.endswith("_id"))
        answers: list[str] = []
        prefix = "ORD" if main == "record_id" else main[:3].upper().replace("TIC", "TCK")
        for which, one in enumerate((f"{prefix}-{_THEIRS[prefix]}", f"{prefix}-99887766")):
            plain = msgspec.to_builtins(arguments | {main: one})
            result = await call_as(by, tool, f"key-{number}-{which}", plain)
            assert result.is_error
            answers.append(general(msgspec.json.encode(result).decode(), one))
        assert answers[0] == answers[1]
    assert told(crm) == before


def told(database: Path) -> list[str]:
    """The world, without the keys of calls."""
    return [line for line in dump(database) if "toolward_keys" not in line]


_THEIRS = {"CUS": "2002", "ORD": "1008", "TCK": "3001", "PAY": "5008", "SUB": "6001"}
