"""What a world is made of, and its booking into the tables.

A pack says what was ordered and what became of it; totals, shipping, dates and tracking numbers follow from the
shop's rules, so that a pack cannot contradict itself.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Table

from toolservers.crm import tables
from toolservers.crm.tables import words

Row = dict[str, Any]

_FREE_SHIPPING = {"EUR": 5_000, "GBP": 6_000}
_STANDARD = {"EUR": 490, "GBP": 690}
_CARRIERS = {"standard": "Swiftpost", "express": "Larkway", "freight": "Tolmar Freight"}
_NEAR = ("Netherlands", "Belgium", "Germany", "Luxembourg")


class Product(NamedTuple):
    id: str
    title: str
    category: str
    price_minor: int
    stock: int
    warranty_months: int = 24
    status: str = "available"
    pounds_minor: int = 0  # where it was sold to the United Kingdom


class Customer(NamedTuple):
    id: str
    name: str
    email: str
    language: str
    level: str
    since: date
    street: str
    postcode: str
    city: str
    country: str
    company: str = ""
    plan: str = ""
    status: str = "active"


class Order(NamedTuple):
    number: int
    customer_id: str
    status: str
    ordered_on: date
    service: str
    lines: tuple[tuple[str, int], ...]
    method: str
    payment: str = "captured"
    delivered_on: date | None = None
    last_scan: str = ""
    refunds: tuple[tuple[int, str, date], ...] = ()
    late: bool = False


class Ticket(NamedTuple):
    id: str
    status: str
    title: str
    customer_id: str
    order_id: str | None
    priority: str
    messages: tuple[tuple[str, datetime, bool, str], ...]


class FailedPayment(NamedTuple):
    """An attempt that failed before the order was paid by other means."""

    id: str
    order_id: str
    method: str
    paid_on: date


class Pack(NamedTuple):
    name: str
    today: date
    products: tuple[Product, ...]
    customers: tuple[Customer, ...]
    orders: tuple[Order, ...]
    tickets: tuple[Ticket, ...]
    failed_payments: tuple[FailedPayment, ...] = ()


def rows(pack: Pack) -> Iterator[tuple[Table, list[Row]]]:
    """Every table's rows, parents before children."""
    customers = {customer.id: customer for customer in pack.customers}
    products = {product.id: product for product in pack.products}
    booked = [_book(order, customers[order.customer_id], products) for order in pack.orders]
    payments = {one.order["id"]: one.payment for one in booked}
    failed = [_failed_row(one, payments[one.order_id]) for one in pack.failed_payments]
    made = sorted((row for one in booked for row in one.refunds), key=lambda row: row["refunded_on"])
    yield tables.customers, [_customer_row(customer) for customer in pack.customers]
    yield tables.products, [_product_row(product) for product in pack.products]
    yield tables.orders, [one.order for one in booked]
    yield tables.order_lines, [line for one in booked for line in one.lines]
    yield tables.shipments, [one.shipment for one in booked if one.shipment]
    yield tables.payments, [*payments.values(), *failed]
    yield tables.refunds, [{"number": number, **row} for number, row in enumerate(made, start=9001)]
    yield tables.tickets, [_ticket_row(ticket) for ticket in pack.tickets]
    yield tables.messages, [row for ticket in pack.tickets for row in _message_rows(ticket)]


class _Booked(NamedTuple):
    order: Row
    lines: list[Row]
    payment: Row
    refunds: list[Row]
    shipment: Row | None


def _book(order: Order, customer: Customer, products: dict[str, Product]) -> _Booked:
    currency = "GBP" if customer.country == "United Kingdom" else "EUR"
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
        "shipping_minor": shipping,
        "total_minor": goods + shipping,
        "currency": currency,
        "words": words(identity, *(line["title"] for line in lines)),
    }
    payment = _payment_row(order, booked)
    return _Booked(booked, lines, payment, _refund_rows(order, payment), _shipment(order, customer))


def _line_row(order_id: str, number: int, product: Product, quantity: int, currency: str) -> Row:
    return {
        "order_id": order_id,
        "number": number,
        "product_id": product.id,
        "title": product.title,
        "quantity": quantity,
        "unit_price_minor": product.pounds_minor if currency == "GBP" else product.price_minor,
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
            "payment_id": payment["id"],
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
    return 0 if included or goods >= _FREE_SHIPPING[currency] else _STANDARD[currency]


def _shipment(order: Order, customer: Customer) -> Row | None:
    if order.status in ("placed", "cancelled"):
        return None
    states = {"packed": "label_created", "delivered": "delivered", "returned": "returned"}
    scans = {"label_created": "no scan yet", "returned": "back in Venlo"}
    status = states.get(order.status, "delayed" if order.late else "in_transit")
    delivered = f"{order.delivered_on} {customer.city}: delivered"
    return {
        "order_id": f"ORD-{order.number}",
        "carrier": _CARRIERS[order.service],
        "service": order.service,
        "tracking": f"{_CARRIERS[order.service][:2].upper()}{order.number * 7919:09d}",
        "status": status,
        "shipped_on": None if status == "label_created" else _working_day(order.ordered_on, 1),
        "promised_on": _working_day(order.ordered_on, _promised_days(order, customer)),
        "last_scan": order.last_scan or scans.get(status, delivered),
        "street": customer.street,
        "postcode": customer.postcode,
        "city": customer.city,
        "country": customer.country,
    }


def _promised_days(order: Order, customer: Customer) -> int:
    """The last day of the range that the knowledge base names for the service, or the agreed service level."""
    if customer.plan:
        return {"Team": 3, "Scale": 2}[customer.plan]
    if order.service == "express":
        return 2
    if customer.country == "United Kingdom":
        return 9
    return 5 if customer.country in _NEAR else 8


def _working_day(start: date, days: int) -> date:
    day = start
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day


def _customer_row(customer: Customer) -> Row:
    row = customer._asdict()
    row["loyalty_level"] = row.pop("level")
    row["customer_since"] = row.pop("since")
    searched = (customer.id, customer.name, customer.email, customer.company, customer.city)
    return row | {"words": words(*searched)}


def _product_row(product: Product) -> Row:
    row = product._asdict()
    del row["pounds_minor"]
    return row | {"currency": "EUR", "words": words(product.id, product.title, product.category)}


def _ticket_row(ticket: Ticket) -> Row:
    row = ticket._asdict()
    opened = row.pop("messages")[0][1].date()
    return row | {"opened_on": opened, "words": words(ticket.id, ticket.title, ticket.order_id or "")}


def _message_rows(ticket: Ticket) -> list[Row]:
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
