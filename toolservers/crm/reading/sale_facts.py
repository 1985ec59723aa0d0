"""What the rules of money and returns ask of an order, gathered: the same for what a record shows and for what a
change requires."""

from sqlalchemy import Column, select

from toolservers.crm.reading.connect import service_level_of
from toolservers.crm.rules.sales import Sale
from toolservers.crm.work import Row, View
from toolservers.crm.world.tables import (
    credit_memos,
    order_lines,
    payments,
    prices,
    products,
    refunds,
    return_lines,
    returns,
    shipments,
)


def sale_of(view: View, order: Row) -> Sale:
    lines = view.rows(order_lines, order_id=order["id"])
    paid = view.rows(payments, order_id=order["id"])
    back = view.rows(returns, order_id=order["id"])
    bought = [line["product_id"] for line in lines]
    return Sale(
        order=order,
        lines=lines,
        parcels=view.rows(shipments, order_id=order["id"]),
        payments=paid,
        refunds=_of(view, refunds.c.payment_id, [row["id"] for row in paid]),
        memos=view.rows(credit_memos, order_id=order["id"]),
        returns=back,
        return_lines=_of(view, return_lines.c.return_id, [row["id"] for row in back]),
        products={row["id"]: row for row in _of(view, products.c.id, bought)},
        prices={
            row["product_id"]: row["amount_minor"]
            for row in _of(view, prices.c.product_id, bought)
            if row["currency"] == order["currency"]
        },
        customer=view.row(order["customer_id"], "customer"),
        level=service_level_of(view, order["customer_id"]),
        today=view.today,
        roles=view.actor.roles,
    )


def _of(view: View, column: Column[str], wanted: list[str]) -> list[Row]:
    if not wanted:
        return []
    table = column.table
    chosen = select(table).where(column.in_(wanted)).order_by(*table.primary_key)
    return [dict(row) for row in view.connection.execute(chosen).mappings()]
