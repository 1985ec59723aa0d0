"""Subscriptions: up, down, another rhythm, paused, resumed, ended."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from toolservers.crm.kinds import SubscriptionChange
from toolservers.crm.money import money
from toolservers.crm.reading.subscription_facts import facts_of
from toolservers.crm.records import Changed
from toolservers.crm.rules import subscriptions as rules
from toolservers.crm.rules.subscriptions import Facts, after_months, targets
from toolservers.crm.rules.text import plain
from toolservers.crm.work import Row, Work
from toolservers.crm.world.tables import words
from toolward.errors import ToolError


class _Step(NamedTuple):
    """What becomes of the row's columns, the last word of the event's type, and what the caller is told."""

    to: dict[str, Any]
    event: str
    says: str


def change_subscription(
    work: Work,
    subscription_id: str,
    change: SubscriptionChange,
    plan: str,
    months: int,
    expected_version: int,
    dry_run: bool,
) -> Changed:
    """With `dry_run`, what would come of it; `version` is then the subscription's own, to be expected when it is
    done. Raises ToolError, with the rule and the next step."""
    work.require(plain("plan", plan.strip(), 40, lines=False))
    row = work.row(subscription_id, "subscription")
    work.require_version(row, expected_version)
    step = _STEPS[change](work, facts_of(work, row), plan, months)
    if all(row[name] == value for name, value in step.to.items()):
        raise ToolError(
            f"Nothing would change: {row['id']} is {row['status']}, on plan {row['plan']}, every"
            f" {row['rhythm_months']} months{_pending(row)}. Read it with get_record."
        )
    with work.rehearsal(dry_run):
        after = work.change("subscription", row, step.event, **step.to)
    shown = work.changed("subscription", after, step.says)
    if not dry_run:
        return shown
    return replace(shown, version=row["version"], dry_run=True, says=f"Nothing is changed yet. {step.says}")


def _pending(row: Row) -> str:
    if row["pending_on"] is None:
        return ""
    rhythm = row["pending_rhythm_months"]
    to = [row["pending_plan"], f"every {rhythm} months" if rhythm else ""]
    return f", and from {row['pending_on']} {', '.join(part for part in to if part)}"


def _upgrade(work: Work, facts: Facts, plan: str, months: int) -> _Step:
    row, wanted = facts.subscription, _wanted(facts, plan, up=True)
    _months_are_for_rhythm(months)
    if wanted == row["plan"] and row["pending_plan"]:
        return _withdrawn(work, facts)
    work.require(rules.may_move(facts, wanted, up=True))
    if not facts.connect:
        return _with_next_delivery(
            facts, wanted, "The difference can be sent at once, charged pro rata: ask support."
        )
    price = _price(row, wanted)
    charge, days = rules.pro_rata(row["price_minor"], price, facts.today)
    to = {"plan": wanted, "price_minor": price, **_no_pending_plan(row), "words": _words(row, wanted)}
    cost = f"{money(charge, row['currency']).display} is charged for the {days} days left of this month"
    later = f"then {money(price, row['currency']).display} a month"
    return _Step(to, "upgraded", f"{facts.id} is on {wanted} at once: {cost}, {later}.")


def _downgrade(work: Work, facts: Facts, plan: str, months: int) -> _Step:
    row, wanted = facts.subscription, _wanted(facts, plan, up=False)
    _months_are_for_rhythm(months)
    if wanted == row["plan"] and row["pending_plan"]:
        return _withdrawn(work, facts)
    work.require(rules.may_move(facts, wanted, up=False))
    if not facts.connect:
        return _with_next_delivery(facts, wanted, "What has been charged is not given back.")
    first = after_months(facts.today.replace(day=1), 1)
    price = money(_price(row, wanted), row["currency"]).display
    says = f"{facts.id} moves from {row['plan']} to {wanted} on {first}, then {price} a month."
    if wanted == "Basic":
        says += (
            " Basic has no single sign-on, service level or invoices: sign-on must be switched off before."
        )
    return _Step({"pending_plan": wanted, "pending_on": first}, "downgrade_planned", says)


def _with_next_delivery(facts: Facts, plan: str, more: str) -> _Step:
    row = facts.subscription
    day = row["pending_on"] or rules.next_delivery(row, facts.today)
    price = money(_price(row, plan), row["currency"]).display
    says = f"{facts.id} moves from the {row['plan']} to the {plan} box ({price}) with the delivery of {day}. {more}"
    return _Step({"pending_plan": plan, "pending_on": day}, "plan_change_planned", says)


def _withdrawn(work: Work, facts: Facts) -> _Step:
    """To stay on the present plan after all."""
    row = facts.subscription
    work.require(rules.may_stay(facts))
    says = f"{facts.id} stays on {row['plan']}: the move to {row['pending_plan']} is withdrawn."
    return _Step(_no_pending_plan(row), "plan_change_withdrawn", says)


def _no_pending_plan(row: Row) -> dict[str, Any]:
    return {"pending_plan": "", "pending_on": row["pending_on"] if row["pending_rhythm_months"] else None}


def _rhythm(work: Work, facts: Facts, plan: str, months: int) -> _Step:
    row = facts.subscription
    _plan_is_for_moves(plan)
    work.require(rules.may_change_rhythm(facts, months))
    if months == row["rhythm_months"]:
        kept = row["pending_on"] if row["pending_plan"] else None
        says = f"{facts.id} keeps its rhythm of {months} months."
        return _Step({"pending_rhythm_months": None, "pending_on": kept}, "rhythm_kept", says)
    day = row["pending_on"] or rules.next_delivery(row, facts.today)
    says = (
        f"From the delivery of {day} on, {facts.id} comes every {months} months, not {row['rhythm_months']}."
    )
    return _Step({"pending_rhythm_months": months, "pending_on": day}, "rhythm_change_planned", says)


def _pause(work: Work, facts: Facts, plan: str, months: int) -> _Step:
    row = facts.subscription
    _plan_is_for_moves(plan)
    if months < 1:
        raise ToolError("A pause needs `months`: for how long, 1 to 3. Ask the customer.")
    work.require(rules.may_pause(facts, months))
    until = after_months(facts.today, months)
    again = rules.first_in_series(row["next_on"] or until, row["rhythm_months"], until)
    to = {"status": "paused", "paused_until": until, "pauses_this_year": row["pauses_this_year"] + 1}
    says = (
        f"{facts.id} is paused until {until} and goes on by itself, with the delivery of {again}; the customer gets"
        f" an e-mail 5 days before. Nothing is charged meanwhile."
    )
    return _Step(to | _moved(row, again), "paused", says)


def _resume(work: Work, facts: Facts, plan: str, months: int) -> _Step:
    _plan_is_for_moves(plan)
    work.require(rules.may_resume(facts))
    again = rules.first_after_pause(facts.subscription, facts.today)
    to = {"status": "active", "paused_until": None} | _moved(facts.subscription, again)
    return _Step(to, "resumed", f"{facts.id} goes on, with the delivery of {again}.")


def _moved(row: Row, next_on: date) -> dict[str, Any]:
    """What was to change with the next delivery changes with the one that is next now."""
    return {"next_on": next_on} | ({"pending_on": next_on} if row["pending_on"] else {})


def _end(work: Work, facts: Facts, plan: str, months: int) -> _Step:
    _plan_is_for_moves(plan)
    work.require(rules.may_end(facts))
    to = {
        "status": "ended",
        "ended_on": facts.today,
        "next_on": None,
        "paused_until": None,
        "pending_plan": "",
        "pending_rhythm_months": None,
        "pending_on": None,
    }
    return _Step(to, "ended", f"{facts.id} has ended, without a fee; no delivery follows.")


def _wanted(facts: Facts, plan: str, *, up: bool) -> str:
    """As the plan is written, whatever its case; without one, the only one that there is."""
    if not plan.strip():
        possible = targets(facts.subscription, up=up)
        return possible[0] if len(possible) == 1 else ""
    known = {name.casefold(): name for name in rules.PRICES[facts.subscription["kind"]]}
    return known.get(plan.strip().casefold(), plan.strip()[:40])


def _price(row: Row, plan: str) -> int:
    if row["currency"] != "EUR":
        raise ToolError(
            f"{row['id']} is charged in {row['currency']}, for which {plan} has no price. Ask support."
        )
    return rules.PRICES[row["kind"]][plan]


def _words(row: Row, plan: str) -> str:
    return words(row["id"], row["kind"].replace("_", " "), plan)


def _months_are_for_rhythm(months: int) -> None:
    if months:
        raise ToolError(
            "`months` is for rhythm and pause. Leave it out, and change the rhythm in a call of its own."
        )


def _plan_is_for_moves(plan: str) -> None:
    if plan.strip():
        raise ToolError(
            "`plan` is for upgrade and downgrade. Leave it out, or change that in a call of its own."
        )


_STEPS: dict[SubscriptionChange, Callable[[Work, Facts, str, int], _Step]] = {
    "upgrade": _upgrade,
    "downgrade": _downgrade,
    "rhythm": _rhythm,
    "pause": _pause,
    "resume": _resume,
    "end": _end,
}
