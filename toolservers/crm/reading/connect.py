"""What a customer has of Fernhill Connect: the plan, and what it promises."""

from sqlalchemy import select

from toolservers.crm.work import Row, View
from toolservers.crm.world.tables import service_levels, subscriptions


def connect_plan(view: View, customer_id: str) -> str:
    """Empty where they have none."""
    own = select(subscriptions.c.plan).where(
        subscriptions.c.customer_id == customer_id,
        subscriptions.c.kind == "connect",
        subscriptions.c.status != "ended",
    )
    return view.connection.scalar(own) or ""


def service_level_of(view: View, customer_id: str) -> Row | None:
    """What the customer's plan promises, where it promises anything."""
    chosen = select(service_levels).where(
        service_levels.c.plan == subscriptions.c.plan,
        subscriptions.c.customer_id == customer_id,
        subscriptions.c.kind == "connect",
        subscriptions.c.status == "active",
    )
    row = view.connection.execute(chosen.order_by(subscriptions.c.id)).mappings().first()
    return dict(row) if row else None
