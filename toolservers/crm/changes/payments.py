"""Money that goes back: refunds and credit memos."""

from toolservers.crm.kinds import CreditBasis, RefundBasis
from toolservers.crm.money import money
from toolservers.crm.records import Changed, RefundReceipt
from toolservers.crm.work import Work
from toolservers.crm.world.tables import words
from toolward.errors import ToolError

_NO_REFUND = {
    "pending": "the money has not been taken yet. Cancel the order instead, which releases it",
    "failed": "the money was never taken. Tell the customer that the bank releases any reservation",
    "refunded": "all of it has been refunded already. Its refunds are in get_record",
    "disputed": "it is disputed at the bank. Leave it to the fraud team until the bank has decided",
}


def refund_payment(
    work: Work, payment_id: str, amount_minor: int, reason: str, basis: RefundBasis, return_id: str
) -> RefundReceipt:
    """Raises ToolError, naming the rule and the next step, when this cannot be refunded."""
    if not reason.strip():
        raise ToolError("A refund needs a reason: the customer sees it on the credit note.")
    payment = work.row(payment_id, "payment")
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
    refund = work.add(
        "refund",
        status="issued",
        customer_id=payment["customer_id"],
        payment_id=identity,
        amount_minor=amount_minor,
        currency=currency,
        basis=basis,
        reason=reason,
        refunded_on=work.today,
        words=words(identity, reason),
    )
    work.change(
        "payment", payment, "refunded", refunded_minor=payment["refunded_minor"] + amount_minor, status=status
    )
    return RefundReceipt(
        refund["id"],
        identity,
        payment["order_id"],
        amount_minor,
        currency,
        left - amount_minor,
        status,
        work.advice,
    )


def create_credit_memo(
    work: Work,
    customer_id: str,
    amount_minor: int,
    currency: str,
    reason: str,
    basis: CreditBasis,
    order_id: str,
) -> Changed:
    raise NotImplementedError
