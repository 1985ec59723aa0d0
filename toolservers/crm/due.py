"""What is due on a day: in the warehouse and on the road, with money and goods that go back, by agreement.

Each function lets happen what the knowledge base says (shipping-costs-and-times, payment-methods,
refunds-timing-and-limits, refill-club-subscription); where it is silent, what a shop would do.
"""

import calendar
from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import ColumnElement, func, select

from toolservers.crm.changes.arrivals import arrive, expire
from toolservers.crm.changes.stock import move_stock
from toolservers.crm.kinds import RecordType
from toolservers.crm.references import TABLES
from toolservers.crm.rules.subscriptions import PRICES
from toolservers.crm.work import Row, Work
from toolservers.crm.world import clock
from toolservers.crm.world.carriers import CARRIERS, tracking_number
from toolservers.crm.world.tables import (
    events,
    meetings,
    messages,
    order_lines,
    orders,
    payments,
    refunds,
    returns,
    shipments,
    subscriptions,
    tickets,
    words,
)

BANK_DAYS = 5
"""Working days for which an order waits for a bank transfer."""

INVOICE_DAYS = 30
LABEL_DAYS = 30
"""Days for which a return's label is good."""

POST_DAYS = 3
"""Days that a return is on its way."""

SILENT_DAYS = 14
"""Days after which a solved ticket in which nobody writes is closed."""

REFUND_DAYS = 5
"""Working days until the bank has paid a refund that says no day of its own."""


# --- the warehouse, and the road


def warehouse(work: Work) -> None:
    """Parcels arrive or are late; on working days what was packed before leaves, and what was ordered before is
    packed."""
    _deliver(work)
    _delay(work)
    if clock.is_working_day(work.today):
        _ship(work)
        _pack(work)
        _cancel_unpaid(work)


def _deliver(work: Work) -> None:
    arrives = func.coalesce(shipments.c.expected_on, shipments.c.promised_on)
    for parcel in _due(work, "shipment", ("in_transit", "delayed"), arrives <= work.today):
        scan = f"{work.today} {parcel['city']}: delivered"
        work.change(
            "shipment", parcel, "delivered", status="delivered", delivered_on=work.today, last_scan=scan
        )
        order = _one(work, "order", parcel["order_id"])
        if order["status"] == "shipped":
            work.change("order", order, "delivered", status="delivered", delivered_on=work.today)


def _delay(work: Work) -> None:
    for parcel in _due(work, "shipment", ("in_transit",), shipments.c.promised_on < work.today):
        work.change("shipment", parcel, "delayed", status="delayed")


def _ship(work: Work) -> None:
    for order in _due(work, "order", ("packed",), orders.c.packed_on < work.today):
        parcels = work.rows(shipments, order_id=order["id"])
        if any(parcel["status"] == "stopped" for parcel in parcels):
            continue  # somebody is seeing to it
        for parcel in [one for one in parcels if one["status"] == "label_created"] or [_label(work, order)]:
            scan = f"{work.today} Venlo: handed to {parcel['carrier']}"
            work.change(
                "shipment", parcel, "shipped", status="in_transit", shipped_on=work.today, last_scan=scan
            )
        work.change("order", order, "shipped", status="shipped", shipped_on=work.today)
        for payment in work.rows(payments, order_id=order["id"], status="pending"):
            if payment["method"] != "invoice":  # cards are charged when the parcel is shipped
                work.change("payment", payment, "captured", status="captured")


def _pack(work: Work) -> None:
    for order in _due(work, "order", ("placed",), orders.c.ordered_on < work.today):
        if _is_paid(work.rows(payments, order_id=order["id"])):
            packed = work.change("order", order, "packed", status="packed", packed_on=work.today)
            _label(work, packed)


def _is_paid(of_order: list[Row]) -> bool:
    """Money that is there, or that a card or an invoice promises."""
    return any(
        one["status"] in ("captured", "partially_refunded")
        or (one["status"] == "pending" and one["method"] != "bank transfer")
        for one in of_order
    )


def _label(work: Work, order: Row) -> Row:
    carrier = CARRIERS[order["service"]]
    tracking = tracking_number(carrier, int(order["id"].rpartition("-")[2]))
    place = {name: order[name] for name in ("street", "postcode", "city", "country")}
    soonest = clock.add_working_days(work.today, 2)  # it leaves on the next working day
    return work.add(
        "shipment",
        status="label_created",
        customer_id=order["customer_id"],
        order_id=order["id"],
        carrier=carrier,
        service=order["service"],
        tracking=tracking,
        shipped_on=None,
        promised_on=order["promised_on"],
        delivered_on=None,
        expected_on=max(order["promised_on"], soonest),
        last_scan="no scan yet",
        redirected=False,
        **place,
        words=words(tracking, order["id"]),
    )


def _cancel_unpaid(work: Work) -> None:
    for order in _due(work, "order", ("placed",), orders.c.ordered_on < work.today):
        waits = [one for one in work.rows(payments, order_id=order["id"]) if one["status"] == "pending"]
        late = clock.working_days_between(order["ordered_on"], work.today) > BANK_DAYS
        if not late or not waits or any(one["method"] != "bank transfer" for one in waits):
            continue
        for payment in waits:
            work.change("payment", payment, "failed", status="failed")
        lines = work.rows(order_lines, order_id=order["id"])
        move_stock(work, [(line["product_id"], line["quantity"]) for line in lines])
        work.change("order", order, "cancelled", status="cancelled", cancelled_on=work.today)


# --- money and goods that go back


def after_sale(work: Work) -> None:
    """Invoices are paid, refunds reach their accounts, returns arrive or their labels expire."""
    _settle_invoices(work)
    for refund in _due(work, "refund", ("issued",), refunds.c.refunded_on < work.today):
        expected = refund["expected_on"] or clock.add_working_days(refund["refunded_on"], REFUND_DAYS)
        if expected <= work.today:
            work.change("refund", refund, "paid", status="paid")
    on_its_way = returns.c.expected_on <= work.today + timedelta(days=POST_DAYS)
    for sent in _due(work, "return", ("label_sent",), on_its_way):
        work.change("return", sent, "sent", status="in_transit")
    for sent in _due(work, "return", ("in_transit",), returns.c.expected_on <= work.today):
        arrive(work, sent)
    unused = returns.c.opened_on < work.today - timedelta(days=LABEL_DAYS)
    for sent in _due(work, "return", ("label_sent",), unused):
        expire(work, sent)


def _settle_invoices(work: Work) -> None:
    overdue = payments.c.paid_on <= work.today - timedelta(days=INVOICE_DAYS)
    for payment in _due(work, "payment", ("pending",), overdue, payments.c.method == "invoice"):
        if _one(work, "order", payment["order_id"])["status"] in ("shipped", "delivered"):
            work.change("payment", payment, "captured", status="captured")


# --- what was agreed


def agreements(work: Work) -> None:
    """Subscriptions go on, meetings are over, tickets in which nobody writes any more are closed."""
    _go_on(work)
    for meeting in _due(work, "meeting", ("scheduled",), meetings.c.starts_at <= clock.stored(work.now)):
        if clock.aware(meeting["starts_at"]) + timedelta(minutes=meeting["minutes"]) <= work.now:
            work.change("meeting", meeting, "held", status="held")
    _close_tickets(work)


def _go_on(work: Work) -> None:
    if (work.today.month, work.today.day) == (1, 1):
        for one in _due(work, "subscription", ("active", "paused"), subscriptions.c.pauses_this_year > 0):
            work.change("subscription", one, "year_begun", pauses_this_year=0)
    for one in _due(work, "subscription", ("active", "paused"), subscriptions.c.ended_on <= work.today):
        work.change("subscription", one, "ended", status="ended", next_on=None, paused_until=None)
    for one in _due(work, "subscription", ("paused",), subscriptions.c.paused_until <= work.today):
        work.change("subscription", one, "resumed", status="active", paused_until=None)
    for one in _due(work, "subscription", ("active",), subscriptions.c.pending_on <= work.today):
        _take_effect(work, one)
    for one in _due(work, "subscription", ("active",), subscriptions.c.next_on <= work.today):
        upcoming: date = one["next_on"]
        while upcoming <= work.today:
            upcoming = add_months(upcoming, one["rhythm_months"])
        event = "delivered" if one["kind"] == "refill_club" else "charged"
        work.change("subscription", one, event, next_on=upcoming)


def _take_effect(work: Work, one: Row) -> None:
    to: Row = {"pending_plan": "", "pending_rhythm_months": None, "pending_on": None}
    if one["pending_plan"]:
        plan = one["pending_plan"]
        searched = words(one["id"], one["kind"].replace("_", " "), plan)
        to |= {"plan": plan, "price_minor": PRICES[one["kind"]][plan], "words": searched}
    if one["pending_rhythm_months"]:
        to["rhythm_months"] = one["pending_rhythm_months"]
    work.change("subscription", one, "changed", **to)


def _close_tickets(work: Work) -> None:
    written = select(func.max(messages.c.at)).where(messages.c.ticket_id == tickets.c.id).scalar_subquery()
    touched = select(func.max(events.c.at)).where(events.c.record_id == tickets.c.id).scalar_subquery()
    until = clock.stored(work.now - timedelta(days=SILENT_DAYS))
    silent = (func.coalesce(written, until) <= until, func.coalesce(touched, until) <= until)
    for ticket in _due(work, "ticket", ("solved",), *silent):
        work.change("ticket", ticket, "closed", status="closed")


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or its last."""
    year, month = divmod(day.year * 12 + day.month - 1 + max(months, 1), 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


# --- rows


def _due(
    work: Work, record_type: RecordType, states: Sequence[str], *where: ColumnElement[bool]
) -> list[Row]:
    table = TABLES[record_type]
    chosen = select(table).where(table.c.status.in_(states), *where).order_by(table.c.id)
    return [dict(row) for row in work.connection.execute(chosen).mappings()]


def _one(work: Work, record_type: RecordType, identity: str) -> Row:
    table = TABLES[record_type]
    return dict(work.connection.execute(select(table).where(table.c.id == identity)).mappings().one())
