"""What records show of one another."""

from sqlalchemy import ColumnElement, select

from toolservers.crm import records
from toolservers.crm.money import money
from toolservers.crm.rules.rule import Refusal, standing
from toolservers.crm.work import Row, View
from toolservers.crm.world.tables import (
    customers,
    refunds,
)


def customer_ref(view: View, customer_id: str) -> records.CustomerRef:
    chosen = select(customers.c.id, customers.c.name, customers.c.email).where(customers.c.id == customer_id)
    return records.CustomerRef(*view.connection.execute(chosen).one())


def payment_ref(row: Row) -> records.PaymentRef:
    amount, currency = row["amount_minor"], row["currency"]
    remaining = money(amount - row["refunded_minor"], currency)
    return records.PaymentRef(row["id"], row["status"], row["method"], money(amount, currency), remaining)


def refunds_of(view: View, *payment_ids: str) -> list[records.Refund]:
    return _refunds(view, refunds.c.payment_id.in_(payment_ids))


def refunds_for_return(view: View, return_id: str) -> list[records.Refund]:
    return _refunds(view, refunds.c.return_id == return_id)


def _refunds(view: View, where: ColumnElement[bool]) -> list[records.Refund]:
    made = select(refunds).where(where).order_by(refunds.c.id)
    return [
        records.Refund(
            refund.id,
            refund.payment_id,
            money(refund.amount_minor, refund.currency),
            refund.reason,
            refund.refunded_on,
            refund.status,
        )
        for refund in view.connection.execute(made)
    ]


def address_of(row: Row) -> records.Address:
    return records.Address(row["street"], row["postcode"], row["city"], row["country"])


def action(view: View, name: str, refusals: list[Refusal]) -> records.Action:
    """`name` says by which tool (`change_order: cancel`); why not, and what to do instead, is the first refusal's
    text. In mode `advise` that is shown of what may be done all the same."""
    forbid, told = standing(refusals, view.mode)
    said = [*forbid, *told]
    return records.Action(name, not forbid, said[0].text if said else "")
