"""What a delay gives: a little to private customers, and what the service level says to business customers."""

from datetime import date
from typing import NamedTuple

from toolservers.crm.money import money, percent, units
from toolservers.crm.rules.rule import Refusal, Rule
from toolservers.crm.rules.sales import Sale

STANDARD_DELAY = Rule(
    "standard-delay",
    "A standard parcel more than 3 working days late gives 5.00, once per order.",
    "delayed-shipments",
    ("more than 3 working days late, a credit of 5.00 EUR",),
)
EXPRESS_DELAY = Rule(
    "express-delay",
    "A late express parcel gives its fee back, and more than 2 working days late 5 % of the order total on top.",
    "delayed-shipments",
    ("the express fee of 9.90 EUR is refunded. More than 2 working days late,", "5 % of the order total"),
)
NOVEMBER_DELAY = Rule(
    "sorting-machine-of-november",
    "What was packed from 3 to 5 November 2026 gives the 5.00 from the first day of delay.",
    "incident-notes",
    ("3 to 5 November", "October and November 2026", "5.00 EUR"),
)
NOBODYS_FAULT = Rule(
    "nobodys-fault",
    "Strikes, storms, floods, customs, and what the customer caused, give no right to money for a delay.",
    "delayed-shipments",
    ("Strikes, storms and customs inspections are nobody's fault",),
)
FLOODS_IN_AUSTRIA = Rule(
    "floods-in-austria",
    "Since 12 November 2026 floods close roads in Austria, which is force majeure.",
    "incident-notes",
    ("Since 12 November: Larkway in eastern Austria", "October and November 2026"),
)
BY_SERVICE_LEVEL = Rule(
    "delay-by-service-level",
    "A delay to customers with a service level is paid by a credit memo, and not otherwise.",
    "delayed-shipments",
    ("by credit memo and never promised without approval",),
)

_NOVEMBER = (date(2026, 11, 3), date(2026, 11, 5))
_FLOODS_SINCE = date(2026, 11, 12)
_FORCES = ("flood", "storm", "strike", "customs")
_CUSTOMERS_OWN = ("gate closed", "closed gate", "wrong address", "nobody in", "refused")


class Allowance(NamedTuple):
    """Minor units that a delay gives, before what it has given already is taken off."""

    rule: Rule
    amount_minor: int = 0
    how: str = ""
    refusals: list[Refusal] = []  # noqa: RUF012 -- never written


def delay_allowance(sale: Sale) -> Allowance:
    """For customers without a service level."""
    late, express = sale.days_late(), sale.order["service"] == "express"
    packed_on: date | None = sale.order["packed_on"]
    november = not express and packed_on is not None and _NOVEMBER[0] <= packed_on <= _NOVEMBER[1]
    rule = EXPRESS_DELAY if express else NOVEMBER_DELAY if november else STANDARD_DELAY
    if sale.level is not None:
        because = f"{sale.customer['id']} is on the plan {sale.level['plan']}, which has a service level."
        way = "Credit the penalty instead: create_credit_memo with basis service_level."
        return Allowance(rule, refusals=[Refusal(BY_SERVICE_LEVEL, because, way)])
    if refusals := not_our_fault(sale):
        return Allowance(rule, refusals=refusals)
    if late > (0 if express or november else 3):
        if not express:
            amount = units(5, sale.currency)
            return Allowance(rule, amount, f"{_shown(sale, amount)} once, for {_days(late)}")
        fee = sale.order["shipping_minor"]
        if late <= 2:
            return Allowance(rule, fee, f"the express fee of {_shown(sale, fee)}, for {_days(late)}")
        extra = percent(sale.total, 5)
        how = (
            f"the express fee of {_shown(sale, fee)} and 5 % of {_shown(sale, sale.total)}, for {_days(late)}"
        )
        return Allowance(rule, fee + extra, how)
    return Allowance(
        rule, refusals=[Refusal(rule, _not_late(sale, late), "Tell the customer what is known.")]
    )


def not_our_fault(sale: Sale) -> list[Refusal]:
    """What the carrier says of a parcel that is still to come, and what all know of these weeks."""
    if not sale.days_late():
        return []
    for parcel in sale.parcels:
        scan = parcel["last_scan"].casefold()
        under_way = parcel["status"] in ("in_transit", "delayed") and "cleared customs" not in scan
        if under_way and any(word in scan for word in (*_FORCES, *_CUSTOMERS_OWN)):
            because = f"{parcel['id']} waits: {parcel['last_scan']}."
            return [Refusal(NOBODYS_FAULT, because, "Explain it, and offer what get_record allows.")]
        floods = parcel["carrier"] == "Larkway" and parcel["country"] == "Austria"
        if floods and sale.order["promised_on"] >= _FLOODS_SINCE:
            because = f"{parcel['id']} goes to Austria with Larkway."
            return [Refusal(FLOODS_IN_AUSTRIA, because, "Explain it, and that it takes 2 to 4 days longer.")]
    return []


def _not_late(sale: Sale, late: int) -> str:
    promised = f"{sale.id} was promised for {sale.order['promised_on']}"
    delivered = sale.order["delivered_on"]
    came = f" and delivered on {delivered}" if delivered else ""
    return f"{promised}{came}: {_days(late) if late else 'not late'}."


def _days(late: int) -> str:
    return f"{late} working day{'' if late == 1 else 's'} late"


def _shown(sale: Sale, amount_minor: int) -> str:
    return money(amount_minor, sale.currency).display
