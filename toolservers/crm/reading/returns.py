"""Returns, and what may be sent back."""

from typing import get_args

from toolservers.crm import records
from toolservers.crm.kinds import ReturnReason
from toolservers.crm.money import money
from toolservers.crm.reading.parts import action, customer_ref, refunds_for_return
from toolservers.crm.reading.payments import refund_action_for
from toolservers.crm.reading.sale_facts import sale_of
from toolservers.crm.reading.subscription_facts import may_change_orders_of
from toolservers.crm.rules.returns import may_return
from toolservers.crm.rules.rights import claim_of
from toolservers.crm.rules.sales import Sale
from toolservers.crm.work import Row, View
from toolservers.crm.world.tables import return_lines


def return_(view: View, row: Row) -> records.Return:
    return records.Return(
        id=row["id"],
        status=row["status"],
        version=row["version"],
        customer=customer_ref(view, row["customer_id"]),
        order_id=row["order_id"],
        reason=row["reason"],
        remedy=row["remedy"],
        lines=[
            records.Item(line["product_id"], line["quantity"])
            for line in view.rows(return_lines, return_id=row["id"])
        ],
        label_fee=money(row["label_fee_minor"], row["currency"]),
        note=row["note"],
        opened_on=row["opened_on"],
        received_on=row["received_on"],
        refunds=refunds_for_return(view, row["id"]),
        allowed_actions=_actions(view, row),
    )


def _actions(view: View, row: Row) -> list[records.Action]:
    sale = sale_of(view, view.row(row["order_id"], "order"))
    return [refund_action_for(view, sale, claim_of(sale, row))]


def return_actions(view: View, sale: Sale) -> list[records.Action]:
    """What an order shows of returns: one action where nothing can come back, otherwise one for each reason."""
    theirs = may_change_orders_of(view, sale.order["customer_id"])
    said = {reason: theirs + may_return(sale, reason) for reason in get_args(ReturnReason)}
    if sale.order["status"] != "delivered":
        return [action(view, "create_return", said["damaged"])]
    return [action(view, f"create_return: {reason}", refusals) for reason, refusals in said.items()]
