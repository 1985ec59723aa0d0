"""Payments, refunds, credit memos."""

from toolservers.crm import records
from toolservers.crm.money import money
from toolservers.crm.reading.parts import customer_ref, refunds_of
from toolservers.crm.work import Row, View


def payment(view: View, row: Row) -> records.Payment:
    currency = row["currency"]
    return records.Payment(
        id=row["id"],
        status=row["status"],
        order_id=row["order_id"],
        customer=customer_ref(view, row["customer_id"]),
        method=row["method"],
        paid_on=row["paid_on"],
        amount=money(row["amount_minor"], currency),
        refunded=money(row["refunded_minor"], currency),
        remaining=money(row["amount_minor"] - row["refunded_minor"], currency),
        refunds=refunds_of(view, row["id"]),
    )
