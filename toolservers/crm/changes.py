"""What may be changed, and under which rules. Each function works inside one transaction of its caller's."""

from datetime import UTC, date, datetime, time

from sqlalchemy import Connection, func, select

from toolservers.crm.records import AddedMessage, RefundReceipt, money
from toolservers.crm.references import parse, row_of
from toolservers.crm.tables import messages, payments, refunds, world
from toolward.errors import ToolError

FIRST_REFUND = 9001
_OPENING = time(9)  # the world's clock stands still at this hour, UTC, of its day


def add_ticket_message(
    connection: Connection, ticket_id: str, body: str, author: str, *, internal: bool
) -> AddedMessage:
    """Raises ToolError for an unknown ticket and for a body of nothing but blanks."""
    if not body.strip():
        raise ToolError("The message has no text. Say in `body` what it shall say.")
    ticket = row_of(connection, parse(ticket_id, "ticket"))
    last = connection.scalar(select(func.max(messages.c.number)).where(messages.c.ticket_id == ticket["id"]))
    number, at = (last or 0) + 1, _now(connection)
    row = {"ticket_id": ticket["id"], "number": number, "author": author, "at": at.replace(tzinfo=None)}
    connection.execute(messages.insert(), {**row, "internal": internal, "body": body})
    return AddedMessage(ticket["id"], number, internal, at, ticket["status"])


_NO_REFUND = {
    "pending": "the money has not been taken yet. Cancel the order instead, which releases it",
    "failed": "the money was never taken. Tell the customer that the bank releases any reservation",
    "refunded": "all of it has been refunded already. Its refunds are in get_record",
    "disputed": "it is disputed at the bank. Leave it to the fraud team until the bank has decided",
}


def refund_payment(connection: Connection, payment_id: str, amount_minor: int, reason: str) -> RefundReceipt:
    """Raises ToolError, naming the rule and the next step, when this cannot be refunded."""
    if not reason.strip():
        raise ToolError("A refund needs a reason: the customer sees it on the credit note.")
    payment = row_of(connection, parse(payment_id, "payment"))
    identity, currency = payment["id"], payment["currency"]
    if (because := _NO_REFUND.get(payment["status"])) is not None:
        raise ToolError(f"{identity} cannot be refunded: {because}.")
    left = payment["amount_minor"] - payment["refunded_minor"]
    if amount_minor > left:
        raise ToolError(
            f"{identity} has {money(left, currency).display} left, and {money(amount_minor, currency).display}"
            " was asked for. Rule: refunds never exceed what was paid."
            f" Refund at most {left} (amount_minor), or offer another remedy."
        )
    status = "refunded" if amount_minor == left else "partially_refunded"
    number = (connection.scalar(select(func.max(refunds.c.number))) or FIRST_REFUND - 1) + 1
    row = {"number": number, "payment_id": identity, "amount_minor": amount_minor, "currency": currency}
    connection.execute(refunds.insert(), {**row, "reason": reason, "refunded_on": _today(connection)})
    refunded = payment["refunded_minor"] + amount_minor
    connection.execute(
        payments.update().where(payments.c.id == identity).values(refunded_minor=refunded, status=status)
    )
    return RefundReceipt(
        f"REF-{number}", identity, payment["order_id"], amount_minor, currency, left - amount_minor, status
    )


def _today(connection: Connection) -> date:
    return connection.execute(select(world.c.today)).scalar_one()


def _now(connection: Connection) -> datetime:
    return datetime.combine(_today(connection), _OPENING, UTC)
