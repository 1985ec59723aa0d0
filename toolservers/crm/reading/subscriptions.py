"""Subscriptions and service levels."""

from toolservers.crm import records
from toolservers.crm.money import money
from toolservers.crm.reading.parts import action, customer_ref
from toolservers.crm.reading.subscription_facts import facts_of
from toolservers.crm.rules import subscriptions as rules
from toolservers.crm.work import Row, View


def subscription(view: View, row: Row) -> records.Subscription:
    return records.Subscription(
        id=row["id"],
        status=row["status"],
        version=row["version"],
        customer=customer_ref(view, row["customer_id"]),
        kind=row["kind"],
        plan=row["plan"],
        rhythm_months=row["rhythm_months"],
        price=money(row["price_minor"], row["currency"]),
        started_on=row["started_on"],
        next_on=row["next_on"],
        paused_until=row["paused_until"],
        pauses_this_year=row["pauses_this_year"],
        pending_plan=row["pending_plan"],
        pending_rhythm_months=row["pending_rhythm_months"],
        pending_on=row["pending_on"],
        ended_on=row["ended_on"],
        allowed_actions=_actions(view, row),
    )


def service_level(view: View, row: Row) -> records.ServiceLevel:
    return records.ServiceLevel(
        id=row["id"],
        version=row["version"],
        plan=row["plan"],
        delivery_days=row["delivery_days"],
        first_answer_hours=row["first_answer_hours"],
        penalty_percent=row["penalty_percent"],
        penalty_at_most_percent=row["penalty_at_most_percent"],
    )


def _actions(view: View, row: Row) -> list[records.Action]:
    """Up and down are asked for the nearest plan, a pause for the shortest."""
    facts = facts_of(view, row)
    up, down = (next(iter(rules.targets(row, up=way)), "") for way in (True, False))
    other = next(months for months in rules.RHYTHM_MONTHS if months != row["rhythm_months"])
    asked = {
        "upgrade": rules.may_move(facts, up, up=True),
        "downgrade": rules.may_move(facts, down, up=False),
        "rhythm": rules.may_change_rhythm(facts, other),
        "pause": rules.may_pause(facts, 1),
        "resume": rules.may_resume(facts),
        "end": rules.may_end(facts),
    }
    return [action(view, f"change_subscription: {change}", why) for change, why in asked.items()]
