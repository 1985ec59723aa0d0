"""Customers."""

from sqlalchemy import select

from toolservers.crm import records
from toolservers.crm.finding import of_customer
from toolservers.crm.reading.parts import address_of
from toolservers.crm.work import Row, View
from toolservers.crm.world.tables import (
    addresses,
    subscriptions,
)


def customer(view: View, row: Row) -> records.Customer:
    return records.Customer(
        id=row["id"],
        status=row["status"],
        name=row["name"],
        email=row["email"],
        language=row["language"],
        company=row["company"],
        plan=_plan(view, row["id"]),
        loyalty_level=row["loyalty_level"],
        customer_since=row["customer_since"],
        address=address_of(view.rows(addresses, customer_id=row["id"])[0]),
        orders=of_customer(view, "order", row["id"]),
        tickets=of_customer(view, "ticket", row["id"]),
    )


def _plan(view: View, customer_id: str) -> str:
    """Of Fernhill Connect, where they have it."""
    own = select(subscriptions.c.plan).where(
        subscriptions.c.customer_id == customer_id,
        subscriptions.c.kind == "connect",
        subscriptions.c.status != "ended",
    )
    return view.connection.scalar(own) or ""
