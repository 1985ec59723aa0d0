"""Returns: registered, with a label or without."""

from collections import Counter

from toolservers.crm.changes.stock import move_stock
from toolservers.crm.kinds import Remedy, ReturnReason
from toolservers.crm.reading.sale_facts import sale_of
from toolservers.crm.reading.subscription_facts import may_change_orders_of
from toolservers.crm.records import Changed, Item
from toolservers.crm.references import parse
from toolservers.crm.rules import returns as rules
from toolservers.crm.rules.sales import Sale
from toolservers.crm.rules.text import spoken, tidy
from toolservers.crm.work import Row, Work
from toolservers.crm.world.clock import add_working_days
from toolservers.crm.world.tables import return_lines, words
from toolward.errors import ToolError

_ON_ITS_WAY = 7  # working days until a label is used and the parcel is back, as a rule
_LONGEST_NOTE = 2_000


def create_return(
    work: Work, order_id: str, items: list[Item], reason: ReturnReason, remedy: Remedy, note: str
) -> Changed:
    """Raises ToolError, naming the rule and the next step, for what may not be sent back."""
    said = tidy(note)
    work.require(spoken("note", said, _LONGEST_NOTE))
    wanted = _wanted(items)
    order = work.row(order_id, "order")
    work.require(may_change_orders_of(work, order["customer_id"]))
    sale = sale_of(work, order)
    refusals = rules.may_return(sale, reason) or rules.may_return_items(sale, wanted, reason, said)
    work.require([*refusals, *(rules.may_replace(sale, wanted) if remedy == "replacement" else ())])
    waived = rules.need_not_come_back(sale, wanted, reason)
    fee = 0 if waived else rules.label_fee(sale, reason, remedy)
    lines = [{"product_id": product_id, "quantity": pieces} for product_id, pieces in sorted(wanted.items())]
    made = work.add(
        "return",
        status="waived" if waived else "label_sent",
        customer_id=sale.order["customer_id"],
        order_id=sale.id,
        reason=reason,
        remedy=remedy,
        note=said,
        label_fee_minor=fee,
        currency=sale.currency,
        opened_on=work.today,
        received_on=None,
        expected_on=None if waived else add_working_days(work.today, _ON_ITS_WAY),
        words=words(sale.id, *(sale.products[product_id]["title"] for product_id in sorted(wanted)), said),
        also={"lines": [[], lines]},
    )
    numbered = [{"return_id": made["id"], "number": n} | line for n, line in enumerate(lines, start=1)]
    work.connection.execute(return_lines.insert(), numbered)
    if remedy == "replacement":
        move_stock(work, [(product_id, -pieces) for product_id, pieces in wanted.items()])
        if waived:
            made = work.change("return", made, "settled", status="settled")
    return work.changed("return", made, _says(sale, made, sale.value(wanted.items())))


def _wanted(items: list[Item]) -> Counter[str]:
    """Pieces by product id, however it was written and however often. Raises ToolError for what is no product."""
    wanted: Counter[str] = Counter()
    for item in items:
        wanted[parse(item.product_id, "product").value] += item.quantity
    if not wanted:
        raise ToolError("Nothing would be sent back. Give in `items` the products and how many of each.")
    return wanted


def _says(sale: Sale, made: Row, value: int) -> str:
    """What was done, and what follows."""
    fee = made["label_fee_minor"]
    waived, identity = made["status"] in ("waived", "settled"), made["id"]
    if made["remedy"] == "replacement":
        if waived:
            return f"{identity}: nothing need come back. The new items were taken from stock and are sent at once."
        costs = f" The label costs {rules.shown(sale, fee)}." if fee else ""
        return (
            f"{identity}: the label was sent.{costs} The new items are set aside in stock, and leave when the"
            " carrier has scanned the old ones."
        )
    due = max(0, value - fee)
    amount = f"{due} (amount_minor), {rules.shown(sale, due)}"
    if waived:
        return f"{identity}: nothing need come back. Refund now at most {amount}: refund_payment with basis return."
    off = f", {rules.shown(sale, fee)} for the label taken off" if fee else ""
    return (
        f"{identity}: the label was sent. When it is received, refund at most {amount}{off}:"
        " refund_payment with basis return."
    )
