"""Orders: cancelled, sent elsewhere, filled otherwise, paid otherwise."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import NamedTuple

from toolservers.crm.changes.order_items import change_items
from toolservers.crm.changes.order_payment import change_payment, pay_back
from toolservers.crm.changes.stock import move_stock
from toolservers.crm.kinds import OrderChange
from toolservers.crm.reading.order_facts import facts_of
from toolservers.crm.reading.subscription_facts import may_change_orders_of
from toolservers.crm.records import Address, Changed, Item
from toolservers.crm.rules import orders as rules
from toolservers.crm.rules.customers import country_named, is_address
from toolservers.crm.rules.orders import Facts
from toolservers.crm.rules.text import REASON, spoken, tidy
from toolservers.crm.work import Row, Work
from toolservers.crm.world.clock import add_working_days
from toolservers.crm.world.tables import order_lines
from toolward.errors import ToolError


class _Wish(NamedTuple):
    address: Address | None
    items: list[Item] | None
    payment_method: str
    reason: str


def change_order(
    work: Work,
    order_id: str,
    change: OrderChange,
    address: Address | None,
    items: list[Item] | None,
    payment_method: str,
    reason: str,
    expected_version: int,
    dry_run: bool,
) -> Changed:
    """With `dry_run`, what would come of it; `version` is then the order's own, to be expected when it is done.
    Raises ToolError, naming the rule and the next step, for what may not be."""
    wish = _Wish(address, items, payment_method, tidy(reason))
    work.require(spoken("reason", wish.reason, REASON))
    _refuse_what_does_not_belong(change, wish)
    order = work.row(order_id, "order")
    work.require(may_change_orders_of(work, order["customer_id"]))
    work.require_version(order, expected_version)
    with work.rehearsal(dry_run):
        after, says = _CHANGES[change](work, facts_of(work, order), wish)
    shown = work.changed("order", after, says)
    if not dry_run:
        return shown
    return replace(shown, version=order["version"], dry_run=True, says=f"Nothing is changed yet. {says}")


def _refuse_what_does_not_belong(change: OrderChange, wish: _Wish) -> None:
    """Raises ToolError for an argument of another change: it is not clear then which one is meant."""
    given = {"address": wish.address, "items": wish.items, "payment": wish.payment_method}
    names = {"payment": "payment_method"}
    for belongs, value in given.items():
        if value and change != belongs:
            name = names.get(belongs, belongs)
            raise ToolError(
                f"`{name}` does not belong to change {change}. Make one change a call: leave it out, or call"
                f" with change {belongs}."
            )


# --- cancelling


def _cancel(work: Work, facts: Facts, wish: _Wish) -> tuple[Row, str]:
    work.require(rules.may_cancel(facts))
    order = facts.order
    for parcel in facts.parcels:
        if parcel["status"] == "label_created":
            work.change("shipment", parcel, "stopped", status="stopped")
    lines = work.rows(order_lines, order_id=order["id"])
    move_stock(work, [(line["product_id"], line["quantity"]) for line in lines])
    paid = pay_back(work, facts.payments, None, wish.reason or f"{order['id']} was cancelled.")
    after = work.change(
        "order",
        order,
        "cancelled",
        status="cancelled",
        cancelled_on=work.today,
        also={"reason": [None, wish.reason]} if wish.reason else {},
    )
    return after, " ".join((f"{order['id']} is cancelled, and its goods are back in stock.", *paid))


# --- addresses


def _change_address(work: Work, facts: Facts, wish: _Wish) -> tuple[Row, str]:
    if wish.address is None:
        raise ToolError("change address needs `address`: street, postcode, city and country.")
    order, place = facts.order, {name: part.strip() for name, part in asdict(wish.address).items()}
    work.require(rules.may_change_address(facts))
    work.require(is_address(place))
    place["country"] = country_named(place["country"]) or place["country"]
    work.require(rules.may_go_to(facts, place["country"]))
    if all(order[name] == value for name, value in place.items()):
        raise ToolError(f"{order['id']} goes there already: nothing was changed.")
    says = f"{order['id']} now goes to {', '.join(place.values())}."
    also = {"reason": [None, wish.reason]} if wish.reason else {}
    for parcel in facts.parcels:
        if parcel["status"] == "label_created":
            work.change("shipment", parcel, "address_changed", **place)
    left = rules.under_way(facts.parcels)
    if not left:
        return work.change("order", order, "address_changed", also=also, **place), says
    for parcel in left:
        _redirect(work, parcel, place)
    promised_on = add_working_days(order["promised_on"], rules.REDIRECTION_DAYS)
    after = work.change("order", order, "address_changed", also=also, promised_on=promised_on, **place)
    return after, f"{says} It is promised for {promised_on}; its parcel cannot be redirected again."


def _redirect(work: Work, parcel: Row, place: dict[str, str]) -> None:
    """The promised date moves with it, so that what was late may not be any more."""
    promised_on = add_working_days(parcel["promised_on"], rules.REDIRECTION_DAYS)
    expected_on = parcel["expected_on"]
    work.change(
        "shipment",
        parcel,
        "redirected",
        redirected=True,
        promised_on=promised_on,
        expected_on=expected_on and add_working_days(expected_on, rules.REDIRECTION_DAYS),
        status="in_transit" if promised_on >= work.today else parcel["status"],
        **place,
    )


# --- what is in it, how it is paid


def _change_items(work: Work, facts: Facts, wish: _Wish) -> tuple[Row, str]:
    return change_items(work, facts, wish.items, wish.reason)


def _change_payment(work: Work, facts: Facts, wish: _Wish) -> tuple[Row, str]:
    return change_payment(work, facts, wish.payment_method)


_CHANGES: dict[OrderChange, Callable[[Work, Facts, _Wish], tuple[Row, str]]] = {
    "cancel": _cancel,
    "address": _change_address,
    "items": _change_items,
    "payment": _change_payment,
}
