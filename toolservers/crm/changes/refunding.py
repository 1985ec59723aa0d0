"""Money back: the one place where a refund is made of a payment, whatever gave the right to it."""

from datetime import date

from toolservers.crm.kinds import RefundBasis
from toolservers.crm.money import money
from toolservers.crm.rules.rights import Claim
from toolservers.crm.rules.sales import Sale
from toolservers.crm.work import Row, Work
from toolservers.crm.world.clock import add_working_days
from toolservers.crm.world.tables import words
from toolward.errors import Internal

# Working days until the money is there, at the latest (kb://fernhill/refunds-timing-and-limits).
_DAYS = {
    "PayPal": 0,
    "iDEAL": 2,
    "Bancontact": 2,
    "Visa": 5,
    "Mastercard": 5,
    "bank transfer": 7,
}
_OTHERWISE = 7  # an invoice is paid back by bank transfer


def give_back(
    work: Work, payment: Row, amount_minor: int, basis: RefundBasis, reason: str, return_id: str | None = None
) -> tuple[Row, Row]:
    """The refund, and the payment as it is now. Whether it may be is asked before (`toolservers.crm.rules`):
    raises Internal for more than is left of the payment."""
    left = payment["amount_minor"] - payment["refunded_minor"]
    if not 0 < amount_minor <= left:
        shown = money(amount_minor, payment["currency"]).display
        raise Internal(f"{payment['id']} has {left} left, and {shown} would be given back.")
    refund = work.add(
        "refund",
        status="issued",
        customer_id=payment["customer_id"],
        payment_id=payment["id"],
        return_id=return_id or None,
        amount_minor=amount_minor,
        currency=payment["currency"],
        basis=basis,
        reason=reason,
        refunded_on=work.today,
        expected_on=expected_on(payment["method"], work.today),
        words=words(payment["id"], reason),
    )
    after = work.change(
        "payment",
        payment,
        "refunded",
        refunded_minor=payment["refunded_minor"] + amount_minor,
        status="refunded" if amount_minor == left else "partially_refunded",
    )
    return refund, after


def still_owed(sale: Sale, claim: Claim) -> int:
    """Minor units: what a return still gives a right to, or what is left of the order to refund if that is less."""
    due = claim.value - claim.row["label_fee_minor"] - sale.refunded_of(claim.row["id"])
    left = sum(
        payment["amount_minor"] - payment["refunded_minor"]
        for payment in sale.payments
        if payment["status"] in ("captured", "partially_refunded")
    )
    return min(due, left)


def expected_on(method: str, issued_on: date) -> date:
    """The day on which the bank will have paid it."""
    return add_working_days(issued_on, _DAYS.get(method, _OTHERWISE))
