"""What gives a right to money, and to how much of it: goodwill, a return, damage, delay, a lower price, a
cancellation, a lost parcel. Pure functions of a `Sale`."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from toolservers.crm.kinds import RefundBasis
from toolservers.crm.money import money, percent
from toolservers.crm.rules.delays import delay_allowance
from toolservers.crm.rules.rule import Refusal, Rule
from toolservers.crm.rules.sales import Row, Sale, by_lead
from toolservers.crm.world.clock import working_days_between

GOODWILL = Rule(
    "goodwill-to-20-percent",
    "Goodwill is up to 20 % of the order total in all, and more only where a support lead decides so.",
    "returns-policy",
    ("A goodwill credit of up to 20 % of the order total may be offered", "a support lead may grant more"),
)
RETURN_ARRIVED = Rule(
    "return-arrived",
    "A return is refunded when it has arrived or need not come back: the goods' value less the label's fee, once.",
    "returns-policy",
    ("and the refund is issued the same day", "which is taken from the refund"),
)
DAMAGE_WITHIN_14 = Rule(
    "damage-within-14-days",
    "What arrived damaged is refunded in full, if it was reported within 14 days of delivery.",
    "returns-policy",
    ("Damaged items reported within 14 days of delivery are replaced or refunded in full",),
)
PRICE_MATCH = Rule(
    "price-match",
    "A price is matched within 14 days of the order, once per product, for up to 5 pieces.",
    "price-match",
    ("Asked for within 14 days of the order.", "once per product, for up to 5 pieces"),
)
NO_MATCH_IN_SALES = Rule(
    "no-price-match-on-black-friday",
    "No price is matched from the Thursday before to the Monday after the last Friday in November.",
    "price-match",
    ("from the Thursday before to the Monday after the last Friday in November",),
)
NO_MATCH_FOR_CONTRACTS = Rule(
    "no-price-match-for-contracts",
    "Business contracts with agreed prices have no price match.",
    "price-match",
    ("Business contracts with agreed prices are also left out",),
)
CANCELLED_ONLY = Rule(
    "cancelled-only",
    "A cancellation is refunded once the order is cancelled; for a parcel refused at the door, the goods are.",
    "cancelling-orders",
    ("For a refused parcel we refund the goods",),
)
LOST_AFTER_10 = Rule(
    "lost-after-10-working-days",
    "A parcel without a scan for 10 working days counts as lost, and is refunded in full.",
    "delayed-shipments",
    ("no scan for 10 working days means that the parcel counts as lost",),
)
KETTLE_RECALL = Rule(
    "kettle-recall",
    "Who would rather have their money back for a gooseneck kettle sold before 1 April 2026 gets its full price.",
    "safety-notice-kettle",
    ("sold before 1 April 2026", "get the full price of 69.00 EUR"),
)

_STATES = {"label_sent": "registered, and has not arrived", "in_transit": "on its way back to us"}

BREAKAGE = ("damaged", "incomplete", "wrong_item")

_RECALLED, _RECALLED_BEFORE = "PRD-7004", date(2026, 4, 1)
_NOTICE = re.compile(r"safety[ -]notice", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Right(NamedTuple):
    """To at most so many minor units, and how that was worked out; to nothing where `refusals` stand."""

    rule: Rule
    at_most: int = 0
    how: str = ""
    refusals: list[Refusal] = []  # noqa: RUF012 -- never written


class Claim(NamedTuple):
    """A return, and what the goods in it cost."""

    row: Row
    value: int


def claim_of(sale: Sale, row: Row) -> Claim:
    return Claim(row, sale.value(sale.items_of(row["id"]).items()))


def only_claim(sale: Sale, basis: RefundBasis) -> Claim | None:
    """The return that is meant where none is named: the only one that can be refunded."""
    ready = [row for row in sale.returns if row["status"] in ("received", "waived")]
    return claim_of(sale, ready[0]) if basis == "return" and len(ready) == 1 else None


def right_to(sale: Sale, basis: RefundBasis, claim: Claim | None = None, reason: str = "") -> Right:
    if is_recall(sale, basis, reason):
        return _recall(sale)
    if claim is not None and basis in ("return", "damage"):
        return _for_return(sale, basis, claim)
    return _RIGHTS[basis](sale)


def at_most(sale: Sale, right: Right, amount_minor: int, do: str, done: str) -> list[Refusal]:
    """`do` and `done` are the words for it: Refund, refunded."""
    if amount_minor <= right.at_most:
        return []
    largest = money(right.at_most, sale.currency).display
    because = f"At most {largest} can be {done} for {sale.id} on this basis: {right.how}."
    way = f"{do} at most {right.at_most} (amount_minor), or give the basis that fits."
    if right.at_most <= 0:
        way = "Nothing is left of it: give the basis that fits, or say so to the customer."
    return [Refusal(right.rule, because, way)]


# --- one basis each


def _goodwill(sale: Sale) -> Right:
    so_far = sale.given_back("goodwill") + sale.credited("goodwill")
    if by_lead(sale.roles):
        return Right(GOODWILL, sale.total, "the order total, as a support lead decides")
    limit = percent(sale.total, 20)
    return Right(GOODWILL, max(0, limit - so_far), f"20 % of {_shown(sale, sale.total)}{_less(sale, so_far)}")


def _return(sale: Sale) -> Right:
    """None was named."""
    to_name = [row["id"] for row in sale.returns if row["status"] not in ("settled", "expired", "rejected")]
    way = f"Name it in return_id: {', '.join(to_name)}." if to_name else "Register one first: create_return."
    return Right(RETURN_ARRIVED, refusals=[Refusal(RETURN_ARRIVED, "No return was named.", way)])


def _for_return(sale: Sale, basis: RefundBasis, claim: Claim) -> Right:
    row, rule = claim.row, DAMAGE_WITHIN_14 if basis == "damage" else RETURN_ARRIVED
    if refusals := _not_for_return(rule, basis, row):
        return Right(rule, refusals=refusals)
    so_far, fee = sale.refunded_of(row["id"]), row["label_fee_minor"]
    how = f"the goods of {row['id']} cost {_shown(sale, claim.value)}"
    how += f", less {_shown(sale, fee)} for the label" if fee else ""
    open_goods = sale.goods - sale.given_back("return", "damage")
    return Right(
        rule, max(0, min(claim.value - fee - so_far, open_goods)), how + _less(sale, so_far, ", less {} ")
    )


def _not_for_return(rule: Rule, basis: RefundBasis, row: Row) -> list[Refusal]:
    status, identity = row["status"], row["id"]
    if row["remedy"] == "replacement":
        because = f"{identity} is for a replacement, not for money."
        return [
            Refusal(rule, because, "Tell the customer that the new item is on its way once the old one is.")
        ]
    arrived = (
        ("received", "waived") if basis == "return" else ("received", "waived", "label_sent", "in_transit")
    )
    if status not in arrived:
        because = f"{identity} is {_STATES.get(status, status)}."
        under_way = status in ("label_sent", "in_transit")
        way = (
            "Refund it when it is received." if under_way else "See its refunds and its order in get_record."
        )
        if under_way and row["reason"] in BREAKAGE:
            way = f"{way} What was broken on arrival may be refunded at once: basis damage."
        return [Refusal(rule, because, way)]
    if basis == "damage" and row["reason"] not in BREAKAGE:
        because = f"{identity} comes back because of a change of mind."
        return [Refusal(rule, because, "Give basis return, when it has arrived.")]
    return []


def _damage(sale: Sale) -> Right:
    delivered: date | None = sale.order["delivered_on"]
    if sale.order["status"] != "delivered" or delivered is None:
        because = f"{sale.id} is {sale.order['status']}, and nobody can have seen damage."
        return Right(DAMAGE_WITHIN_14, refusals=[Refusal(DAMAGE_WITHIN_14, because, "See get_record.")])
    if sale.today > delivered + timedelta(days=14):
        because = f"{sale.id} was delivered on {delivered}, more than 14 days ago."
        way = "Handle it under the warranty: repair first (kb://fernhill/warranty); or basis goodwill."
        return Right(DAMAGE_WITHIN_14, refusals=[Refusal(DAMAGE_WITHIN_14, because, way)])
    for row in sale.returns:
        if row["reason"] in BREAKAGE and row["status"] in ("label_sent", "in_transit", "received", "waived"):
            because = f"{row['id']} is registered for what was broken."
            way = f"Name it in return_id: {row['id']}, so that nothing is refunded twice."
            return Right(DAMAGE_WITHIN_14, refusals=[Refusal(DAMAGE_WITHIN_14, because, way)])
    so_far = sale.given_back("damage", "return")
    how = f"the goods cost {_shown(sale, sale.goods)}{_less(sale, so_far)}"
    return Right(DAMAGE_WITHIN_14, max(0, sale.goods - so_far), how)


def _delay(sale: Sale) -> Right:
    allowance = delay_allowance(sale)
    if allowance.refusals:
        return Right(allowance.rule, refusals=allowance.refusals)
    so_far = sale.given_back("delay") + sale.credited("delay")
    return Right(allowance.rule, max(0, allowance.amount_minor - so_far), allowance.how + _less(sale, so_far))


def _price_match(sale: Sale) -> Right:
    ordered_on: date = sale.order["ordered_on"]
    refusals: list[Refusal] = []
    if sale.customer["company"] and sale.level is not None:
        because = f"{sale.customer['id']} is a business customer with agreed prices."
        refusals.append(Refusal(NO_MATCH_FOR_CONTRACTS, because, "Explain it."))
    if sale.today > ordered_on + timedelta(days=14):
        because = f"{sale.id} was placed on {ordered_on}, more than 14 days ago."
        refusals.append(Refusal(PRICE_MATCH, because, "Explain it; a return may still be possible."))
    if in_sales(sale.today):
        because = f"Today is {sale.today}."
        refusals.append(Refusal(NO_MATCH_IN_SALES, because, "Explain it; a return may still be possible."))
    matched = sum(refund["basis"] == "price_match" for refund in sale.refunds)
    matched += sum(memo["basis"] == "price_match" and memo["status"] != "void" for memo in sale.memos)
    if matched >= len(sale.ordered()):
        because = f"{sale.id} has had a price match for each of its products."
        refusals.append(Refusal(PRICE_MATCH, because, "Say so to the customer."))
    if refusals:
        return Right(PRICE_MATCH, refusals=refusals)
    dearest = max((min(line["quantity"], 5) * line["unit_price_minor"] for line in sale.lines), default=0)
    return Right(PRICE_MATCH, dearest, f"no difference is more than {_shown(sale, dearest)}, 5 pieces' price")


def _cancellation(sale: Sale) -> Right:
    so_far = sum(refund["amount_minor"] for refund in sale.refunds)
    if sale.order["status"] == "cancelled":
        how = f"the order total of {_shown(sale, sale.total)}{_less(sale, so_far)}"
        return Right(CANCELLED_ONLY, max(0, sale.total - so_far), how)
    if sale.order["status"] == "returned" and not sale.order["delivered_on"]:
        how = (
            f"it was refused at the door, and its goods cost {_shown(sale, sale.goods)}{_less(sale, so_far)}"
        )
        return Right(CANCELLED_ONLY, max(0, sale.goods - so_far), how)
    because = f"{sale.id} is {sale.order['status']}, not cancelled."
    way = (
        "Cancel it first, where get_record allows it: change_order with change cancel, which refunds it too."
    )
    if sale.order["status"] in ("delivered", "returned"):
        way = "What comes back is refunded with basis return: create_return."
    return Right(CANCELLED_ONLY, refusals=[Refusal(CANCELLED_ONLY, because, way)])


def _lost(sale: Sale) -> Right:
    so_far = sum(refund["amount_minor"] for refund in sale.refunds)
    said = [_whereabouts(parcel, sale) for parcel in sale.parcels]
    if "" in said:  # one of its parcels is lost
        how = f"the order total of {_shown(sale, sale.total)}{_less(sale, so_far)}"
        return Right(LOST_AFTER_10, max(0, sale.total - so_far), how)
    because = " ".join(said) or f"{sale.id} has no parcel yet."
    way = "Tell the customer what is known; a late one may give a right to basis delay."
    return Right(LOST_AFTER_10, refusals=[Refusal(LOST_AFTER_10, because, way)])


def _whereabouts(parcel: Row, sale: Sale) -> str:
    """Why it is not lost; nothing where it is. One that we sent to a wrong address is (kb://fernhill/
    change-delivery-address)."""
    place = ("street", "postcode", "city", "country")
    status, identity = parcel["status"], parcel["id"]
    if status == "lost":
        return ""
    if status == "delivered":
        astray = not parcel["redirected"] and any(parcel[part] != sale.order[part] for part in place)
        return "" if astray else f"{identity} was delivered on {parcel['delivered_on']}."
    if status not in ("in_transit", "delayed"):
        return f"{identity} is {status.replace('_', ' ')}."
    seen = last_scan_on(parcel)
    idle = working_days_between(seen, sale.today) if seen else 0
    return "" if idle >= 10 else f"{identity} was last scanned on {seen}, {idle} working days ago."


def last_scan_on(parcel: Row) -> date | None:
    """The day that the carrier's text begins with, or that of shipping."""
    found = _DAY.match(parcel["last_scan"])
    try:
        return date.fromisoformat(found[0]) if found else parcel["shipped_on"]
    except ValueError:
        return parcel["shipped_on"]


def in_sales(day: date) -> bool:
    """From the Thursday before to the Monday after the last Friday in November."""
    last = date(day.year, 11, 30)
    friday = last - timedelta(days=(last.weekday() - 4) % 7)
    return friday - timedelta(days=1) <= day <= friday + timedelta(days=3)


# --- the recalled kettle


def is_recall(sale: Sale, basis: RefundBasis, reason: str) -> bool:
    """The reason names the safety notice, and the order has a kettle that it is about."""
    old = sale.order["ordered_on"] < _RECALLED_BEFORE
    named = basis in ("goodwill", "damage") and _NOTICE.search(reason) is not None
    return named and old and sale.ordered()[_RECALLED] > 0


def _recall(sale: Sale) -> Right:
    worth = sale.value([(_RECALLED, sale.ordered()[_RECALLED])])
    so_far = sum(refund["amount_minor"] for refund in sale.refunds if _NOTICE.search(refund["reason"]))
    how = f"the kettle's full price of {_shown(sale, worth)}{_less(sale, so_far)}"
    return Right(KETTLE_RECALL, max(0, worth - so_far), how)


def _shown(sale: Sale, amount_minor: int) -> str:
    return money(amount_minor, sale.currency).display


def _less(sale: Sale, so_far: int, words: str = ", less {} ") -> str:
    return f"{words.format(_shown(sale, so_far))}given already" if so_far else ""


_RIGHTS: dict[RefundBasis, Callable[[Sale], Right]] = {
    "goodwill": _goodwill,
    "return": _return,
    "damage": _damage,
    "delay": _delay,
    "price_match": _price_match,
    "cancellation": _cancellation,
    "lost": _lost,
}
