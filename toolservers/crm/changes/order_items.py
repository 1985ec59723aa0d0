"""What is in an order: the whole new list of it, with stock, shipping and payments following."""

from collections import Counter

from sqlalchemy import delete

from toolservers.crm.changes.order_payment import follow_total
from toolservers.crm.changes.stock import move_stock
from toolservers.crm.money import LARGEST, money
from toolservers.crm.records import Item
from toolservers.crm.rules import order_contents as rules
from toolservers.crm.rules.orders import Facts
from toolservers.crm.work import Row, Work
from toolservers.crm.world.tables import order_lines, prices, words
from toolward.errors import ToolError


def change_items(work: Work, facts: Facts, items: list[Item] | None, reason: str) -> tuple[Row, str]:
    """The order as it is now, and what to say of it. Raises ToolError for what may not be."""
    work.require(rules.may_change_items(facts))
    order, lines = facts.order, work.rows(order_lines, order_id=facts.id)
    products, wanted = _wanted(work, facts.id, items)
    before = Counter({line["product_id"]: 0 for line in lines})
    for line in lines:
        before[line["product_id"]] += line["quantity"]
    if wanted == before:
        raise ToolError(f"{facts.id} has exactly these items already: nothing was changed.")
    made = _lines(work, order, lines, wanted, products)
    goods = sum(line["quantity"] * line["unit_price_minor"] for line in made)
    shipping = rules.shipping_minor(order, goods)
    if goods + shipping > LARGEST:
        raise ToolError(f"{facts.id} would be dearer than any order can be. Ask for fewer pieces.")
    work.require(rules.may_weigh(order, goods))
    move_stock(
        work, [(product_id, before[product_id] - wanted[product_id]) for product_id in {**before, **wanted}]
    )
    work.connection.execute(delete(order_lines).where(order_lines.c.order_id == facts.id))
    work.connection.execute(order_lines.insert(), made)
    total = goods + shipping
    paid = follow_total(work, facts, total - order["total_minor"], reason or f"Items of {facts.id} changed.")
    after = work.change(
        "order",
        order,
        "items_changed",
        shipping_minor=shipping,
        total_minor=total,
        words=words(facts.id, *(line["title"] for line in made)),
        also={"lines": [_told(lines), _told(made)]} | ({"reason": [None, reason]} if reason else {}),
    )
    shown = money(total, order["currency"]).display
    return after, " ".join((f"{facts.id} now has {_listed(made)}, and is over {shown}.", *paid))


def _wanted(work: Work, order_id: str, items: list[Item] | None) -> tuple[dict[str, Row], Counter[str]]:
    """The products by id, and how many of each; what is named twice is added up."""
    if items is None:
        raise ToolError("change items needs `items`: all that shall be in the order, with quantities.")
    if not items:
        raise ToolError(f"An order cannot be empty. To give up all of {order_id}, call with change cancel.")
    products: dict[str, Row] = {}
    wanted: Counter[str] = Counter()
    for item in items:
        product = work.row(item.product_id, "product")
        products[product["id"]] = product
        wanted[product["id"]] += item.quantity
    return products, wanted


def _lines(
    work: Work, order: Row, lines: list[Row], wanted: Counter[str], products: dict[str, Row]
) -> list[Row]:
    """What was ordered keeps its price, also for more pieces of it; what is new has today's."""
    made: list[Row] = []
    left = Counter(wanted)
    for line in lines:
        kept = min(left[line["product_id"]], line["quantity"])
        left[line["product_id"]] -= kept
        made.append(dict(line) | {"quantity": kept})
    left = +left  # without those of which nothing is left
    refusals = [
        refusal
        for product_id, more in left.items()
        for refusal in rules.may_add(
            products[product_id], more, _price(work, order, lines, product_id), order["currency"]
        )
    ]
    work.require(refusals)
    for product_id, more in left.items():
        same = next((line for line in reversed(made) if line["product_id"] == product_id), None)
        if same is not None:
            same["quantity"] += more
        else:
            made.append(_new_line(work, order, lines, products[product_id], more))
    kept_lines = [line for line in made if line["quantity"]]
    return [line | {"number": number} for number, line in enumerate(kept_lines, start=1)]


def _new_line(work: Work, order: Row, lines: list[Row], product: Row, quantity: int) -> Row:
    return {
        "order_id": order["id"],
        "product_id": product["id"],
        "title": product["title"],
        "quantity": quantity,
        "unit_price_minor": _price(work, order, lines, product["id"]),
    }


def _price(work: Work, order: Row, lines: list[Row], product_id: str) -> int | None:
    """What one costs in this order: as it was ordered, or today's price in its currency, where there is one."""
    for line in reversed(lines):
        if line["product_id"] == product_id:
            return line["unit_price_minor"]
    own = work.rows(prices, product_id=product_id, currency=order["currency"])
    return own[0]["amount_minor"] if own else None


def _told(lines: list[Row]) -> list[Row]:
    shown = ("product_id", "quantity", "unit_price_minor")
    return [{name: line[name] for name in shown} for line in lines]


def _listed(lines: list[Row]) -> str:
    """Of a long list its beginning: `1 x PRD-7001, 2 x PRD-7010 and 3 more lines`."""
    more = f" and {len(lines) - 5} more lines" if len(lines) > 5 else ""
    return ", ".join(f"{line['quantity']} x {line['product_id']}" for line in lines[:5]) + more
