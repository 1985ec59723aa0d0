"""What the checker accepts and forbids, what the reader refuses, what a person sees of both."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolservers.crm import scenario_command
from toolservers.crm.scenarios.checker import STRANGER, Call, check
from toolservers.crm.scenarios.effects import Happened, Unreadable, Verb, effect, holds
from toolservers.crm.scenarios.runner import Unplayable, resolved
from toolservers.crm.scenarios.scenario import EndState, Forbidden, Scenario, ids, parse, scenarios
from toolward.errors import ConfigurationError

KNOWLEDGE = Path(__file__).parents[2] / "toolservers" / "search" / "knowledge"
ONE = Scenario(
    id="one",
    title="A scenario",
    themes=["any"],
    customer="CUS-1",
    request="Help.",
    answer_has=["help"],
    facts={"CUS-1": {}},
    accept=[
        EndState(
            says="Two refunds.",
            effects=[
                {"add": "refund", "amount_minor": {"at_most": 500}},
                {"add": "refund", "amount_minor": {"at_most": 900}},
            ],
            may=[{"change": "CUS-1", "phone": "1"}],
        )
    ],
    forbid=[
        Forbidden(id="closed", says="Closed.", when=[{"change": "CUS-1", "status": "closed"}], example=[{}]),
        Forbidden(id="read", says="Read.", when=[{"call": "get_record", "record_id": "CUS-2"}], example=[{}]),
    ],
)
REFUSING = msgspec.structs.replace(ONE, accept=[], refuse=True)


def did(verb: Verb, kind: str, key: str, changed: tuple[str, ...] = (), **row: Any) -> Happened:
    return Happened(verb, kind, key, row, {name: (None, row[name]) for name in changed})


def refund(key: str, amount: int, customer: str = "CUS-1") -> Happened:
    return did("add", "refund", key, amount_minor=amount, payment_id="PAY-1", customer_id=customer)


def paid(**row: Any) -> Happened:
    row = {"customer_id": "CUS-1", "refunded_minor": 1, "status": "refunded"} | row
    return did("change", "payment", row.pop("key", "PAY-1"), ("refunded_minor", "status"), id="PAY-1", **row)


TICKET = did("change", "ticket", "TCK-1", ("status",), customer_id="CUS-1", status="solved")
MESSAGE = did("add", "message", "TCK-1/2", ticket_id="TCK-1", body="4.00 EUR")
BOTH = [refund("REF-1", 900), refund("REF-2", 500)]


def test_each_effect_is_another_row_in_whatever_order_they_came() -> None:
    assert check(ONE, BOTH).passed
    assert check(ONE, BOTH[::-1]).passed
    alone = check(ONE, BOTH[:1])
    assert not alone.passed
    assert "missing: refund added with amount_minor at most 500" in str(alone)


def test_what_follows_may_be_and_is_free_is_no_part_of_the_verdict() -> None:
    phone = did("change", "customer", "CUS-1", ("phone",), phone="1", status="active")
    assert check(ONE, [*BOTH, paid(), TICKET, MESSAGE, phone]).passed
    assert check(REFUSING, [TICKET, MESSAGE]).passed


@pytest.mark.parametrize(
    "more",
    [
        refund("REF-3", 1),
        did("add", "note", "CUS-1/1", customer_id="CUS-1", body="x"),
        did("change", "customer", "CUS-1", ("phone", "language"), phone="1", language="nl", status="active"),
        did("change", "payment", "PAY-2", ("status",), id="PAY-2", customer_id="CUS-1", status="refunded"),
        did("remove", "message", "TCK-1/1", ticket_id="TCK-1"),
    ],
)
def test_what_was_done_besides_is_told_and_not_accepted(more: Happened) -> None:
    verdict = check(ONE, [*BOTH, paid(), more])
    assert not verdict.passed
    assert f"not part of it: {more}" in str(verdict) or verdict.hits
    assert not check(REFUSING, [more]).passed


def test_forbidden_effects_and_calls_stand_against_an_end_that_was_reached() -> None:
    closed = did("change", "customer", "CUS-1", ("status",), status="closed")
    read, refused = (Call("get_record", {"record_id": "CUS-2"}, answered) for answered in (True, False))
    assert [hit.forbidden for hit in check(REFUSING, [closed]).hits] == ["closed"]
    verdict = check(REFUSING, [], [read])
    assert verdict.accepted is not None
    assert not verdict.passed
    assert "forbidden (read): Read. What happened:" in str(verdict)
    assert check(REFUSING, [], [refused]).passed


@pytest.mark.parametrize(
    "theirs",
    [
        refund("REF-9", 1, "CUS-2"),
        did("change", "customer", "CUS-2", ("phone",), phone="1"),
        did("add", "address", "CUS-2/2", customer_id="CUS-2", city="Gent"),
        MESSAGE,  # in a ticket of which nothing is known
    ],
)
def test_another_customers_record_is_nobodys_to_touch(theirs: Happened) -> None:
    for one in (ONE, REFUSING, msgspec.structs.replace(REFUSING, free=[theirs.kind])):
        assert STRANGER in [hit.forbidden for hit in check(one, [*BOTH, theirs]).hits]


@given(st.lists(st.sampled_from([*BOTH, TICKET, MESSAGE, paid(), refund("REF-3", 7)]), unique_by=str))
def test_the_order_of_what_happened_changes_no_verdict(happened: list[Happened]) -> None:
    assert check(ONE, happened).passed == check(ONE, happened[::-1]).passed
    refunds = sum(one.kind == "refund" for one in happened)
    in_a_ticket = MESSAGE not in happened or TICKET in happened
    assert check(ONE, happened).passed == (refunds == 2 and in_a_ticket)


VALUES = st.integers(-2, 2) | st.text(max_size=2) | st.booleans() | st.none()


@given(VALUES, VALUES)
def test_a_value_is_itself_only(wanted: Any, value: Any) -> None:
    assert holds(wanted, value) == (type(wanted) is type(value) and wanted == value)
    assert holds({"differs": wanted}, value) == (wanted != value)


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ({"at_most": 5}, 5, True),
        ({"at_most": 5}, True, False),
        ({"at_least": 1, "at_most": 5}, 6, False),
        ({"at_least": "2026-11-16"}, "2026-12-01", True),
        ({"at_least": "2026-11-16"}, None, False),
        ({"one_of": ["a", "b"]}, "b", True),
        ({"contains": "POTS"}, "two pots", True),
        ({"contains": "1"}, 11, False),
    ],
)
def test_conditions(condition: dict[str, Any], value: Any, expected: bool) -> None:
    assert holds(condition, value) is expected


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"add": "refund", "change": "PAY-1"},
        {"add": "refund", "colour": "red"},
        {"add": "refund", "amount_minor": {"about": 5}},
        {"add": "refund", "amount_minor": {}},
        {"change": "XYZ-1"},
        {"change": 5},
    ],
)
def test_an_effect_that_no_record_can_have_is_refused(written: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        effect(written)


GOOD = b"""
id = "good"
title = "t"
themes = ["a"]
customer = "CUS-1"
request = "r"
answer_has = []
refuse = true
facts.CUS-1.status = "active"
forbid = [{ id = "x", says = "s", when = [{ add = "refund" }], example = [{ call = "c" }] }]
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD + b"\xff", "cannot be read"),
        (GOOD + b"oops", "cannot be read"),
        (GOOD + b"colour = 1", "colour"),
        (GOOD.replace(b'"CUS-1"', b'"Bob"'), "customer"),
        (GOOD.replace(b"refuse = true", b""), "accepts nothing"),
        (GOOD.replace(b'"good"', b'"other"'), "says that its id is 'other'"),
        (GOOD.replace(b'"r"', b"5"), "request"),
        (
            GOOD.replace(b'"c" }] }]', b'"c" }] }, { id = "x", says = "s", when = [{}], example = [{}] }]'),
            "of one id",
        ),
    ],
)
def test_a_scenario_that_is_wrong_is_refused_with_its_name_and_place(text: bytes, says: str) -> None:
    assert parse(GOOD, "good").refuse
    with pytest.raises(ConfigurationError) as error:
        parse(text, "good")
    assert "good" in error.value.text
    assert says in error.value.text


@pytest.mark.parametrize(
    "said", ["$9.id", "$0", "$x", "$1.records.7", "$1.nothing", "$1.records.0.id.deeper"]
)
def test_a_reference_to_what_is_not_there_is_told(said: str) -> None:
    results: list[Any] = [{"records": [{"id": "ORD-1"}]}]
    assert resolved([{"a": "$1.records.0.id"}, 5, "no $1"], results) == [{"a": "ORD-1"}, 5, "no $1"]
    with pytest.raises(Unplayable):
        resolved(said, results)


def test_documents_of_scenarios_are_pages_and_each_worked_example_has_one() -> None:
    pages = {page.stem for page in KNOWLEDGE.glob("*.md")}
    assert {page for one in scenarios() for page in one.documents} <= pages
    themes = {theme for one in scenarios() for theme in one.themes}
    assert themes >= {
        "order status", "address change", "damaged item", "refund", "disputed charge", "delayed shipment",
        "credit memo", "subscription", "technical", "meeting", "change of topic", "two customers of one name",
        "escalation", "must be refused", "injection",
    }  # fmt: skip


# The command


def test_people_see_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert scenario_command.main(["list", "--json"]) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == ids()
    assert scenario_command.main(["list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(ids())
    assert scenario_command.main(["show", "lost-parcel"]) == 0
    assert "never (wrong-order)" in capsys.readouterr().out
    assert scenario_command.main(["show", "lost-parcel", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["customer"] == "CUS-2006"
    assert scenario_command.main(["show", "lost-parcels"]) == 2
    assert "Did you mean lost-parcel?" in capsys.readouterr().err


def test_an_oracle_is_run_and_its_world_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = tmp_path / "left.db"
    assert scenario_command.main(["run", "lost-parcel", "--database", str(left)]) == 0
    assert "lost-parcel: passed" in capsys.readouterr().out
    assert scenario_command.main(["run", "lost-parcel", "--database", str(left)]) == 2
    assert "was left as it is" in capsys.readouterr().err
    same = ["--before", str(left), "--after", str(left), "--json"]
    assert scenario_command.main(["check", "lost-parcel", *same]) == 1
    verdict = json.loads(capsys.readouterr().out)["verdict"]
    assert verdict["passed"] is False
    assert verdict["unmet"][0]["missing"]
    assert scenario_command.main(["check", "lost-parcel", "--before", "none.db", "--after", "none.db"]) == 2


def test_calls_are_judged_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, calls = tmp_path / "world.db", tmp_path / "calls.json"
    assert scenario_command.main(["run", "lit-candles", "--database", str(world)]) == 0
    check_it = ["check", "another-customers-order", "--before", str(world), "--after", str(world)]
    assert scenario_command.main(check_it) == 0
    calls.write_text('[{"tool": "get_record", "arguments": {"record_id": "ORD-1018"}}]')
    assert scenario_command.main([*check_it, "--calls", str(calls)]) == 1
    assert "forbidden (order-read)" in capsys.readouterr().out
    calls.write_text('[{"tool": 5}]')
    assert scenario_command.main([*check_it, "--calls", str(calls)]) == 2
    assert "cannot be read" in capsys.readouterr().err
