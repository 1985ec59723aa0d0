"""Money that goes back: refunds and credit memos."""

from toolservers.crm.changes.refunding import give_back, still_owed
from toolservers.crm.kinds import CreditBasis, RefundBasis
from toolservers.crm.money import DIGITS, money
from toolservers.crm.reading.sale_facts import sale_of
from toolservers.crm.records import Changed, RefundReceipt
from toolservers.crm.rules import credit
from toolservers.crm.rules.money import may_refund
from toolservers.crm.rules.people import staff_only
from toolservers.crm.rules.rights import Claim, claim_of, only_claim
from toolservers.crm.rules.sales import Sale
from toolservers.crm.rules.text import REASON, spoken, tidy
from toolservers.crm.work import Row, Work
from toolservers.crm.world.tables import words
from toolward.errors import ToolError


def refund_payment(
    work: Work, payment_id: str, amount_minor: int, reason: str, basis: RefundBasis, return_id: str
) -> RefundReceipt:
    """Raises ToolError, naming the rule and the next step, when this cannot be refunded."""
    work.require(staff_only(work.actor, "make a refund"))
    said = _reason(work, reason, "A refund")
    payment = work.row(payment_id, "payment")
    sale = sale_of(work, work.row(payment["order_id"], "order"))
    claim = _claim(work, sale, basis, return_id)
    work.require(may_refund(sale, payment, amount_minor, basis, claim, said))
    refund, after = give_back(work, payment, amount_minor, basis, said, claim.row["id"] if claim else None)
    if claim is not None:
        _settle(work, claim, sale, amount_minor)
    return RefundReceipt(
        refund["id"],
        payment["id"],
        payment["order_id"],
        amount_minor,
        payment["currency"],
        after["amount_minor"] - after["refunded_minor"],
        after["status"],
        work.advice,
    )


def _reason(work: Work, text: str, what: str) -> str:
    said = tidy(text)
    work.require(spoken("reason", said, REASON))
    if not said:
        raise ToolError(f"{what} needs a reason: the customer sees it on the credit note.")
    return said


def _claim(work: Work, sale: Sale, basis: RefundBasis, return_id: str) -> Claim | None:
    """The return that is meant: the one that was named, or the only one that could be. Raises ToolError for one
    that has nothing to do with this refund."""
    if not return_id.strip():
        return only_claim(sale, basis)
    if basis not in ("return", "damage"):
        raise ToolError(
            f"A return was named, and basis is {basis}. Give basis return or damage, or leave it out."
        )
    row = work.row(return_id, "return")
    if row["order_id"] != sale.id:
        raise ToolError(
            f"{row['id']} belongs to {row['order_id']}, and this payment to {sale.id}."
            " Refund a payment of the return's own order: get_record names it."
        )
    return claim_of(sale, row)


def _settle(work: Work, claim: Claim, sale: Sale, amount_minor: int) -> None:
    """A return is settled when all that it gives a right to, or all that is left of the order, is refunded."""
    row = claim.row
    if row["status"] in ("received", "waived") and amount_minor >= still_owed(sale, claim):
        work.change("return", row, "settled", status="settled")


def create_credit_memo(
    work: Work,
    customer_id: str,
    amount_minor: int,
    currency: str,
    reason: str,
    basis: CreditBasis,
    order_id: str,
) -> Changed:
    """Raises ToolError, naming the rule and the next step, when this cannot be credited."""
    work.require(staff_only(work.actor, "make a credit memo"))
    said = _reason(work, reason, "A credit memo")
    if currency not in DIGITS:
        raise ToolError(f"{currency[:10]!r} is no currency here. There are: {', '.join(DIGITS)}.")
    customer = work.row(customer_id, "customer")
    how = ""
    if order_id.strip():
        sale = sale_of(work, _order_of(work, customer, order_id))
        work.require(credit.may_credit(sale, amount_minor, currency, basis))
        how = f" {_calculation(sale)}" if basis == "service_level" else ""
    else:
        sale = None
        work.require(credit.may_credit_without_order(work.actor.roles, amount_minor, currency, basis))
    memo = work.add(
        "credit_memo",
        status="issued",
        customer_id=customer["id"],
        order_id=sale.id if sale else None,
        amount_minor=amount_minor,
        currency=currency,
        basis=basis,
        reason=said,
        issued_on=work.today,
        words=words(sale.id if sale else "", said),
    )
    shown = money(amount_minor, currency).display
    return work.changed(
        "credit_memo", memo, f"{memo['id']} over {shown} counts against the next invoice.{how}"
    )


def _order_of(work: Work, customer: Row, order_id: str) -> Row:
    order = work.row(order_id, "order")
    if order["customer_id"] != customer["id"]:
        raise ToolError(
            f"{order['id']} is no order of {customer['id']}. Look up with get_record whose it is, and ask who is"
            " meant."
        )
    return order


def _calculation(sale: Sale) -> str:
    right = credit.penalty(sale)
    more = "" if sale.order["delivered_on"] else " It is not delivered yet: each further day is owed as well."
    return f"{right.how}.{more}"
