"""Subscriptions and meetings: what is agreed with customers lies inside the shop's rules."""

import json
from calendar import monthrange
from collections.abc import Generator
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, update

from tests.unit.crm_calls import call
from tests.unit.crm_worlds import filled, undone
from toolservers.crm.actor import CUSTOMER, Actor
from toolservers.crm.changes import change_subscription, schedule_meeting
from toolservers.crm.due import agreements
from toolservers.crm.kinds import RuleMode
from toolservers.crm.machines import may_become
from toolservers.crm.packs.tiny import PACK
from toolservers.crm.passing import CLOSES
from toolservers.crm.reading import get_record
from toolservers.crm.records import Meeting, Subscription
from toolservers.crm.rules.meetings import is_one_instant
from toolservers.crm.rules.subscriptions import PRICES, after_months, pro_rata
from toolservers.crm.tools import Settings, server
from toolservers.crm.work import View, Work
from toolservers.crm.world.clock import holidays, is_working_day, working_days_between
from toolservers.crm.world.tables import contacts, customers, events, meetings, subscriptions, world
from toolward.errors import ToolError

ADA = Actor("ada", frozenset({"support"}))
LOTTE = Actor("lotte.visser@zonneweide.example", frozenset({CUSTOMER}), "CUS-2008")
PIETER = Actor("inkoop@zonneweide.example", frozenset({CUSTOMER}), "CUS-2008")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
TODAY = date(2026, 11, 16)

in_one_world = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Generator[Connection]:
    with filled(tmp_path_factory.mktemp("agreements") / "crm.db", PACK) as connection:
        yield connection


@pytest.fixture
def here(once: Connection) -> Generator[Connection]:
    with undone(once):
        yield once


def work(connection: Connection, actor: Actor = ADA, mode: RuleMode = "enforce") -> Work:
    return Work(connection, actor, mode)


def turned(connection: Connection, identity: str, change: Any, *, dry_run: bool = False, **other: Any) -> str:
    """What the tool says of a subscription's change."""
    by = work(connection, other.pop("actor", ADA), other.pop("mode", "enforce"))
    asked: dict[str, Any] = {"plan": "", "months": 0, "expected_version": 0}
    return change_subscription(by, identity, change, dry_run=dry_run, **(asked | other)).says


def subscription(connection: Connection, identity: str, mode: RuleMode = "enforce") -> Subscription:
    shown = get_record(View(connection, ADA, mode), identity, None)
    assert isinstance(shown, Subscription)
    return shown


def it_is(connection: Connection, instant: datetime) -> None:
    connection.execute(update(world).values(now=instant.astimezone(UTC).replace(tzinfo=None)))


# Subscriptions


@pytest.mark.parametrize(
    ("identity", "change", "asked", "after", "said"),
    [
        ("SUB-6001", "upgrade", {}, {"pending_plan": "large", "pending_on": date(2026, 12, 4), "plan": "small"},
         "to the large box (29.00 EUR) with the delivery of 2026-12-04"),
        ("SUB-6004", "downgrade", {"plan": "SMALL"}, {"pending_plan": "small", "pending_on": date(2026, 12, 14)},
         "(18.00 EUR) with the delivery of 2026-12-14. What has been charged is not given back"),
        ("SUB-6001", "rhythm", {"months": 3}, {"pending_rhythm_months": 3, "rhythm_months": 1},
         "every 3 months, not 1"),
        ("SUB-6001", "pause", {"months": 3}, {"status": "paused", "paused_until": date(2027, 2, 16),
         "next_on": date(2027, 3, 4), "pauses_this_year": 1}, "paused until 2027-02-16"),
        ("SUB-6005", "resume", {}, {"status": "active", "paused_until": None, "next_on": date(2027, 2, 3)},
         "goes on"),
        ("SUB-6001", "end", {}, {"status": "ended", "ended_on": TODAY, "next_on": None},
         "has ended, without a fee"),
        ("SUB-6005", "end", {}, {"status": "ended", "paused_until": None}, "has ended"),
        ("SUB-6002", "upgrade", {}, {"plan": "Scale", "pending_plan": ""},
         "at once: 35.00 EUR is charged for the 15 days left of this month, then 99.00 EUR a month"),
        ("SUB-6003", "downgrade", {"plan": "team"}, {"plan": "Scale", "pending_plan": "Team",
         "pending_on": date(2026, 12, 1)}, "moves from Scale to Team on 2026-12-01, then 29.00 EUR a month"),
        ("SUB-6003", "downgrade", {"plan": "Basic"}, {"pending_plan": "Basic"},
         "sign-on must be switched off before"),
    ],
)  # fmt: skip
def test_a_subscription_changes_as_the_pages_say(
    here: Connection, identity: str, change: str, asked: dict[str, Any], after: dict[str, Any], said: str
) -> None:
    before = subscription(here, identity)
    rehearsed = turned(here, identity, change, dry_run=True, **asked)
    assert subscription(here, identity) == before
    assert f"Nothing is changed yet. {turned(here, identity, change, **asked)}" == rehearsed
    assert said in rehearsed
    shown = subscription(here, identity)
    assert {name: getattr(shown, name) for name in after} == after
    assert shown.version == 2
    assert shown.price.amount_minor == PRICES[shown.kind][shown.plan]


def test_what_a_dry_run_shows_is_the_version_to_expect(here: Connection) -> None:
    asked: dict[str, Any] = {"plan": "", "months": 0}
    shown = change_subscription(work(here), "SUB-6001", "end", **asked, expected_version=0, dry_run=True)
    assert (shown.version, shown.dry_run) == (1, True)
    done = change_subscription(
        work(here), "SUB-6001", "end", **asked, expected_version=shown.version, dry_run=False
    )
    assert (done.version, done.dry_run, done.changes) == (2, False, shown.changes)


@pytest.mark.parametrize(
    ("identity", "change", "asked", "said"),
    [
        ("SUB-6001", "downgrade", {}, "is on plan small. Rule plans-as-offered.*No plan is below it"),
        ("SUB-6003", "downgrade", {}, r"Name in `plan` one below it: Team, Basic\."),
        ("SUB-6002", "upgrade", {"plan": "Basic"}, r"Basic is not above it.*one above it: Scale\."),
        ("SUB-6001", "upgrade", {"plan": "Team"}, "Team is not above it"),
        ("SUB-6001", "upgrade", {"plan": "large", "months": 2}, "`months` is for rhythm and pause"),
        ("SUB-6001", "pause", {"months": 1, "plan": "large"}, "`plan` is for upgrade and downgrade"),
        ("SUB-6001", "rhythm", {"months": 4}, "Rule rhythm-of-1-2-or-3-months"),
        (
            "SUB-6001",
            "rhythm",
            {"months": 1},
            "Nothing would change: SUB-6001 is active, on plan small, every 1",
        ),
        ("SUB-6002", "rhythm", {"months": 2}, "is a Connect plan, charged every month"),
        ("SUB-6001", "pause", {"months": 4}, "cannot be paused for 4 months.*Rule pause-up-to-3-months"),
        ("SUB-6001", "pause", {}, "needs `months`"),
        ("SUB-6004", "pause", {"months": 1}, r"has had 2 pauses this year.*longer rhythm \(every 3 months\)"),
        ("SUB-6005", "pause", {"months": 1}, "is paused until 2027-01-15 already"),
        ("SUB-6002", "pause", {"months": 1}, "Rule connect-is-not-paused: .*Basic keeps the data"),
        ("SUB-6002", "end", {}, "closes the account in the portal"),
        ("SUB-6001", "resume", {}, "is not paused"),
        ("SUB-6001", "end", {"expected_version": 4}, "version 4 was expected"),
        (
            "SUB-6002",
            "downgrade",
            {"actor": LOTTE},
            r"You are buyer .*The administrators are Pieter Bakker\.",
        ),
        ("SUB-6003", "downgrade", {"actor": PIETER, "plan": "Team"}, "There is no subscription SUB-6003"),
        ("ORD-1007", "end", {}, "type order, not subscription"),
    ],
)
def test_a_subscription_that_cannot_change_so_is_refused(
    here: Connection, identity: str, change: str, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(ToolError, match=said):
        turned(here, identity, change, **asked)


def test_users_must_fit_before_a_downgrade(here: Connection) -> None:
    third = {"customer_id": "CUS-2009", "number": 3, "name": "Eva", "email": "eva@lindenhof.example"}
    here.execute(contacts.insert(), third | {"role": "viewer"})
    with pytest.raises(ToolError, match=r"CUS-2009 has 3 users, and Basic takes 2. Rule users-fit-the-plan"):
        turned(here, "SUB-6003", "downgrade", plan="Basic")
    turned(here, "SUB-6003", "downgrade", plan="Team")
    assert "stays on Scale: the move to Team is withdrawn" in turned(
        here, "SUB-6003", "downgrade", plan="Scale"
    )
    assert subscription(here, "SUB-6003").pending_on is None
    turned(here, "SUB-6002", "downgrade", actor=PIETER)
    assert subscription(here, "SUB-6002").pending_plan == "Basic"
    assert "at once" in turned(here, "SUB-6002", "upgrade")
    assert subscription(here, "SUB-6002").pending_plan == ""


def test_near_a_delivery_it_is_too_late_to_stop_it(here: Connection) -> None:
    for day, allowed in ((1, True), (2, False), (4, False)):
        it_is(here, datetime(2026, 12, day, 12, tzinfo=UTC))
        for change, months in (("end", 0), ("pause", 2)):
            with undone(here):
                if allowed:
                    turned(here, "SUB-6001", change, months=months)
                    continue
                with pytest.raises(ToolError, match="delivery of SUB-6001 is on 2026-12-04, too near"):
                    turned(here, "SUB-6001", change, months=months)
    turned(here, "SUB-6001", "upgrade")  # what is being packed is small still
    assert subscription(here, "SUB-6001").pending_on == date(2027, 1, 4)


def test_what_was_to_change_waits_for_the_delivery_that_is_next(here: Connection) -> None:
    turned(here, "SUB-6001", "upgrade")
    turned(here, "SUB-6001", "rhythm", months=2)
    turned(here, "SUB-6001", "pause", months=2)
    shown = subscription(here, "SUB-6001")
    assert (shown.next_on, shown.pending_on) == (date(2027, 2, 4), date(2027, 2, 4))
    turned(here, "SUB-6001", "rhythm", months=1)
    turned(here, "SUB-6001", "resume")
    shown = subscription(here, "SUB-6001")
    assert (shown.next_on, shown.pending_on, shown.pending_plan) == (date(2026, 12, 4),) * 2 + ("large",)
    assert shown.pending_rhythm_months is None
    turned(here, "SUB-6001", "upgrade", plan="small")
    assert subscription(here, "SUB-6001").pending_on is None


@pytest.mark.parametrize("identity", ["SUB-6001", "SUB-6002", "SUB-6003", "SUB-6004", "SUB-6005"])
@pytest.mark.parametrize("mode", ["enforce", "advise", "off"])
def test_what_is_shown_as_allowed_is_allowed_and_nothing_else(
    here: Connection, identity: str, mode: RuleMode
) -> None:
    shown = subscription(here, identity, mode)
    down = {"SUB-6003": "Team"}.get(identity, "")
    other = {"plan": down}, {"months": 1 if shown.rhythm_months > 1 else 2}
    asked: dict[str, dict[str, Any]] = {"downgrade": other[0], "rhythm": other[1], "pause": {"months": 1}}
    for one in shown.allowed_actions:
        change = one.action.removeprefix("change_subscription: ")
        with undone(here):
            try:
                turned(here, identity, change, mode=mode, **asked.get(change, {}))
                done, why = True, ""
            except ToolError as refused:
                done, why = False, str(refused)
        assert one.allowed is done, one.action
        assert one.allowed or why.startswith(one.reason)


def test_a_closed_customers_subscription_rests(here: Connection) -> None:
    here.execute(update(customers).where(customers.c.id == "CUS-2001").values(status="closed"))
    with pytest.raises(ToolError, match="Rule account-open"):
        turned(here, "SUB-6001", "upgrade")


@settings(in_one_world, max_examples=30)
@given(
    st.sampled_from(["SUB-6001", "SUB-6002", "SUB-6003", "SUB-6004", "SUB-6005"]),
    st.lists(
        st.tuples(
            st.sampled_from(["upgrade", "downgrade", "rhythm", "pause", "resume", "end"]),
            st.sampled_from(["", "small", "large", "Basic", "Team", "Scale"]),
            st.integers(0, 5),
            st.integers(0, 12),
        ),
        max_size=12,
    ),
)
@example("SUB-6001", [("upgrade", "", 0, 12), ("rhythm", "", 2, 6)])
def test_each_history_of_a_subscription_keeps_its_rules(
    once: Connection, identity: str, wishes: list[tuple[str, str, int, int]]
) -> None:
    with undone(once) as connection:
        day = TODAY
        for change, plan, months, days in wishes:
            for _ in range(days):
                _ends(connection, day)
                day += timedelta(1)
            it_is(connection, datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
            before = subscription(connection, identity)
            try:
                turned(connection, identity, change, plan=plan, months=months)
            except ToolError:
                assert subscription(connection, identity).version == before.version
                continue
            _keeps_its_rules(before, subscription(connection, identity), day)
        chosen = select(events.c.changes).where(events.c.record_id == identity).order_by(events.c.seq)
        changes = [json.loads(told) for told in connection.scalars(chosen)]
        path = [told["status"] for told in changes if "status" in told]
        assert all(may_become("subscription", *step) for step in path)
        assert all(one[1] == after[0] for one, after in pairwise(path))


def _ends(connection: Connection, day: date) -> None:
    """What was agreed for it takes place."""
    it_is(connection, datetime.combine(day, CLOSES, AMSTERDAM))
    agreements(Work(connection, Actor("clock"), "off"))


def _keeps_its_rules(before: Subscription, now: Subscription, today: date) -> None:
    assert now.version == before.version + 1
    assert may_become("subscription", before.status, now.status)
    assert now.pauses_this_year <= 2
    assert now.price.amount_minor == PRICES[now.kind][now.plan]
    assert now.rhythm_months in (1, 2, 3)
    assert (now.status == "paused") is (now.paused_until is not None)
    assert (now.status == "ended") is (now.next_on is None) is (now.ended_on is not None)
    assert (now.pending_on is not None) is bool(now.pending_plan or now.pending_rhythm_months)
    # What takes effect when the shop closes today may still be amended at noon.
    assert now.pending_on is None or now.pending_on > today or now.pending_on == before.pending_on == today
    if now.status == "paused" and before.status == "active":
        assert now.kind == "refill_club"
        assert now.pauses_this_year == before.pauses_this_year + 1
        assert now.paused_until is not None
        assert now.next_on is not None
        assert today < now.paused_until <= after_months(today, 3)
        assert now.next_on >= now.paused_until


@given(st.dates(date(2026, 1, 1), date(2028, 12, 31)), st.integers(0, 10**6), st.integers(0, 10**6))
def test_pro_rata_is_exact(today: date, old: int, new: int) -> None:
    old, new = sorted((old, new))
    charge, days = pro_rata(old, new, today)
    month = monthrange(today.year, today.month)[1]
    assert days == month - today.day + 1
    assert Fraction(-1, 2) < charge - Fraction((new - old) * days, month) <= Fraction(1, 2)
    assert 0 <= charge <= new - old


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(-40, 40))
def test_months_end_where_they_end(day: date, months: int) -> None:
    after = after_months(day, months)
    assert (after.year - day.year) * 12 + after.month - day.month == months
    assert after.day == min(day.day, monthrange(after.year, after.month)[1])


# Meetings


def invited(connection: Connection, actor: Actor = ADA, mode: RuleMode = "enforce", **other: Any) -> Meeting:
    asked: dict[str, Any] = {
        "customer_id": "CUS-2008",
        "starts_at": datetime(2026, 11, 20, 10),  # noqa: DTZ001 -- of Amsterdam's clock
        "minutes": 30,
        "purpose": "The late pallet.",
        "participants": ["Inkoop@zonneweide.example", "ada@fernhill.example"],
        "agenda": ["Where it is", "What we owe"],
        "attachments": ["report.pdf"],
        "ticket_id": "TCK-3005",
    }
    made = schedule_meeting(work(connection, actor, mode), **(asked | other))
    shown = get_record(View(connection, ADA), made.id, None)
    assert isinstance(shown, Meeting)
    return shown


def test_a_meeting_is_recorded_with_its_invitation(here: Connection) -> None:
    shown = invited(here)
    assert (shown.id, shown.status, shown.ticket_id) == ("MTG-1001", "scheduled", "TCK-3005")
    assert shown.starts_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert shown.participants == ["inkoop@zonneweide.example", "ada@fernhill.example"]
    assert (shown.agenda, shown.attachments) == (["Where it is", "What we owe"], ["report.pdf"])
    invitation = json.loads(str(here.scalar(select(meetings.c.invitation))))
    assert invitation["starts_at"] == "2026-11-20T10:00:00+01:00"
    assert invitation["ticket"] == "TCK-3005"
    beside = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    assert invited(here, starts_at=beside).id == "MTG-1002"


def at(text: str) -> dict[str, Any]:
    return {"starts_at": datetime.fromisoformat(text)}


EIGHT = [f"guest{n}@zonneweide.example" for n in range(8)]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (at("2026-11-17T10:00"), "is too soon. Rule meeting-notice.*first possible day is 2026-11-18"),
        (at("2026-11-15T10:00"), "at a weekend.*too soon"),
        (at("2026-11-21T10:00"), "Saturday 2026-11-21 10:00 to 10:30.*at a weekend.*day is 2026-11-23"),
        (at("2026-12-25T10:00"), "on a public holiday.*day is 2026-12-28"),
        (at("2026-11-20T08:59"), "outside these hours. Rule meeting-hours"),
        (at("2026-11-20T16:31"), "outside these hours"),
        (at("2026-11-20T10:00-08:00"), "19:00 to 19:30.*outside these hours"),
        (at("2027-01-16T10:00"), "too far away.*last possible day is 2027-01-15"),
        (at("2027-03-28T02:30"), r"not at all a time in Amsterdam.*offset: \+01:00 or \+02:00\."),
        (at("2026-10-25T02:30"), r"twice a time in Amsterdam.*offset: \+02:00 or \+01:00\."),
        (at("9999-12-31T23:59-12:00"), "9999 is not near 2026"),
        (at("0001-01-01T00:00+14:00"), "1 is not near 2026"),
        ({"minutes": 45}, "45 minutes were asked for. Rule meeting-lengths"),
        ({"minutes": 10**30}, "Rule meeting-lengths"),
        ({"minutes": -30}, "Rule meeting-lengths"),
        ({"participants": ["ada@fernhill.example"]}, "Invite inkoop@zonneweide.example too"),
        ({"participants": ["inkoop@zonneweide.example", *EIGHT]}, "9 people were named"),
        ({"participants": ["inkoop@zonneweide.example", "Ada"]}, "'ada' is no e-mail address"),
        ({"participants": ["inkoop@zonneweide.example", "empfang@lindenhof.example"]},
         "belongs to another customer"),
        ({"agenda": ["x"] * 6}, "The agenda has 6 points"),
        ({"agenda": ["x\x00"]}, r"`agenda` holds U\+0000"),
        ({"purpose": " "}, "`purpose` has no text"),
        ({"purpose": "For card 4111111111111111"}, "card number"),
        ({"attachments": ["../report.pdf"]}, "is no file name of a PDF"),
        ({"attachments": ["report.exe"]}, "Rule reports-as-pdf"),
        ({"attachments": ["a.pdf", "a.pdf"]}, "or one twice"),
        ({"ticket_id": "TCK-3003"}, "TCK-3003 is no ticket of CUS-2008"),
        ({"customer_id": "CUS-2004", "ticket_id": ""},
         "CUS-2004 is a private customer. Rule meetings-with-business"),
        ({"actor": PIETER}, "cannot schedule a meeting. Rule staff-only"),
    ],
)  # fmt: skip
def test_a_meeting_that_cannot_be_is_refused(here: Connection, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolError, match=said) as refused:
        invited(here, **asked)
    assert "CUS-2009" not in str(refused.value)
    assert here.scalar(select(meetings.c.id)) is None


@pytest.mark.parametrize(
    ("start", "minutes", "fits"),
    [
        ("09:30", 30, True),
        ("09:31", 30, False),
        ("10:15", 15, False),
        ("10:29", 60, False),
        ("10:30", 60, True),
    ],
)
def test_a_customer_has_one_meeting_at_a_time(here: Connection, start: str, minutes: int, fits: bool) -> None:
    invited(here)
    wish: dict[str, Any] = at(f"2026-11-20T{start}") | {"minutes": minutes}
    if fits:
        invited(here, **wish)
    else:
        with pytest.raises(ToolError, match="MTG-1001 is from 2026-11-20 10:00 to 10:30"):
            invited(here, **wish)
    other: dict[str, Any] = {
        "customer_id": "CUS-2009",
        "ticket_id": "",
        "participants": ["einkauf@lindenhof.example"],
    }
    invited(here, **(wish | other))


_OFFSETS = st.one_of(st.none(), st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))))
_NOWS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@in_one_world
@given(
    _NOWS,
    st.integers(0, 70),
    st.sampled_from([0, 1, 2, 3, 8, 9, 10, 12, 16, 17, 23]),
    st.sampled_from([0, 15, 30, 45]),
    st.sampled_from([15, 30, 45, 60]),
    _OFFSETS,
)
def test_every_meeting_that_is_accepted_lies_inside_the_rules(
    once: Connection, now: datetime, ahead: int, hour: int, minute: int, minutes: int, offset: timezone | None
) -> None:
    day = (now + timedelta(ahead)).date()
    wish = datetime(day.year, day.month, day.day, hour, minute, tzinfo=offset)
    with undone(once) as connection:
        it_is(connection, now)
        try:
            made = invited(connection, starts_at=wish, minutes=minutes)
        except ToolError:
            assert not _inside(wish if offset else wish.replace(tzinfo=AMSTERDAM), minutes, now)
            return
    assert _inside(made.starts_at, minutes, now)
    local = made.starts_at.astimezone(AMSTERDAM)
    assert local.replace(tzinfo=None) == wish if offset is None else made.starts_at == wish


def _inside(starts_at: datetime, minutes: int, now: datetime) -> bool:
    begins = starts_at.astimezone(AMSTERDAM)
    ends = (starts_at + timedelta(minutes=minutes)).astimezone(AMSTERDAM)
    today, day = now.astimezone(AMSTERDAM).date(), begins.date()
    return (
        minutes in (15, 30, 60)
        and begins.weekday() < 5
        and day not in holidays(day.year)
        and begins.hour >= 9
        and (ends.hour, ends.minute) <= (17, 0)
        and ends.date() == day
        and working_days_between(today, day) >= 2
        and is_working_day(day)
        and (day - today).days <= 60
    )


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)))  # noqa: DTZ001 -- of Amsterdam's clock
def test_a_time_without_offset_is_refused_only_where_clocks_change(naive: datetime) -> None:
    for day in (naive.date(), date(2026, 3, 29), date(2026, 10, 25)):
        wish = naive.replace(month=day.month, day=day.day)
        strange = day in (date(2026, 3, 29), date(2026, 10, 25)) and wish.hour == 2
        now = datetime(2026, 11, 16, tzinfo=UTC)
        assert bool(is_one_instant(wish, now)) is strange
        assert not is_one_instant(wish.replace(tzinfo=UTC), now)


async def test_the_tools_take_what_clients_send(tmp_path: Path) -> None:
    async with server.running(Settings(tmp_path / "crm.db")):
        made = await call(
            "schedule_meeting",
            customer_id="inkoop@zonneweide.example",
            starts_at="2026-11-20T10:00:00",
            minutes=30,
            purpose="The late pallet.",
            participants=["inkoop@zonneweide.example"],
        )
        assert made.structured["id"] == "MTG-1001", made.text
        shown = (await call("get_record", record_id="MTG-1001")).structured
        assert shown["starts_at"] == "2026-11-20T09:00:00Z"
        paused = await call(
            "change_subscription", subscription_id="SUB-6001", change="pause", months=2, dry_run=True
        )
        assert (paused.structured["dry_run"], paused.structured["status"]) == (True, "paused")
        assert {"field": "pauses_this_year", "before": 0, "after": 1} in paused.structured["changes"]
        for identity, record_type in (("SUB-6001", ""), ("SLA-1", ""), ("fraud", "team"), ("CUS-2008", "")):
            named = {"record_id": identity} | ({"record_type": record_type} if record_type else {})
            assert (await call("get_record", **named)).structured["version"] == 1
        moved = await call(
            "update_customer",
            customer_id="CUS-2002",
            address={"street": "Elbweg 1", "postcode": "01067", "city": "Dresden", "country": "Germany"},
        )
        assert [one["field"] for one in moved.structured["changes"]] == ["address"], moved.text
        opened = await call("create_ticket", customer_id="CUS-2002", title="Hello", body="There.")
        assert opened.structured["id"] == "TCK-3009", opened.text


def test_subscriptions_of_the_pack_have_the_prices_of_the_pages() -> None:
    assert all(one.price_minor == PRICES[one.kind][one.plan] for one in PACK.subscriptions)
    assert subscriptions.c.price_minor.type.python_type is int
