"""Meetings: with whom, when, how long. An empty list means: it may be held."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from toolservers.crm.actor import Actor
from toolservers.crm.rules.customers import is_email
from toolservers.crm.rules.people import may_be_changed, staff_only
from toolservers.crm.rules.rule import Refusal, Rule
from toolservers.crm.rules.text import LINE, spoken
from toolservers.crm.world.clock import add_working_days, is_working_day, local, working_days_between, zone
from toolservers.crm.world.hours import CLOSES, OPENS

Row = dict[str, Any]

_PAGE = "scheduling-meetings"

BUSINESS_ONLY = Rule(
    "meetings-with-business-customers",
    "Meetings are with business customers; private customers are helped by chat and telephone.",
    _PAGE,
    ("Private customers are helped by chat and", "are not invited to meetings"),
)
LENGTHS = Rule(
    "meeting-lengths",
    "A meeting takes 15, 30 or 60 minutes.",
    _PAGE,
    ("Length: 15, 30 or 60 minutes.",),
    always=True,
)
HOURS = Rule(
    "meeting-hours",
    "Meetings lie between 9 and 17 h in Amsterdam, Monday to Friday, not on Dutch public holidays.",
    _PAGE,
    ("Between 9 and 17 h Central European Time, Monday to Friday, not on Dutch public holidays.",),
)
NOTICE = Rule(
    "meeting-notice",
    "A meeting is at least 2 working days and at most 60 days ahead.",
    _PAGE,
    ("At least 2 working days ahead, at most 60 days ahead.",),
)
PEOPLE = Rule(
    "meeting-people",
    "Not more than 8 people meet, of whom one is the customer's administrator.",
    _PAGE,
    ("Not more than 8 people, of whom one is the customer's administrator",),
)
NO_STRANGERS = Rule(
    "meeting-of-one-customer",
    "No other customer is invited to a customer's meeting.",
    _PAGE,
    ("Never attach a report that", "shows another customer's figures"),
    always=True,
)
AGENDA = Rule(
    "agenda-of-five-points",
    "An agenda has at most five points.",
    _PAGE,
    ("an agenda of at most five points",),
)
REPORTS = Rule(
    "reports-as-pdf",
    "Attachments are PDF files, by their names alone.",
    _PAGE,
    ("Reports and other attachments go with the invitation as PDF",),
    always=True,
)
ONE_TIME = Rule(
    "time-that-exists-once", "A time is one instant: where clocks change it needs its offset.", always=True
)
IN_REACH = Rule("time-in-reach", "A time is of this year or one of its neighbours.", always=True)
NO_OVERLAP = Rule(
    "one-meeting-at-a-time",
    "A customer has one meeting at a time.",
    _PAGE,
    ("A customer has one meeting at a time.",),
)

MINUTES = (15, 30, 60)
WORKING_DAYS_AHEAD = 2
DAYS_AHEAD = 60
MOST_PEOPLE = 8
MOST_POINTS = 5
MOST_REPORTS = 10
_FILE = re.compile(r"[^\\/:*?\"<>|]+\.pdf", re.IGNORECASE)


class Standing(NamedTuple):
    """Whether a customer is met at all: a company, or one with a Connect plan. Addresses are in lower case."""

    customer: Row
    business: bool
    administrators: Sequence[str]


class Slot(NamedTuple):
    """An instant, aware, and how long from there."""

    starts_at: datetime
    minutes: int

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)


def may_be_met(actor: Actor, standing: Standing) -> list[Refusal]:
    refusals = staff_only(actor, "schedule a meeting") + may_be_changed(standing.customer)
    if not standing.business:
        because = f"{standing.customer['id']} is a private customer."
        refusals.append(Refusal(BUSINESS_ONLY, because, "Answer in their ticket, or offer a telephone call."))
    return refusals


def is_one_instant(starts_at: datetime, now: datetime) -> list[Refusal]:
    """A time without an offset is Amsterdam's: not every one exists there, and some do twice."""
    if abs(starts_at.year - now.year) > 1:
        return [Refusal(IN_REACH, f"{starts_at.year} is not near {now.year}.", _last_day(now))]
    if starts_at.tzinfo is not None:
        return []
    first, second = (starts_at.replace(tzinfo=zone(), fold=fold) for fold in (0, 1))
    offsets = [_offset(first), _offset(second)]
    if offsets[0] == offsets[1]:
        return []
    exists = first.astimezone(UTC).astimezone(zone()).replace(tzinfo=None) == starts_at.replace(fold=0)
    how = "twice" if exists else "not at all"
    because = f"{starts_at:%Y-%m-%d %H:%M} is {how} a time in Amsterdam: the clocks change there."
    step = f"Give it with an offset: {' or '.join(offsets)}."
    return [Refusal(ONE_TIME, because, step)]


def _offset(instant: datetime) -> str:
    return f"{instant:%z}"[:3] + ":" + f"{instant:%z}"[3:5]


def instant_of(starts_at: datetime) -> datetime:
    """In UTC; without an offset, of Amsterdam's clock."""
    return (starts_at if starts_at.tzinfo else starts_at.replace(tzinfo=zone())).astimezone(UTC)


def may_take(minutes: int) -> list[Refusal]:
    if minutes in MINUTES:
        return []
    return [Refusal(LENGTHS, f"{minutes:.6g} minutes were asked for.", "Choose one of these.")]


def may_lie(slot: Slot, now: datetime) -> list[Refusal]:
    """Whether the rules of time take it."""
    begins, ends, today = local(slot.starts_at), local(slot.ends_at), local(now).date()
    day, refusals = begins.date(), list[Refusal]()
    shown = f"{begins:%A %Y-%m-%d %H:%M} to {ends:%H:%M} (Amsterdam)"
    if not is_working_day(day):
        reason = "at a weekend" if day.weekday() > 4 else "on a public holiday"
        step = f"The next working day is {add_working_days(day, 1)}."
        refusals.append(Refusal(HOURS, f"{shown} is {reason}.", step))
    elif begins.time() < OPENS or ends.date() != day or ends.time() > CLOSES:
        refusals.append(Refusal(HOURS, f"{shown} is outside these hours.", "Ask for another time."))
    if working_days_between(today, min(day, today + timedelta(DAYS_AHEAD))) < WORKING_DAYS_AHEAD:
        step = f"The first possible day is {add_working_days(today, WORKING_DAYS_AHEAD)}."
        refusals.append(Refusal(NOTICE, f"{shown} is too soon.", step))
    if (day - today).days > DAYS_AHEAD:
        refusals.append(Refusal(NOTICE, f"{shown} is too far away.", _last_day(now)))
    return refusals


def _last_day(now: datetime) -> str:
    return f"The last possible day is {local(now).date() + timedelta(DAYS_AHEAD)}."


def are_addresses(invited: Sequence[str]) -> list[Refusal]:
    """Asked before anybody is looked up by them: what is no address need not be text that a database takes."""
    return [refusal for email in invited for refusal in is_email(email)][:1]


def may_take_part(standing: Standing, invited: Sequence[str], strangers: bool) -> list[Refusal]:
    """`invited` in lower case. `strangers`: somebody else's customers are among them; it is not said who."""
    refusals = are_addresses(invited)
    if len(invited) > MOST_PEOPLE:
        step = "Invite fewer, and send the others the summary."
        refusals.append(Refusal(PEOPLE, f"{len(invited)} people were named.", step))
    if not set(standing.administrators) & set(invited):
        step = f"Invite {' or '.join(standing.administrators)} too."
        refusals.append(Refusal(PEOPLE, "No administrator is among the participants.", step))
    if strangers:
        because = "Among the participants is an address that belongs to another customer."
        refusals.append(Refusal(NO_STRANGERS, because, "Invite people of this customer and our own only."))
    return refusals


def may_be_sent(purpose: str, agenda: Sequence[str], attachments: Sequence[str]) -> list[Refusal]:
    """Whether an invitation may say and carry this."""
    refusals = spoken("purpose", purpose, LINE, lines=False, needed=True)
    for point in agenda:
        refusals += spoken("agenda", point, LINE, lines=False, needed=True)
    if len(agenda) > MOST_POINTS:
        refusals.append(Refusal(AGENDA, f"The agenda has {len(agenda)} points.", "Put some together."))
    for name in attachments:
        refusals += spoken("attachments", name, LINE, lines=False, needed=True)
    if refusals:  # what is wrong with it is not repeated below
        return refusals
    wrong = [
        name
        for name in attachments
        if len(name) > LINE or not _FILE.fullmatch(name) or not name.isprintable()
    ]
    if wrong or len(set(attachments)) != len(attachments) or len(attachments) > MOST_REPORTS:
        said = (
            f"{wrong[0][:60]!r} is no file name of a PDF." if wrong else "Too many attachments, or one twice."
        )
        step = f"Give at most {MOST_REPORTS} different names like report.pdf, without folders."
        refusals.append(Refusal(REPORTS, said, step))
    return refusals


def may_stand_beside(slot: Slot, others: Sequence[tuple[str, Slot]]) -> list[Refusal]:
    """`others`: the customer's meetings that are to come, with their ids."""
    for identity, other in others:
        if slot.starts_at < other.ends_at and other.starts_at < slot.ends_at:
            at = f"{local(other.starts_at):%Y-%m-%d %H:%M} to {local(other.ends_at):%H:%M} (Amsterdam)"
            return [Refusal(NO_OVERLAP, f"{identity} is from {at}.", "Choose a time before or after it.")]
    return []
