"""What an order's payments become when it is cancelled, costs something else, or is paid otherwise."""

from collections.abc import Iterable

from toolservers.crm.changes.refunding import give_back
from toolservers.crm.money import money
from toolservers.crm.rules import order_contents as rules
from toolservers.crm.rules.cards import without_numbers
from toolservers.crm.rules.orders import Facts
from toolservers.crm.rules.text import plain
from toolservers.crm.work import Row, Work
from toolservers.crm.world.tables import fold, words
from toolward.errors import ToolError

_TAKEN = ("captured", "partially_refunded")
_NAMES = {"sepa": "bank transfer", "sepatransfer": "bank transfer"}


def change_payment(work: Work, facts: Facts, payment_method: str) -> tuple[Row, str]:
    """The order as it is now, and what to say of it. Raises ToolError for what may not be."""
    wrong = plain("payment_method", payment_method, 60, lines=False)
    work.require(wrong or without_numbers("payment_method", payment_method))
    method = _method(facts, payment_method.strip())
    work.require([*rules.may_change_payment(facts), *rules.may_pay_by(facts, method)])
    pending = [payment for payment in facts.payments if payment["status"] == "pending"]
    if pending and all(payment["method"] == method for payment in pending):
        raise ToolError(f"{facts.id} is paid by {method} already: nothing was changed.")
    amount = rules.to_be_paid(facts)
    for payment in pending:
        work.change("payment", payment, "released", status="released")
    at_once = method in rules.AT_ONCE
    made = _add_payment(work, facts.order, method, amount, "captured" if at_once else "pending")
    rest_only = any(payment["status"] in _TAKEN for payment in facts.payments)
    after = work.change(
        "order",
        facts.order,
        "payment_changed",
        payment_method=facts.order["payment_method"] if rest_only else method,
        also={"payments": [[payment["id"] for payment in pending], [made["id"]]]},
    )
    shown = money(amount, facts.order["currency"]).display
    how = "was charged at once" if at_once else "is pending"
    released = "".join(f" {payment['id']} is released." for payment in pending)
    return after, f"{facts.id} is paid by {method}: {made['id']} over {shown} {how}.{released}"


def pay_back(work: Work, payments: Iterable[Row], at_most: int | None, reason: str) -> list[str]:
    """What is pending is released, then what was taken is refunded: all of it, or `at_most` so much in minor
    units. Gives sentences of what was done."""
    says: list[str] = []
    left = at_most
    for payment in sorted(payments, key=lambda row: (row["status"] != "pending", row["id"])):
        remaining = payment["amount_minor"] - payment["refunded_minor"]
        amount = remaining if left is None else min(left, remaining)
        if amount <= 0 or payment["status"] not in ("pending", *_TAKEN):
            continue
        says.append(_take_back(work, payment, amount, reason))
        left = None if left is None else left - amount
    return says


def _take_back(work: Work, payment: Row, amount: int, reason: str) -> str:
    shown = money(amount, payment["currency"]).display
    if payment["status"] != "pending":
        refund, _ = give_back(work, payment, amount, "cancellation", reason)
        when = f"with the bank by {refund['expected_on']}"
        return f"{shown} of {payment['id']} go back by {payment['method']} ({refund['id']}, {when})."
    if amount == payment["amount_minor"]:
        work.change("payment", payment, "released", status="released")
        return f"{payment['id']} over {shown} is released."
    work.change("payment", payment, "amount_changed", amount_minor=payment["amount_minor"] - amount)
    return f"{payment['id']} is {shown} less."


def follow_total(work: Work, facts: Facts, difference: int, reason: str) -> list[str]:
    """The payments of an order whose total is `difference` minor units higher (lower, below 0)."""
    live = [payment for payment in facts.payments if payment["status"] in ("pending", *_TAKEN)]
    if not live:
        return ["It is still to be paid."]
    if difference <= 0:
        return pay_back(work, live, -difference, reason)
    shown = money(difference, facts.order["currency"]).display
    pending = next((payment for payment in live if payment["status"] == "pending"), None)
    if pending is not None:
        amount = pending["amount_minor"] + difference
        work.change("payment", pending, "amount_changed", amount_minor=amount)
        return [f"{pending['id']} is {shown} more."]
    made = _add_payment(work, facts.order, live[0]["method"], difference, "pending")
    return [f"{made['id']} over {shown} by {live[0]['method']} is pending: the customer pays the difference."]


def _add_payment(work: Work, order: Row, method: str, amount_minor: int, status: str) -> Row:
    return work.add(
        "payment",
        status=status,
        order_id=order["id"],
        customer_id=order["customer_id"],
        method=method,
        paid_on=work.today,
        amount_minor=amount_minor,
        refunded_minor=0,
        currency=order["currency"],
        words=words(order["id"], method),
    )


def _method(facts: Facts, given: str) -> str:
    """As we write it: `paypal` is PayPal. Raises ToolError, naming those that this customer may choose."""
    known = _NAMES | {_letters(method): method for method in rules.METHODS}
    if (method := known.get(_letters(given))) is not None:
        return method
    open_to = ", ".join(method for method in rules.METHODS if not rules.may_pay_by(facts, method))
    what = f"{given!r} is no payment method here" if given else "change payment needs `payment_method`"
    raise ToolError(f"{what}. {facts.id} can be paid by: {open_to} (kb://fernhill/payment-methods).")


def _letters(text: str) -> str:
    return "".join(sign for sign in fold(text) if sign.isalnum())
