"""What may be changed. Each function works inside its caller's transaction, by the rules of
`toolservers.crm.rules`, and raises ToolError for what they refuse."""

from toolservers.crm.changes.customers import update_customer
from toolservers.crm.changes.meetings import schedule_meeting
from toolservers.crm.changes.orders import change_order
from toolservers.crm.changes.payments import create_credit_memo, refund_payment
from toolservers.crm.changes.returns import create_return
from toolservers.crm.changes.subscriptions import change_subscription
from toolservers.crm.changes.tickets import add_ticket_message, create_ticket, update_ticket

__all__ = [
    "add_ticket_message",
    "change_order",
    "change_subscription",
    "create_credit_memo",
    "create_return",
    "create_ticket",
    "refund_payment",
    "schedule_meeting",
    "update_customer",
    "update_ticket",
]
