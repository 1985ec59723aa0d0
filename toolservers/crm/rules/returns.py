"""What may be sent back, until when, and what it costs: pure functions of a `Sale`."""

import re
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

from toolservers.crm.kinds import Remedy, ReturnReason
from toolservers.crm.money import money, units
from toolservers.crm.rules.rule import Refusal, Rule
from toolservers.crm.rules.sales import Sale

DELIVERED_FIRST = Rule(
    "delivered-first",
    "Only what was delivered is sent back.",
    "returns-policy",
    ("can be sent back within 30 days of delivery",),
    always=True,
)
NOT_MORE_THAN_ORDERED = Rule(
    "not-more-than-ordered",
    "No more is sent back than was ordered and is not in another return.",
    "returns-policy",
    ("Nobody sends back more than was ordered.",),
    always=True,
)
WITHIN_30_DAYS = Rule(
    "return-within-30-days",
    "What was bought can be sent back within 30 days of delivery.",
    "returns-policy",
    ("can be sent back within 30 days of delivery",),
)
PALLETS_WITHIN_14 = Rule(
    "pallets-within-14-days",
    "For pallets to business customers the 30 days are 14.",
    "business-accounts",
    ("the 30 days are 14 days for pallets",),
)
BROKEN_WITHIN_14 = Rule(
    "broken-within-14-days",
    "What arrived damaged or incomplete is replaced or refunded if reported within 14 days of delivery.",
    "returns-policy",
    ("Damaged items reported within 14 days of delivery",),
)
NO_RETURN_OF_GIFT_CARDS = Rule(
    "no-return-of-gift-cards",
    "A gift card is not returned once it was sent, except within 14 days if it was not used at all.",
    "gift-cards",
    (
        "a gift card cannot be exchanged for money or returned once it has been sent",
        "14 days if it has not been",
    ),
)
NOT_TO_RETURN = Rule(
    "not-to-return",
    "Opened refills, candles that were lit and items made to order are not sent back for a change of mind.",
    "returns-policy",
    ("Gift cards, opened coffee filter refills, candles that have been lit, and items made to order.",),
)
REPLACEMENT_IN_STOCK = Rule(
    "replacement-in-stock",
    "Nothing is replaced by what is out of stock or discontinued.",
    "exchanges",
    ("We do not exchange for something that is",),
    always=True,
)

LABEL_FEE = Decimal("3.90")
NEED_NOT_COME_BACK = 40  # whole units, for breakage of less than that

_GIFT_CARDS, _REFILLS, _CANDLES = ("gift cards", "gift_cards"), ("refills",), ("candles",)
_UNTOUCHED = re.compile(
    r"\b(unopened|unlit|unused|untouched|still sealed|(not|never)( been)?( at all)? (opened|lit|used))\b",
    re.IGNORECASE,
)


def may_return(sale: Sale, reason: ReturnReason) -> list[Refusal]:
    """Whatever of the order it is."""
    order, delivered = sale.order, sale.order["delivered_on"]
    if order["status"] != "delivered" or delivered is None:
        because, way = f"{sale.id} is {order['status']}.", _WAYS[order["status"]]
        return [Refusal(DELIVERED_FIRST, because, way)]
    if not sale.ordered() - sale.coming_back():
        because = f"All of {sale.id} is in returns already."
        return [Refusal(NOT_MORE_THAN_ORDERED, because, "Its returns are in get_record.")]
    rule, days, way = _window(sale, reason)
    if sale.today <= delivered + timedelta(days=days):
        return []
    because = f"{sale.id} was delivered on {delivered}, and the {days} days ended on"
    return [Refusal(rule, f"{because} {delivered + timedelta(days=days)}.", way)]


_WAYS = {
    "placed": "Cancel it instead: change_order with change cancel.",
    "packed": "Cancel it instead, while the warehouse can stop it: change_order with change cancel.",
    "shipped": "The customer can refuse the parcel at the door, or send it back once it is there.",
    "delivered": "Its day of delivery is not known: ask the warehouse with create_ticket, team warehouse.",
    "cancelled": "Nothing of it was sent. What was refunded for it is in get_record.",
    "returned": "It has come back already. What was refunded for it is in get_record.",
}


def _window(sale: Sale, reason: ReturnReason) -> tuple[Rule, int, str]:
    """The rule, its days after delivery, and what to do when they are over."""
    if reason in ("damaged", "incomplete"):
        way = "Handle it under the warranty: repair first (kb://fernhill/warranty)."
        return BROKEN_WITHIN_14, 14, way
    way = "Explain it; a fault is handled under the warranty (kb://fernhill/warranty)."
    if sale.order["service"] == "freight" and sale.customer["company"]:
        return PALLETS_WITHIN_14, 14, way
    return WITHIN_30_DAYS, 30, way


def may_return_items(sale: Sale, items: Counter[str], reason: ReturnReason, note: str) -> list[Refusal]:
    """Pieces by product id."""
    ordered, coming_back = sale.ordered(), sale.coming_back()
    refusals: list[Refusal] = []
    for product_id, pieces in items.items():
        free = ordered[product_id] - coming_back[product_id]
        if pieces > free:
            refusals.append(_too_many(sale, product_id, pieces, free))
        else:
            refusals += _not_to_return(sale, product_id, reason, note)
    return refusals


def _too_many(sale: Sale, product_id: str, pieces: int, free: int) -> Refusal:
    ordered = sale.ordered()
    if not ordered[product_id]:
        because = f"{product_id} is not in {sale.id}."
        return Refusal(NOT_MORE_THAN_ORDERED, because, f"In it are: {', '.join(ordered)}.")
    because = f"{pieces} of {product_id} would be sent back, and {ordered[product_id]} were ordered"
    others = ordered[product_id] - free
    because += f", of which {others} are in other returns." if others else "."
    way = f"Return at most {free} of it." if free else "Its returns are in get_record."
    return Refusal(NOT_MORE_THAN_ORDERED, because, way)


def _not_to_return(sale: Sale, product_id: str, reason: ReturnReason, note: str) -> list[Refusal]:
    product = sale.products[product_id]
    title, category = product["title"], product["category"].casefold()
    delivered: date = sale.order["delivered_on"]
    untouched = _UNTOUCHED.search(note) is not None
    if category in _GIFT_CARDS:
        if untouched and sale.today <= delivered + timedelta(days=14):
            return []
        way = "If it was not used at all and is not older, say so in `note`: unused."
        return [Refusal(NO_RETURN_OF_GIFT_CARDS, f"{product_id} is a gift card ({title}).", way)]
    if reason != "change_of_mind":
        return []
    if "made to order" in title.casefold() or "made to order" in category.replace("_", " "):
        return [Refusal(NOT_TO_RETURN, f"{title} ({product_id}) was made to order.", "Explain it.")]
    if category in (*_REFILLS, *_CANDLES) and not untouched:
        asked = "unopened" if category in _REFILLS else "unlit"
        because = f"Nobody has said that {title} ({product_id}) is {asked}."
        way = f"Ask the customer; if it is, say so in `note`: {asked}."
        return [Refusal(NOT_TO_RETURN, because, way)]
    return []


def may_replace(sale: Sale, items: Counter[str]) -> list[Refusal]:
    refusals: list[Refusal] = []
    for product_id, pieces in items.items():
        product = sale.products.get(product_id)
        if product is None or (product["status"] == "available" and product["stock"] >= pieces):
            continue
        state = product["status"].replace("_", " ")
        because = f"Of {product['title']} ({product_id}) {pieces} would be sent, and it is {state}"
        because += f" with {product['stock']} in stock."
        way = "Offer a return with remedy refund instead."
        refusals.append(Refusal(REPLACEMENT_IN_STOCK, because, way))
    return refusals


def label_fee(sale: Sale, reason: ReturnReason, remedy: Remedy) -> int:
    """Minor units. What we sent wrong or broken costs nothing; the first exchange of an order is free."""
    exchanged = any(row["remedy"] == "replacement" and row["status"] != "expired" for row in sale.returns)
    if reason != "change_of_mind" or (remedy == "replacement" and not exchanged):
        return 0
    return units(LABEL_FEE, sale.currency)


def need_not_come_back(sale: Sale, items: Counter[str], reason: ReturnReason) -> bool:
    """Breakage of less than 40.00, together with what else of the order needed not."""
    waived = {
        row["id"] for row in sale.returns if row["status"] in ("waived", "settled") and not row["received_on"]
    }
    together = sum((sale.items_of(identity) for identity in waived), items)
    limit = units(NEED_NOT_COME_BACK, sale.currency)
    return reason in ("damaged", "incomplete") and sale.value(together.items()) < limit


def shown(sale: Sale, amount_minor: int) -> str:
    return money(amount_minor, sale.currency).display
