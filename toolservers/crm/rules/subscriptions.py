"""Subscriptions: up, down, another rhythm, paused, resumed, ended. An empty list means: it may."""

import calendar
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from toolservers.crm.rules.people import may_be_changed, may_change_orders, may_change_plan
from toolservers.crm.rules.rule import Refusal, Rule

Row = dict[str, Any]

_CLUB = "refill-club-subscription"
_CONNECT = "connect-plans"

PLANS = Rule(
    "plans-as-offered",
    "The Refill Club has a small and a large box; Connect has the plans Basic, Team and Scale.",
    _CONNECT,
    ("| | Basic | Team | Scale |",),
    always=True,
)
RHYTHMS = Rule(
    "rhythm-of-1-2-or-3-months",
    "The Refill Club delivers every 1, 2 or 3 months.",
    _CLUB,
    ("every 1, 2 or 3 months",),
    always=True,
)
PAUSES = Rule(
    "pause-up-to-3-months-twice-a-year",
    "A Refill Club subscription can be paused for up to 3 months, twice a year.",
    _CLUB,
    ("up to 3 months, twice a year",),
)
IN_TIME = Rule(
    "until-3-days-before-the-delivery",
    "A subscription can be ended or paused until 3 days before the next delivery is packed.",
    _CLUB,
    ("until 3 days before the next delivery is packed", "The same holds for a pause"),
)
NO_CONNECT_PAUSE = Rule(
    "connect-is-not-paused",
    "A Connect plan cannot be paused; moving to Basic keeps the data, the users and the order history.",
    _CONNECT,
    ("A plan cannot be paused; moving to Basic",),
    always=True,
)
CONNECT_ENDS_IN_PORTAL = Rule(
    "connect-ends-in-the-portal",
    "To cancel Connect altogether, the administrator closes the account in the portal.",
    _CONNECT,
    ("the administrator closes the account in the portal under Settings, Plan",),
    always=True,
)
USERS_FIT = Rule(
    "users-fit-the-plan",
    "Before a downgrade the number of users must be under the new plan's limit: Basic 2, Team 15.",
    _CONNECT,
    ("must first bring the number of users under the", "| Users | 2 | 15 | unlimited |"),
)
STATES = Rule(
    "subscription-states",
    "An active subscription can be paused or ended, a paused one resumed or ended; an ended one stays so.",
    always=True,
)

PRICES: dict[str, dict[str, int]] = {  # in cents of EUR, from the smallest plan up
    "refill_club": {"small": 1_800, "large": 2_900},
    "connect": {"Basic": 0, "Team": 2_900, "Scale": 9_900},
}
USERS = {"Basic": 2, "Team": 15}
RHYTHM_MONTHS = (1, 2, 3)
PAUSE_MONTHS = 3
PAUSES_A_YEAR = 2
NOTICE = timedelta(days=3)


class Facts(NamedTuple):
    """What the rules ask. `today` is the shop's; `role` what the caller is in the account, None for staff;
    `users` how many the account has."""

    subscription: Row
    customer: Row
    today: date
    users: int
    role: str | None
    administrators: Sequence[str]

    @property
    def id(self) -> str:
        return self.subscription["id"]

    @property
    def connect(self) -> bool:
        return self.subscription["kind"] == "connect"


def after_months(day: date, months: int) -> date:
    """The same day of another month, or its last: 31 January and one month is 28 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def targets(subscription: Row, *, up: bool) -> list[str]:
    """The plans above or below its own, the nearest first."""
    plans = list(PRICES[subscription["kind"]])
    at = plans.index(subscription["plan"])
    return plans[at + 1 :] if up else plans[:at][::-1]


def may_move(facts: Facts, plan: str, *, up: bool) -> list[Refusal]:
    """Whether it may be moved to this plan, above or below its own."""
    refusals = _may_change(facts)
    possible = targets(facts.subscription, up=up)
    if plan not in possible:
        where = "above" if up else "below"
        named = f", and {plan} is not {where} it" if plan else ""
        said = f"{facts.id} is on plan {facts.subscription['plan']}{named}."
        step = (
            f"Name in `plan` one {where} it: {', '.join(possible)}."
            if possible
            else f"No plan is {where} it."
        )
        refusals.append(Refusal(PLANS, said, step))
    elif not up and facts.connect and facts.users > USERS[plan]:
        said = f"{facts.customer['id']} has {facts.users} users, and {plan} takes {USERS[plan]}."
        step = "The account's administrator removes users in the portal first."
        refusals.append(Refusal(USERS_FIT, said, step))
    return refusals


def may_stay(facts: Facts) -> list[Refusal]:
    """Whether a planned move to another plan may be withdrawn."""
    return _may_change(facts)


def may_change_rhythm(facts: Facts, months: int) -> list[Refusal]:
    refusals = _may_change(facts)
    if facts.connect:
        refusals.append(Refusal(RHYTHMS, f"{facts.id} is a Connect plan, charged every month.", ""))
    elif months not in RHYTHM_MONTHS:
        step = "Give months as 1, 2 or 3."
        refusals.append(Refusal(RHYTHMS, f"Every {months} months is no rhythm of {facts.id}.", step))
    return refusals


def may_pause(facts: Facts, months: int) -> list[Refusal]:
    row = facts.subscription
    refusals = _may_change(facts)
    if facts.connect:
        step = "Offer the downgrade to Basic instead, or nothing if it is on Basic."
        return [*refusals, Refusal(NO_CONNECT_PAUSE, f"{facts.id} is a Connect plan.", step)]
    if row["status"] == "paused":
        step = "It ends by itself; resume it to end it sooner."
        refusals.append(Refusal(STATES, f"{facts.id} is paused until {row['paused_until']} already.", step))
        return refusals
    if row["pauses_this_year"] >= PAUSES_A_YEAR:
        said = f"{facts.id} has had {row['pauses_this_year']} pauses this year."
        step = f"Offer a longer rhythm{_longest(row)}, or to end it."
        refusals.append(Refusal(PAUSES, said, step))
    if not 1 <= months <= PAUSE_MONTHS:
        step = "Give months as 1, 2 or 3; it can be paused once more, or delivered every 3 months."
        refusals.append(Refusal(PAUSES, f"{facts.id} cannot be paused for {months} months.", step))
    return refusals + _in_time(facts, "paused")


def _longest(row: Row) -> str:
    return "" if row["rhythm_months"] == RHYTHM_MONTHS[-1] else f" (every {RHYTHM_MONTHS[-1]} months)"


def may_resume(facts: Facts) -> list[Refusal]:
    refusals = _may_change(facts)
    if facts.subscription["status"] == "active":
        refusals.append(Refusal(STATES, f"{facts.id} is not paused.", "There is nothing to resume."))
    return refusals


def may_end(facts: Facts) -> list[Refusal]:
    refusals = _may_change(facts)
    if facts.connect:
        step = "Write to the administrator how, or offer the downgrade to Basic."
        refusals.append(Refusal(CONNECT_ENDS_IN_PORTAL, f"{facts.id} is a Connect plan.", step))
        return refusals
    return refusals + _in_time(facts, "ended")


def _may_change(facts: Facts) -> list[Refusal]:
    """What every change asks first."""
    if facts.subscription["status"] == "ended":
        said = f"{facts.id} ended on {facts.subscription['ended_on']}."
        return [Refusal(STATES, said, "The customer can begin a new one in the shop.")]
    if facts.connect:
        return may_be_changed(facts.customer) + may_change_plan(facts.role, facts.administrators)
    theirs = may_change_orders(facts.customer, facts.role, facts.administrators)
    return theirs or may_be_changed(facts.customer)


def _in_time(facts: Facts, what: str) -> list[Refusal]:
    row = facts.subscription
    if row["status"] == "paused" or row["next_on"] is None or facts.today + NOTICE <= row["next_on"]:
        return []
    said = f"The next delivery of {facts.id} is on {row['next_on']}, too near to stop it."
    step = f"It can be {what} from the day after; what is packed is sent, and can be returned unopened."
    return [Refusal(IN_TIME, said, step)]


def next_delivery(subscription: Row, today: date) -> date:
    """The next one that is not being packed: with it, changes take effect."""
    day = subscription["next_on"] or after_months(today, subscription["rhythm_months"])
    return first_in_series(day, subscription["rhythm_months"], today + NOTICE)


def first_in_series(anchor: date, rhythm_months: int, earliest: date) -> date:
    """Of the days that lie whole rhythms after `anchor`, the first that is not before `earliest`."""
    steps = 0
    while (day := after_months(anchor, steps * rhythm_months)) < earliest:
        steps += 1
    return day


def first_after_pause(subscription: Row, today: date) -> date:
    """When a delivery comes that is resumed today: the earliest of its series that can still be packed."""
    day, steps = subscription["next_on"] or after_months(today, 1), 0
    rhythm = subscription["rhythm_months"]
    while after_months(day, -(steps + 1) * rhythm) >= today + NOTICE:
        steps += 1
    return first_in_series(after_months(day, -steps * rhythm), rhythm, today + NOTICE)


def pro_rata(old_minor: int, new_minor: int, today: date) -> tuple[int, int]:
    """What an upgrade costs for the rest of this month, charged by the day with today, in minor units, half up;
    and for how many days."""
    in_month = calendar.monthrange(today.year, today.month)[1]
    days = in_month - today.day + 1
    return (2 * (new_minor - old_minor) * days + in_month) // (2 * in_month), days
