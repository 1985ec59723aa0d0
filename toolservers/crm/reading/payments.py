"""Payments, refunds, credit memos."""

from typing import get_args

from toolservers.crm import records
from toolservers.crm.kinds import CreditBasis, RefundBasis
from toolservers.crm.money import money
from toolservers.crm.reading.parts import action, customer_ref, refunds_of
from toolservers.crm.reading.sale_facts import sale_of
from toolservers.crm.rules import credit
from toolservers.crm.rules import money as rules
from toolservers.crm.rules.people import staff_only
from toolservers.crm.rules.rights import Claim, only_claim, right_to
from toolservers.crm.rules.sales import Sale
from toolservers.crm.work import Row, View


def payment(view: View, row: Row) -> records.Payment:
    currency = row["currency"]
    return records.Payment(
        id=row["id"],
        status=row["status"],
        version=row["version"],
        order_id=row["order_id"],
        customer=customer_ref(view, row["customer_id"]),
        method=row["method"],
        paid_on=row["paid_on"],
        amount=money(row["amount_minor"], currency),
        refunded=money(row["refunded_minor"], currency),
        remaining=money(row["amount_minor"] - row["refunded_minor"], currency),
        refunds=refunds_of(view, row["id"]),
        allowed_actions=_actions(view, row),
    )


def _actions(view: View, row: Row) -> list[records.Action]:
    """One for all where nothing can be refunded; otherwise each basis, and how much it gives a right to."""
    whatever = [*staff_only(view.actor, "make a refund"), *rules.may_be_refunded(row)]
    if whatever:
        return [action(view, "refund_payment", whatever)]
    sale = sale_of(view, view.row(row["order_id"], "order"))
    return [
        _refund_action(view, sale, row, basis, only_claim(sale, basis)) for basis in get_args(RefundBasis)
    ]


def refund_action_for(view: View, sale: Sale, claim: Claim) -> records.Action:
    """What a return shows of its refund."""
    name = "refund_payment: return"
    if refusals := staff_only(view.actor, "make a refund"):
        return action(view, name, refusals)
    paid = [row for row in sale.payments if not rules.may_be_refunded(row)]
    if not paid:
        return action(view, name, [one for row in sale.payments for one in rules.may_be_refunded(row)])
    return _refund_action(view, sale, paid[0], "return", claim)


def _refund_action(
    view: View, sale: Sale, row: Row, basis: RefundBasis, claim: Claim | None
) -> records.Action:
    """Where it may be, `reason` says of which payment, how much, and who must approve more."""
    name = f"refund_payment: {basis}"
    if not (smallest := action(view, name, rules.may_refund(sale, row, 1, basis, claim, ""))).allowed:
        return smallest
    right = right_to(sale, basis, claim)
    largest = min(right.at_most, row["amount_minor"] - row["refunded_minor"])
    if right.refusals or largest < 1:  # the rules are only told, or off
        return smallest
    said = f"At most {largest} (amount_minor) of {row['id']}: {right.how}."
    for refusal in rules.may_refund(sale, row, largest, basis, claim, ""):
        said = f"{said} {refusal.rule.says}"
    return records.Action(name, True, said)


def credit_actions(view: View, sale: Sale) -> list[records.Action]:
    """What an order shows of credit memos: one where its reader makes none, otherwise each basis."""
    if refusals := staff_only(view.actor, "make a credit memo"):
        return [action(view, "create_credit_memo", refusals)]
    return [_credit_action(view, sale, basis) for basis in get_args(CreditBasis)]


def _credit_action(view: View, sale: Sale, basis: CreditBasis) -> records.Action:
    """A penalty is owed exactly, of anything else the least is asked for."""
    name, owed = f"create_credit_memo: {basis}", 1
    if basis == "service_level":
        owed = max(1, credit.penalty(sale).at_most - sale.credited("service_level"))
    return action(view, name, credit.may_credit(sale, owed, sale.currency, basis))


def credit_without_order(view: View) -> records.Action:
    """What a customer shows of credit memos: those about an order are shown there."""
    refusals = staff_only(view.actor, "make a credit memo")
    return action(
        view,
        "create_credit_memo",
        refusals or credit.may_credit_without_order(view.actor.roles, 1, "EUR", "goodwill"),
    )


def refund(view: View, row: Row) -> records.RefundRecord:
    return records.RefundRecord(
        id=row["id"],
        status=row["status"],
        version=row["version"],
        customer=customer_ref(view, row["customer_id"]),
        payment_id=row["payment_id"],
        return_id=row["return_id"],
        amount=money(row["amount_minor"], row["currency"]),
        basis=row["basis"],
        reason=row["reason"],
        refunded_on=row["refunded_on"],
        expected_on=row["expected_on"],
    )


def credit_memo(view: View, row: Row) -> records.CreditMemo:
    return records.CreditMemo(
        id=row["id"],
        status=row["status"],
        version=row["version"],
        customer=customer_ref(view, row["customer_id"]),
        order_id=row["order_id"],
        amount=money(row["amount_minor"], row["currency"]),
        basis=row["basis"],
        reason=row["reason"],
        issued_on=row["issued_on"],
    )
