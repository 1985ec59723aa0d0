"""Tickets and teams."""

from sqlalchemy import select

from toolservers.crm import records
from toolservers.crm.reading.parts import customer_ref
from toolservers.crm.work import Row, View
from toolservers.crm.world import clock
from toolservers.crm.world.tables import (
    messages,
)


def ticket(view: View, row: Row) -> records.Ticket:
    written = view.connection.execute(
        select(messages).where(messages.c.ticket_id == row["id"]).order_by(messages.c.number)
    )
    return records.Ticket(
        id=row["id"],
        status=row["status"],
        title=row["title"],
        priority=row["priority"],
        customer=customer_ref(view, row["customer_id"]),
        order_id=row["order_id"],
        opened_on=row["opened_on"],
        messages=[
            records.Message(m.number, m.author, clock.aware(m.at), m.internal, m.body) for m in written
        ],
    )
