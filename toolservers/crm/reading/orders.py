"""Orders and their parcels."""

from sqlalchemy import select

from toolservers.crm import records
from toolservers.crm.money import money
from toolservers.crm.reading.parts import address_of, customer_ref, payment_ref, refunds_of
from toolservers.crm.work import Row, View
from toolservers.crm.world.tables import (
    order_lines,
    payments,
    shipments,
    tickets,
)


def order(view: View, row: Row) -> records.Order:
    currency = row["currency"]
    lines = view.connection.execute(
        select(order_lines).where(order_lines.c.order_id == row["id"]).order_by(order_lines.c.number)
    )
    paid = view.rows(payments, order_id=row["id"])
    about = select(tickets.c.id).where(tickets.c.order_id == row["id"]).order_by(tickets.c.id)
    return records.Order(
        id=row["id"],
        status=row["status"],
        ordered_on=row["ordered_on"],
        delivered_on=row["delivered_on"],
        customer=customer_ref(view, row["customer_id"]),
        lines=[
            records.Line(line.product_id, line.title, line.quantity, money(line.unit_price_minor, currency))
            for line in lines
        ],
        shipping=money(row["shipping_minor"], currency),
        total=money(row["total_minor"], currency),
        payments=[payment_ref(payment) for payment in paid],
        shipment=_shipment(view, row["id"]),
        tickets=list(view.connection.scalars(about)),
        refunds=refunds_of(view, *(payment["id"] for payment in paid)),
    )


def _shipment(view: View, order_id: str) -> records.Shipment | None:
    if not (sent := view.rows(shipments, order_id=order_id)):
        return None
    row = sent[0]
    return records.Shipment(
        carrier=row["carrier"],
        service=row["service"],
        tracking=row["tracking"],
        status=row["status"],
        shipped_on=row["shipped_on"],
        promised_on=row["promised_on"],
        last_scan=row["last_scan"],
        address=address_of(row),
    )
