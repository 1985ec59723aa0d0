"""Whether an order may still be filled or paid otherwise: pure functions of its facts, as in `rules.orders`."""

from toolservers.crm.money import money, units
from toolservers.crm.rules.orders import Facts, Row, disputed
from toolservers.crm.rules.rule import Refusal, Rule

ITEMS_BEFORE_SHIPPING = Rule(
    "items-before-shipping",
    "What is in an order can be changed until it is packed.",
    "order-status",
    ("Everything can still change:",),
    always=True,
)
IN_STOCK = Rule(
    "in-stock",
    "Nothing is sold that is not in stock.",
    "order-status",
    ("stock or discontinued cannot be added",),
    always=True,
)
ON_SALE = Rule(
    "on-sale",
    "A discontinued product is not sold any more.",
    "order-status",
    ("stock or discontinued cannot be added",),
    always=True,
)
CURRENCY_STAYS = Rule(
    "currency-stays",
    "The currency of an order cannot be changed after it is placed.",
    "payment-methods",
    ("cannot be changed after it is placed",),
    always=True,
)
FREIGHT_FROM_600 = Rule(
    "freight-from-600",
    "Delivery on pallets is for orders from 600.00.",
    "business-accounts",
    ("delivery on pallets by Tolmar Freight from 600.00 EUR",),
)
PAYMENT_BEFORE_TAKEN = Rule(
    "payment-before-taken",
    "How an order is paid can be changed until the money is taken, and not after the parcel has left.",
    "payment-methods",
    ("can be changed until the money is taken",),
    always=True,
)
INVOICE_FOR_PLANS = Rule(
    "invoice-for-plans",
    "Only business accounts on the plans Team and Scale pay by invoice.",
    "payment-methods",
    ("Team and Scale plans may also pay by invoice",),
)
INVOICE_LIMIT = Rule(
    "invoice-limit",
    "New accounts pay by invoice up to 1,500.00, until three invoices were paid in time.",
    "business-accounts",
    ("start with a limit of 1,500.00 EUR", "after three invoices"),
)
EURO_METHODS = Rule(
    "euro-methods",
    "iDEAL, Bancontact and bank transfer are for orders in euros.",
    "payment-methods",
    ("iDEAL, Bancontact and bank transfer are for euros only",),
)

FREE_SHIPPING_FROM = {"EUR": 50, "GBP": 60}  # whole units, for standard shipping; elsewhere it stays as it is
CARDS = ("Visa", "Mastercard")
AT_ONCE = ("iDEAL", "Bancontact", "PayPal")  # charged when they are chosen
METHODS = (*CARDS, *AT_ONCE, "bank transfer", "invoice")


# --- what is in it


def may_change_items(facts: Facts) -> list[Refusal]:
    """Whatever shall be in it; see `may_add` and `may_weigh` for that."""
    status = facts.order["status"]
    if status == "placed":
        return disputed(facts)
    ways = {
        "packed": "Cancel it while that is possible and order again, or send back what is not wanted.",
        "cancelled": "Order again.",
    }
    way = ways.get(status, "What is not wanted can be sent back: create_return; for more, order again.")
    return [Refusal(ITEMS_BEFORE_SHIPPING, f"{facts.id} is {status}.", way)]


def may_add(product: Row, more: int, price_minor: int | None, currency: str) -> list[Refusal]:
    """`more` pieces of it; `price_minor` is what one costs in the order's currency, None for no price in it."""
    name = f"{product['id']} ({product['title']})"
    if more <= 0:
        return []
    if product["status"] == "discontinued":
        return [Refusal(ON_SALE, f"{name} is discontinued.", "Find another with find_records, type product.")]
    if price_minor is None:
        because, way = f"{name} has no price in {currency}.", "Order it separately."
        return [Refusal(CURRENCY_STAYS, because, way)]
    if more > product["stock"]:
        because = f"{name} has {product['stock']} left, and {more} more were asked for."
        return [
            Refusal(IN_STOCK, because, f"Ask for at most {product['stock']} more, or for another product.")
        ]
    return []


def may_weigh(order: Row, goods_minor: int) -> list[Refusal]:
    """Whether goods of this value may go by the order's service: on a pallet, where it was smaller before, they
    may be worth as much as they were."""
    least = min(units(600, order["currency"]), order["total_minor"] - order["shipping_minor"])
    if order["service"] != "freight" or goods_minor >= least:
        return []
    shown = money(goods_minor, order["currency"]).display
    way = "Keep more of it, or cancel it and order again with standard shipping."
    return [Refusal(FREIGHT_FROM_600, f"{order['id']} goes by freight, and {shown} would be left.", way)]


def shipping_minor(order: Row, goods_minor: int) -> int:
    """What shipping costs once the goods are worth so much: it may become free, and is never charged afterwards
    (kb://fernhill/cancelling-orders)."""
    free_from = FREE_SHIPPING_FROM.get(order["currency"])
    if order["service"] != "standard" or free_from is None:
        return order["shipping_minor"]
    return 0 if goods_minor >= units(free_from, order["currency"]) else order["shipping_minor"]


# --- how it is paid


def may_change_payment(facts: Facts) -> list[Refusal]:
    """Whatever the new method is; see `may_pay_by` for that."""
    if refusals := disputed(facts):
        return refusals
    status = facts.order["status"]
    if status not in ("placed", "packed"):
        way = "What was paid goes back only by the method it came from."
        return [Refusal(PAYMENT_BEFORE_TAKEN, f"{facts.id} is {status}.", way)]
    if to_be_paid(facts) > 0:
        return []
    paid = ", ".join(payment["id"] for payment in facts.payments if payment["status"] != "failed")
    because = f"Nothing of {facts.id} is still to be paid ({paid})."
    way = "To pay otherwise, cancel it, which gives the money back, and order again."
    return [Refusal(PAYMENT_BEFORE_TAKEN, because, way)]


def to_be_paid(facts: Facts) -> int:
    """In minor units: what is pending, or all of it where nothing but failed payments stand."""
    pending = sum(payment["amount_minor"] for payment in facts.payments if payment["status"] == "pending")
    stand = any(payment["status"] not in ("failed", "released") for payment in facts.payments)
    return pending if stand else facts.order["total_minor"]


def may_pay_by(facts: Facts, method: str) -> list[Refusal]:
    """`method` is one of METHODS."""
    currency = facts.order["currency"]
    if method in ("iDEAL", "Bancontact", "bank transfer") and currency != "EUR":
        return [Refusal(EURO_METHODS, f"{facts.id} is in {currency}.", "Choose Visa, Mastercard or PayPal.")]
    if method != "invoice":
        return []
    if facts.plan not in ("Team", "Scale"):
        because = f"The customer of {facts.id} has {'the plan ' + facts.plan if facts.plan else 'no plan'}."
        return [Refusal(INVOICE_FOR_PLANS, because, f"Choose one of: {', '.join(METHODS[:-1])}.")]
    if facts.invoices_paid < 3 and facts.order["total_minor"] > units(1_500, currency):
        total = money(facts.order["total_minor"], currency).display
        because = f"{facts.id} is over {total}, and {facts.invoices_paid} invoices were paid so far."
        return [Refusal(INVOICE_LIMIT, because, "It needs prepayment: choose bank transfer or a card.")]
    return []
