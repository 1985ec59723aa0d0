"""What the rules ask of an order, gathered: the same for what a record shows and for what a change requires."""

from sqlalchemy import exists, func, select

from toolservers.crm.actor import CUSTOMER
from toolservers.crm.reading.connect import connect_plan
from toolservers.crm.rules.orders import Facts
from toolservers.crm.work import Row, View
from toolservers.crm.world import clock
from toolservers.crm.world.tables import orders, payments, shipments


def facts_of(view: View, order: Row) -> Facts:
    return Facts(
        order=order,
        parcels=view.rows(shipments, order_id=order["id"]),
        payments=view.rows(payments, order_id=order["id"]),
        now=clock.local(view.now),
        customer_asks=view.actor.customer_id is not None or CUSTOMER in view.actor.roles,
        first_order=_first_order(view, order),
        plan=connect_plan(view, order["customer_id"]),
        invoices_paid=_invoices_paid(view, order["customer_id"]),
    )


def _first_order(view: View, order: Row) -> bool:
    earlier = (orders.c.customer_id == order["customer_id"], orders.c.ordered_on < order["ordered_on"])
    return not view.connection.execute(select(exists().where(*earlier))).scalar_one()


def _invoices_paid(view: View, customer_id: str) -> int:
    paid = (payments.c.customer_id == customer_id, payments.c.method == "invoice")
    settled = payments.c.status.in_(("captured", "partially_refunded", "refunded"))
    return view.connection.execute(select(func.count()).where(*paid, settled)).scalar_one()
