"""What a world is made of, and its booking into the tables.

A pack says what was ordered and what became of it; totals, shipping, dates and tracking numbers follow from the
shop's rules, so that a pack cannot contradict itself.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Table

from toolservers.crm.kinds import PREFIXES
from toolservers.crm.money import units
from toolservers.crm.packs.facts import (
    Contact,
    CreditMemo,
    Customer,
    FailedPayment,
    Note,
    Order,
    Product,
    Return,
    ServiceLevel,
    Subscription,
    Team,
    Ticket,
)
from toolservers.crm.rules.order_contents import FREE_SHIPPING_FROM
from toolservers.crm.world import tables
from toolservers.crm.world.carriers import CARRIERS, tracking_number
from toolservers.crm.world.clock import add_working_days
from toolservers.crm.world.tables import words

Row = dict[str, Any]

_STANDARD = {"EUR": 490, "GBP": 690}
_NEAR = ("Netherlands", "Belgium", "Germany", "Luxembourg")


TEAMS = (
    Team("support", "Support", "Questions about orders, returns and subscriptions", 8),
    Team("support-leads", "Support leads", "Approvals, complaints, what is above an agent's limit", 16),
    Team("fraud", "Fraud team", "Charges that nobody can explain, changed accounts, gift cards", 4),
    Team("finance", "Finance", "Refunds above 500.00 EUR, invoices", 8),
    Team("product-safety", "Product safety", "Somebody was hurt, or something smoked or burnt", 1),
    Team("privacy", "Privacy team", "Access to data and deletion", 8),
    Team("business", "Business accounts", "Fernhill Connect and its service levels", 8),
    Team("warehouse", "Warehouse in Venlo", "What is packed and has not left", 2),
)

SERVICE_LEVELS = (
    ServiceLevel("SLA-1", "Team", 3, 8, 2, 10),
    ServiceLevel("SLA-2", "Scale", 2, 2, 3, 15),
)


class Pack(NamedTuple):
    """`now` is the time at which its world begins, in UTC."""

    name: str
    now: datetime
    products: tuple[Product, ...]
    customers: tuple[Customer, ...]
    orders: tuple[Order, ...]
    tickets: tuple[Ticket, ...]
    failed_payments: tuple[FailedPayment, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    contacts: tuple[Contact, ...] = ()
    notes: tuple[Note, ...] = ()
    returns: tuple[Return, ...] = ()
    credit_memos: tuple[CreditMemo, ...] = ()
    teams: tuple[Team, ...] = TEAMS
    service_levels: tuple[ServiceLevel, ...] = SERVICE_LEVELS


def rows(pack: Pack, seed: int = 0) -> Iterator[tuple[Table, list[Row]]]:
    """Every table's rows, parents before children."""
    customers = {customer.id: customer for customer in pack.customers}
    products = {product.id: product for product in pack.products}
    booked = [book(order, customers[order.customer_id], products) for order in pack.orders]
    payments = {one.order["id"]: one.payment for one in booked}
    failed = [_failed_row(one, payments[one.order_id]) for one in pack.failed_payments]
    orders = {one.order["id"]: one.order for one in booked}
    made = sorted((row for one in booked for row in one.refunds), key=lambda row: row["refunded_on"])
    filled: list[tuple[Table, list[Row]]] = [
        (tables.world, [{"id": 1, "pack": pack.name, "seed": seed, "now": pack.now}]),
        (tables.teams, [team._asdict() for team in pack.teams]),
        (tables.service_levels, [level._asdict() for level in pack.service_levels]),
        (tables.customers, [customer_row(customer) for customer in pack.customers]),
        (tables.addresses, [address_row(customer) for customer in pack.customers]),
        (tables.contacts, [contact._asdict() for contact in pack.contacts]),
        (tables.products, [product_row(product) for product in pack.products]),
        (tables.prices, [row for product in pack.products for row in price_rows(product)]),
        (tables.orders, [one.order for one in booked]),
        (tables.order_lines, [line for one in booked for line in one.lines]),
        (tables.shipments, [one.shipment for one in booked if one.shipment]),
        (tables.payments, [*payments.values(), *failed]),
        (tables.returns, [_return_row(one, orders[one.order_id]) for one in pack.returns]),
        (tables.return_lines, [row for one in pack.returns for row in _return_line_rows(one)]),
        (tables.credit_memos, [_credit_memo_row(memo) for memo in pack.credit_memos]),
        (tables.refunds, [_numbered(row, f"REF-{n}") for n, row in enumerate(made, start=9001)]),
        (tables.subscriptions, [subscription_row(subscription) for subscription in pack.subscriptions]),
        (tables.tickets, [ticket_row(ticket) for ticket in pack.tickets]),
        (tables.messages, [row for ticket in pack.tickets for row in message_rows(ticket)]),
        (tables.notes, [note._asdict() for note in pack.notes]),
    ]
    yield from filled
    yield tables.counters, _counter_rows(filled)


FIRST = {"return": 8000, "credit_memo": 4000, "meeting": 1000, "subscription": 6000}


def _counter_rows(filled: list[tuple[Table, list[Row]]]) -> list[Row]:
    """The number of the newest record of each type, from which the next one counts on."""
    last = {
        record_type: max(
            (
                int(row["id"].removeprefix(prefix))
                for _, content in filled
                for row in content
                if str(row.get("id", "")).startswith(prefix)
            ),
            default=FIRST.get(record_type, 0),
        )
        for record_type, prefix in PREFIXES.items()
        if prefix
    }
    return [{"record_type": record_type, "last": number} for record_type, number in last.items()]


def _numbered(row: Row, identity: str) -> Row:
    return row | {"id": identity, "words": words(identity, row["reason"])}


class Booked(NamedTuple):
    order: Row
    lines: list[Row]
    payment: Row
    refunds: list[Row]
    shipment: Row | None


def book(order: Order, customer: Customer, products: dict[str, Product]) -> Booked:
    currency = order.currency or ("GBP" if customer.country == "United Kingdom" else "EUR")
    identity = f"ORD-{order.number}"
    lines = [
        _line_row(identity, number, products[product_id], quantity, currency)
        for number, (product_id, quantity) in enumerate(order.lines, start=1)
    ]
    goods = sum(line["quantity"] * line["unit_price_minor"] for line in lines)
    shipping = _shipping(order, goods, currency)
    booked: Row = {
        "id": identity,
        "status": order.status,
        "customer_id": customer.id,
        "ordered_on": order.ordered_on,
        "delivered_on": order.delivered_on,
        **_dates(order, customer),
        "service": order.service,
        "payment_method": order.method,
        "shipping_minor": shipping,
        "total_minor": goods + shipping,
        "currency": currency,
        **_place(customer),
        "words": words(identity, *(line["title"] for line in lines)),
    }
    payment = _payment_row(order, booked)
    return Booked(booked, lines, payment, _refund_rows(order, payment), _shipment(order, customer))


def _line_row(order_id: str, number: int, product: Product, quantity: int, currency: str) -> Row:
    return {
        "order_id": order_id,
        "number": number,
        "product_id": product.id,
        "title": product.title,
        "quantity": quantity,
        "unit_price_minor": product.prices[currency],
    }


def _payment_row(order: Order, booked: Row) -> Row:
    identity = f"PAY-{order.number + 4000}"
    return {
        "id": identity,
        "status": order.payment,
        "order_id": booked["id"],
        "customer_id": booked["customer_id"],
        "method": order.method,
        "paid_on": order.ordered_on,
        "amount_minor": booked["total_minor"],
        "refunded_minor": sum(amount for amount, _, _ in order.refunds),
        "currency": booked["currency"],
        "words": words(identity, booked["id"], order.method),
    }


def _failed_row(failed: FailedPayment, payment: Row) -> Row:
    searched = words(failed.id, failed.order_id, failed.method)
    return payment | failed._asdict() | {"status": "failed", "refunded_minor": 0, "words": searched}


def _refund_rows(order: Order, payment: Row) -> list[Row]:
    return [
        {
            "status": "paid",
            "customer_id": payment["customer_id"],
            "payment_id": payment["id"],
            "basis": order.refund_basis or ("cancellation" if order.status == "cancelled" else "return"),
            "amount_minor": amount,
            "currency": payment["currency"],
            "reason": reason,
            "refunded_on": day,
        }
        for amount, reason, day in order.refunds
    ]


def _shipping(order: Order, goods: int, currency: str) -> int:
    if order.service == "express":
        return 990
    if order.service == "freight":
        return 4_500
    included = any(product_id == "PRD-7014" for product_id, _ in order.lines)
    if included or currency not in _STANDARD or goods >= units(FREE_SHIPPING_FROM[currency], currency):
        return 0
    return _STANDARD[currency]


def _dates(order: Order, customer: Customer) -> Row:
    """When it moved, as far as it has."""
    shipped = order.status in ("shipped", "delivered", "returned")
    return {
        "packed_on": order.ordered_on if shipped or order.status == "packed" else None,
        "shipped_on": add_working_days(order.ordered_on, 1) if shipped else None,
        "cancelled_on": order.ordered_on if order.status == "cancelled" else None,
        "promised_on": add_working_days(order.ordered_on, promised_days(order, customer)),
    }


def _place(customer: Customer) -> Row:
    return {name: getattr(customer, name) for name in ("street", "postcode", "city", "country")}


def _shipment(order: Order, customer: Customer) -> Row | None:
    if order.status in ("placed", "cancelled"):
        return None
    states = {"packed": "label_created", "delivered": "delivered", "returned": "returned"}
    scans = {"label_created": "no scan yet", "returned": "back in Venlo"}
    status = order.shipment or states.get(order.status, "delayed" if order.late else "in_transit")
    delivered = f"{order.delivered_on} {customer.city}: delivered"
    dates = _dates(order, customer)
    tracking = tracking_number(CARRIERS[order.service], order.number)
    identity = f"SHP-{order.number + 5000}"
    return {
        "id": identity,
        "order_id": f"ORD-{order.number}",
        "customer_id": customer.id,
        "carrier": CARRIERS[order.service],
        "service": order.service,
        "tracking": tracking,
        "status": status,
        "shipped_on": dates["shipped_on"],
        "promised_on": dates["promised_on"],
        "delivered_on": order.delivered_on,
        "expected_on": _expected(order, dates["promised_on"]),
        "last_scan": order.last_scan or scans.get(status, delivered),
        **_place(customer),
        "words": words(identity, tracking, f"ORD-{order.number}"),
    }


def _expected(order: Order, promised_on: date) -> date | None:
    """When time will bring it: late parcels come a week after they were promised."""
    if order.status not in ("packed", "shipped") or order.shipment == "lost":
        return None
    return add_working_days(promised_on, 5) if order.late else promised_on


def promised_days(order: Order, customer: Customer) -> int:
    """The last day of the range that the knowledge base names for the service, or the agreed service level."""
    if (agreed := {"Team": 3, "Scale": 2}.get(customer.plan)) is not None:
        return agreed
    if order.service == "express":
        return 2
    if customer.country == "United Kingdom":
        return 9
    return 5 if customer.country in _NEAR else 8


def customer_row(customer: Customer) -> Row:
    searched = (customer.id, customer.name, customer.email, customer.company, customer.city)
    return {
        "id": customer.id,
        "status": customer.status,
        "name": customer.name,
        "email": customer.email,
        "language": customer.language,
        "company": customer.company,
        "loyalty_level": customer.level,
        "customer_since": customer.since,
        "words": words(*searched),
    }


def address_row(customer: Customer) -> Row:
    return {"customer_id": customer.id, "number": 1, "label": "main", **_place(customer)}


def product_row(product: Product) -> Row:
    row = product._asdict()
    del row["price_minor"], row["pounds_minor"], row["other_prices"]
    return row | {"words": words(product.id, product.title, product.category)}


def price_rows(product: Product) -> list[Row]:
    return [
        {"product_id": product.id, "currency": currency, "amount_minor": amount}
        for currency, amount in product.prices.items()
    ]


def subscription_row(subscription: Subscription) -> Row:
    searched = (subscription.id, subscription.kind.replace("_", " "), subscription.plan)
    return subscription._asdict() | {"words": words(*searched)}


def _return_row(one: Return, order: Row) -> Row:
    row = one._asdict()
    del row["lines"]
    return row | {
        "customer_id": order["customer_id"],
        "currency": order["currency"],
        "words": words(one.id, one.order_id),
    }


def _return_line_rows(one: Return) -> list[Row]:
    return [
        {"return_id": one.id, "number": number, "product_id": product_id, "quantity": quantity}
        for number, (product_id, quantity) in enumerate(one.lines, start=1)
    ]


def _credit_memo_row(memo: CreditMemo) -> Row:
    return memo._asdict() | {"words": words(memo.id, memo.order_id or "", memo.reason)}


def ticket_row(ticket: Ticket) -> Row:
    row = ticket._asdict()
    opened = row.pop("messages")[0][1].date()
    return row | {"opened_on": opened, "words": words(ticket.id, ticket.title, ticket.order_id or "")}


def message_rows(ticket: Ticket) -> list[Row]:
    return [
        {
            "ticket_id": ticket.id,
            "number": number,
            "author": author,
            "at": at,
            "internal": internal,
            "body": body,
        }
        for number, (author, at, internal, body) in enumerate(ticket.messages, start=1)
    ]
