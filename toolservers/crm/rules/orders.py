"""Whether an order may still be cancelled or sent elsewhere.

Pure functions of `Facts`: nothing is read and nothing changed here. An empty list means: it may.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from toolservers.crm.money import money, units
from toolservers.crm.rules.rule import Refusal, Rule

Row = dict[str, Any]

CANCEL_BEFORE_SHIPPING = Rule(
    "cancel-before-shipping",
    "An order can be cancelled until it is shipped.",
    "cancelling-orders",
    ("An order can be cancelled free of charge until it is shipped.",),
    always=True,
)
PACKED_UNTIL_17 = Rule(
    "packed-until-17-h",
    "The warehouse can stop or change what is packed until 17 h on the day of packing.",
    "change-delivery-address",
    ("Until 17 h on the day of packing it mostly works.",),
)
FREIGHT_UNTIL_PICK_UP = Rule(
    "freight-until-pick-up",
    "An order by freight can be cancelled until it is packed, when the pick-up is booked.",
    "cancelling-orders",
    ("Business orders by freight can be cancelled until they are packed",),
)
NOT_WHILE_DISPUTED = Rule(
    "order-rests-while-disputed",
    "No money is moved for an order while its payment is disputed at the bank.",
    "refunds-timing-and-limits",
    ("A payment that is disputed at the bank is not refunded by us while the dispute is open",),
    always=True,
)
ADDRESS_BEFORE_DELIVERY = Rule(
    "address-before-delivery",
    "An address is changed only while the parcel is still to come.",
    "change-delivery-address",
    ("- **delivered**: no.",),
    always=True,
)
SAME_COUNTRY = Rule(
    "same-country",
    "A parcel is never redirected to another country, because VAT and customs were worked out for the first.",
    "change-delivery-address",
    ("A parcel is never redirected to another country",),
)
ONE_REDIRECTION = Rule(
    "one-redirection",
    "Swiftpost redirects a parcel once, and not when it is out for delivery.",
    "change-delivery-address",
    ("one redirection per parcel is free of charge",),
)
LARKWAY_KEEPS_ADDRESSES = Rule(
    "larkway-keeps-addresses",
    "An express parcel with Larkway is not redirected.",
    "change-delivery-address",
    ("- **shipped with Larkway (express)**: not possible.",),
)
LARKWAY_AUSTRIA = Rule(
    "larkway-austria-floods",
    "Since 12 November 2026 Larkway takes no address changes in Austria, for floods close the roads.",
    "incident-notes",
    ("## Since 12 November: Larkway in eastern Austria", "October and November 2026"),
)
FREIGHT_KEEPS_ADDRESSES = Rule(
    "freight-keeps-addresses",
    "A pallet that has left is redirected by the business team only.",
    "change-delivery-address",
    ("only the business team can",),
)
NEW_CUSTOMERS_ADDRESS = Rule(
    "new-customers-address",
    "The address of an order above 200.00 that a new customer placed less than 24 hours ago is not changed.",
    "change-delivery-address",
    ("placed less than 24 hours ago by a new customer and is above 200.00 EUR, do not change the",),
)
ADDRESS_RESTS = Rule(
    "address-rests-while-disputed",
    "No address is changed while a payment is disputed.",
    "suspicious-charges",
    ("Do not refund, do not change the address or the e-mail address",),
)
ADDRESS_BY_COLLEAGUE = Rule(  # the same, said to a customer: which checks we make is not told
    "address-by-a-colleague",
    "Some addresses are changed by a colleague only.",
    "suspicious-charges",
    ("do not say which checks we make",),
)

REDIRECTION_DAYS = 2  # working days at most that a redirection adds

_CUT_OFF_HOUR = 17
_FLOODS_SINCE = date(2026, 11, 12)
_UNDER_WAY = ("in_transit", "delayed")
_ESCALATE = "Escalate to the fraud team: create_ticket with team fraud and priority high."
_WAREHOUSE = "Ask with create_ticket, team warehouse, whether it has really left"


class Facts(NamedTuple):
    """What the rules ask of an order. `now` is on the shop's clock, `plan` that of Fernhill Connect or empty."""

    order: Row
    parcels: Sequence[Row]
    payments: Sequence[Row]
    now: datetime
    customer_asks: bool
    first_order: bool
    plan: str
    invoices_paid: int

    @property
    def id(self) -> str:
        return self.order["id"]


# --- cancelling


def may_cancel(facts: Facts) -> list[Refusal]:
    status = facts.order["status"]
    if status in _NOT_TO_CANCEL:
        because, next_step = _NOT_TO_CANCEL[status]
        return [Refusal(CANCEL_BEFORE_SHIPPING, because.format(**facts.order), next_step)]
    refusals = disputed(facts)
    if status == "packed" and facts.order["service"] == "freight":
        costs = money(facts.order["shipping_minor"], facts.order["currency"]).display
        because = f"{facts.id} is packed, and its pick-up is booked with Tolmar Freight."
        way = f"Now the freight costs of {costs} are charged: ask the business team (create_ticket, team business)."
        return [*refusals, Refusal(FREIGHT_UNTIL_PICK_UP, because, way)]
    way = (
        f"{_WAREHOUSE}; else the customer can refuse the parcel at the door or send it back (create_return)."
    )
    return [*refusals, *_packed_too_long(facts, way)]


_NOT_TO_CANCEL = {
    "shipped": (
        "{id} left on {shipped_on}.",
        "The customer can refuse the parcel at the door, or send it back once it is there: then create_return."
        " The goods are refunded.",
    ),
    "delivered": (
        "{id} was delivered on {delivered_on}.",
        "The customer can send it back under the returns policy: create_return.",
    ),
    "cancelled": ("{id} was cancelled on {cancelled_on}.", "Nothing is left to be done."),
    "returned": ("{id} has come back to us.", "What was refunded for it is in get_record."),
}


def _packed_too_long(facts: Facts, way: str) -> list[Refusal]:
    packed_on: date | None = facts.order["packed_on"]
    same_day = packed_on == facts.now.date() and facts.now.hour < _CUT_OFF_HOUR
    if facts.order["status"] != "packed" or same_day:
        return []
    return [Refusal(PACKED_UNTIL_17, f"{facts.id} was packed on {packed_on}.", way)]


def disputed(facts: Facts, rule: Rule = NOT_WHILE_DISPUTED) -> list[Refusal]:
    """Against whatever moves money, or what `rule` forbids."""
    return [
        Refusal(
            rule,
            f"{payment['id']} of {facts.id} is disputed.",
            "Leave it to the fraud team until the bank has decided: create_ticket with team fraud.",
        )
        for payment in facts.payments
        if payment["status"] == "disputed"
    ]


# --- addresses


def may_change_address(facts: Facts) -> list[Refusal]:
    """Whatever the new address is; see `may_go_to` for that."""
    status = facts.order["status"]
    if status in _NOT_TO_SEND:
        return [Refusal(ADDRESS_BEFORE_DELIVERY, f"{facts.id} is {status}.", _NOT_TO_SEND[status])]
    refusals = [*disputed(facts, ADDRESS_RESTS), *_likely_fraud(facts)]
    if status == "shipped":
        refusals += _not_to_redirect(facts)
    return refusals + _packed_too_long(facts, f"{_WAREHOUSE}; once it is shipped, it may be redirected.")


_NOT_TO_SEND = {
    "delivered": "If it went to a wrong address that we printed, treat the parcel as lost: refund_payment with"
    " basis lost, or send everything again.",
    "cancelled": "Nothing of it will be sent; a new order has its own address.",
    "returned": "It is back with us; a new order has its own address.",
}


def may_go_to(facts: Facts, country: str) -> list[Refusal]:
    """`country` as `rules.customers.country_named` gives it."""
    home: str = facts.order["country"]
    if country == home:
        return []
    because = f"{facts.id} goes to {home}, and {country} was asked for."
    return [Refusal(SAME_COUNTRY, because, "Offer to cancel and order again.")]


def under_way(parcels: Iterable[Row]) -> list[Row]:
    """Those with a carrier, still to come."""
    return [parcel for parcel in parcels if parcel["status"] in _UNDER_WAY]


def _likely_fraud(facts: Facts) -> list[Refusal]:
    order = facts.order
    new = order["ordered_on"] >= facts.now.date() - timedelta(days=1) and facts.first_order
    if not new or order["total_minor"] <= units(200, order["currency"]):
        return []
    if facts.customer_asks:
        way = "Ask for it with create_ticket, team support: a colleague will answer."
        return [Refusal(ADDRESS_BY_COLLEAGUE, f"{facts.id} is not changed here.", way)]
    total = money(order["total_minor"], order["currency"]).display
    because = f"{facts.id} over {total} is the first order of its customer, placed on {order['ordered_on']}."
    return [Refusal(NEW_CUSTOMERS_ADDRESS, because, f"{_ESCALATE} Do not say which checks we make.")]


def _not_to_redirect(facts: Facts) -> list[Refusal]:
    live = under_way(facts.parcels)
    if not live and not any(parcel["status"] == "label_created" for parcel in facts.parcels):
        because = f"No parcel of {facts.id} is on its way."
        return [
            Refusal(
                ADDRESS_BEFORE_DELIVERY, because, "See its shipments in get_record for what became of them."
            )
        ]
    return [refusal for parcel in live for refusal in _carrier_says(parcel, facts.now.date())]


def _carrier_says(parcel: Row, today: date) -> list[Refusal]:
    carrier, name = parcel["carrier"], parcel["id"]
    if carrier == "Larkway":
        if parcel["country"] == "Austria" and today >= _FLOODS_SINCE:
            way = "Explain it, and that parcels there take 2 to 4 days longer."
            return [Refusal(LARKWAY_AUSTRIA, f"{name} is with Larkway in Austria.", way)]
        way = "The customer can choose a pick-up point in Larkway's own tracking page."
        return [Refusal(LARKWAY_KEEPS_ADDRESSES, f"{name} is with Larkway.", way)]
    if carrier != "Swiftpost":
        way = "Ask the business team: create_ticket, team business."
        return [Refusal(FREIGHT_KEEPS_ADDRESSES, f"{name} is with {carrier}.", way)]
    if parcel["redirected"]:
        because, way = (
            "was redirected once already",
            "Whoever is there can take it in, or it waits for 7 days.",
        )
    elif "out for delivery" in parcel["last_scan"].casefold():
        because, way = (
            "is out for delivery",
            "It comes today; where nobody is in, it goes to a pick-up point.",
        )
    else:
        return []
    return [Refusal(ONE_REDIRECTION, f"{name} {because}.", way)]
