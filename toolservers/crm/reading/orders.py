"""Orders and their parcels."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Table, select

from toolservers.crm import records
from toolservers.crm.money import money
from toolservers.crm.reading.order_facts import facts_of
from toolservers.crm.reading.parts import action, address_of, customer_ref, payment_ref, refunds_of
from toolservers.crm.reading.payments import credit_actions
from toolservers.crm.reading.returns import return_actions
from toolservers.crm.reading.sale_facts import sale_of
from toolservers.crm.reading.subscription_facts import may_change_orders_of
from toolservers.crm.rules import order_contents as contents
from toolservers.crm.rules import orders as rules
from toolservers.crm.work import Row, View
from toolservers.crm.world.clock import working_days_between
from toolservers.crm.world.tables import credit_memos, order_lines, returns, tickets


def order(view: View, row: Row) -> records.Order:
    currency = row["currency"]
    facts = facts_of(view, row)
    sent = [_shipment(parcel) for parcel in facts.parcels]
    return records.Order(
        id=row["id"],
        status=row["status"],
        version=row["version"],
        ordered_on=row["ordered_on"],
        promised_on=row["promised_on"],
        delivered_on=row["delivered_on"],
        service=row["service"],
        payment_method=row["payment_method"],
        customer=customer_ref(view, row["customer_id"]),
        address=address_of(row),
        lines=[_line(line, currency) for line in view.rows(order_lines, order_id=row["id"])],
        shipping=money(row["shipping_minor"], currency),
        total=money(row["total_minor"], currency),
        payments=[payment_ref(payment) for payment in facts.payments],
        shipment=sent[0] if sent else None,
        more_shipments=sent[1:],
        tickets=_about(view, tickets, row["id"]),
        returns=_about(view, returns, row["id"]),
        credit_memos=_about(view, credit_memos, row["id"]),
        refunds=refunds_of(view, *(payment["id"] for payment in facts.payments)),
        allowed_actions=_actions(view, facts),
    )


def shipment(view: View, row: Row) -> records.Parcel:
    facts = facts_of(view, view.row(row["order_id"], "order"))
    return records.Parcel(
        id=row["id"],
        status=row["status"],
        version=row["version"],
        customer=customer_ref(view, row["customer_id"]),
        order_id=row["order_id"],
        carrier=row["carrier"],
        service=row["service"],
        tracking=row["tracking"],
        shipped_on=row["shipped_on"],
        promised_on=row["promised_on"],
        delivered_on=row["delivered_on"],
        working_days_late=working_days_late(row, view.today),
        last_scan=row["last_scan"],
        redirected=row["redirected"],
        address=address_of(row),
        allowed_actions=[
            action(
                view,
                "change_order: address",
                may_change_orders_of(view, row["customer_id"]) + rules.may_change_address(facts),
            )
        ],
    )


def working_days_late(parcel: Row, today: date) -> int:
    """Of a parcel that is still to come, so far; 0 for what will not come any more."""
    if parcel["status"] in ("stopped", "returned"):
        return 0
    return working_days_between(parcel["promised_on"], parcel["delivered_on"] or today)


def _actions(view: View, facts: rules.Facts) -> list[records.Action]:
    theirs = may_change_orders_of(view, facts.order["customer_id"])
    sale = sale_of(view, facts.order)
    return [
        action(view, "change_order: cancel", theirs + rules.may_cancel(facts)),
        action(view, "change_order: address", theirs + rules.may_change_address(facts)),
        action(view, "change_order: items", theirs + contents.may_change_items(facts)),
        action(view, "change_order: payment", theirs + contents.may_change_payment(facts)),
        *return_actions(view, sale),
        *credit_actions(view, sale),
    ]


def _line(line: Row, currency: str) -> records.Line:
    price = money(line["unit_price_minor"], currency)
    return records.Line(line["product_id"], line["title"], line["quantity"], price)


def _about(view: View, table: Table, order_id: str) -> list[str]:
    about: Sequence[str] = view.connection.scalars(
        select(table.c.id).where(table.c.order_id == order_id).order_by(table.c.id)
    ).all()
    return list(about)


def _shipment(row: Row) -> records.Shipment:
    return records.Shipment(
        carrier=row["carrier"],
        service=row["service"],
        tracking=row["tracking"],
        status=row["status"],
        shipped_on=row["shipped_on"],
        promised_on=row["promised_on"],
        last_scan=row["last_scan"],
        address=address_of(row),
        id=row["id"],
    )
