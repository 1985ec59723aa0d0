"""What the rules of meetings ask, read from the database."""

from datetime import timedelta

from sqlalchemy import func, or_, select

from toolservers.crm.rules.meetings import Slot, Standing
from toolservers.crm.work import Row, View
from toolservers.crm.world import clock
from toolservers.crm.world.tables import contacts, customers, meetings, subscriptions


def standing_of(view: View, customer: Row) -> Standing:
    """Where nobody is named as administrator, the account's own address is theirs."""
    people = view.rows(contacts, customer_id=customer["id"], role="administrator")
    plan = select(func.count()).where(
        subscriptions.c.customer_id == customer["id"],
        subscriptions.c.kind == "connect",
        subscriptions.c.status == "active",
    )
    business = bool(customer["company"]) or bool(view.connection.scalar(plan))
    administrators = [one["email"].casefold() for one in people] or [customer["email"]]
    return Standing(customer, business, administrators)


def strangers_among(view: View, emails: list[str], customer_id: str) -> bool:
    """Whether one of these addresses, in lower case, is another customer's or of their people."""
    owners = select(func.count()).where(
        customers.c.id != customer_id,
        or_(customers.c.email.in_(emails), customers.c.pending_email.in_(emails)),
    )
    people = select(func.count()).where(
        contacts.c.customer_id != customer_id, func.lower(contacts.c.email).in_(emails)
    )
    return bool(view.connection.scalar(owners) or view.connection.scalar(people))


def to_come(view: View, customer_id: str) -> list[tuple[str, Slot]]:
    chosen = select(meetings).where(
        meetings.c.customer_id == customer_id,
        meetings.c.status == "scheduled",
        meetings.c.starts_at >= clock.stored(view.now - timedelta(hours=1)),
    )
    rows = view.connection.execute(chosen.order_by(meetings.c.starts_at, meetings.c.id))
    return [(row.id, Slot(clock.aware(row.starts_at), row.minutes)) for row in rows]
