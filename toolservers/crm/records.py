"""What the tools give back. Money is in integer minor units; `display` is for people and never for arithmetic."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

RecordType = Literal["customer", "order", "payment", "ticket", "product"]

PREFIXES: dict[RecordType, str] = {
    "customer": "CUS-",
    "order": "ORD-",
    "payment": "PAY-",
    "ticket": "TCK-",
    "product": "PRD-",
}

STATUSES: dict[RecordType, tuple[str, ...]] = {
    "customer": ("active", "closed"),
    "order": ("placed", "packed", "shipped", "delivered", "cancelled", "returned"),
    "payment": ("pending", "captured", "partially_refunded", "refunded", "failed", "disputed"),
    "ticket": ("open", "waiting", "solved"),
    "product": ("available", "out_of_stock", "discontinued"),
}

_DIGITS = {"EUR": 2, "GBP": 2, "JPY": 0}  # after the decimal point, by ISO 4217


@dataclass(frozen=True, slots=True)
class Money:
    amount_minor: int
    currency: str
    display: str


def money(amount_minor: int, currency: str) -> Money:
    """`money(8480, "EUR")` shows as `84.80 EUR`."""
    digits = _DIGITS[currency]
    whole, part = divmod(abs(amount_minor), 10**digits)
    sign = "-" if amount_minor < 0 else ""
    shown = f"{whole}.{part:0{digits}}" if digits else str(whole)
    return Money(amount_minor, currency, f"{sign}{shown} {currency}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A record in a list: enough to choose by. `on` is the day when it was ordered, paid or opened, or when
    the customer came; a product has none."""

    record_type: RecordType
    id: str
    title: str
    status: str
    customer_id: str | None = None
    on: date | None = None
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """`total` counts every match, also those beyond the limit."""

    records: list[Summary]
    total: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class CustomerRef:
    id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Address:
    street: str
    postcode: str
    city: str
    country: str


@dataclass(frozen=True, slots=True)
class Line:
    product_id: str
    title: str
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True)
class Shipment:
    carrier: str
    service: str
    tracking: str
    status: str
    shipped_on: date | None
    promised_on: date
    last_scan: str
    address: Address


@dataclass(frozen=True, slots=True)
class Refund:
    id: str
    payment_id: str
    amount: Money
    reason: str
    refunded_on: date


@dataclass(frozen=True, slots=True)
class PaymentRef:
    id: str
    status: str
    method: str
    amount: Money
    remaining: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    record_type: Literal["customer"] = "customer"
    id: str
    status: str
    name: str
    email: str
    language: str
    company: str
    plan: str
    loyalty_level: str
    customer_since: date
    address: Address
    orders: list[Summary]
    tickets: list[Summary]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    record_type: Literal["order"] = "order"
    id: str
    status: str
    total: Money
    ordered_on: date
    delivered_on: date | None
    customer: CustomerRef
    lines: list[Line]
    shipping: Money
    payments: list[PaymentRef]
    shipment: Shipment | None
    tickets: list[str]
    refunds: list[Refund]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    record_type: Literal["payment"] = "payment"
    id: str
    status: str
    order_id: str
    customer: CustomerRef
    method: str
    paid_on: date
    amount: Money
    refunded: Money
    remaining: Money
    refunds: list[Refund]


@dataclass(frozen=True, slots=True)
class Message:
    number: int
    author: str
    at: datetime
    internal: bool
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    record_type: Literal["ticket"] = "ticket"
    id: str
    status: str
    title: str
    priority: str
    customer: CustomerRef
    order_id: str | None
    opened_on: date
    messages: list[Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    record_type: Literal["product"] = "product"
    id: str
    status: str
    title: str
    category: str
    price: Money
    stock: int
    warranty_months: int


Record = Customer | Order | Payment | Ticket | Product


@dataclass(frozen=True, slots=True)
class AddedMessage:
    ticket_id: str
    message_number: int
    internal: bool
    at: datetime
    ticket_status: str


@dataclass(frozen=True, slots=True)
class RefundReceipt:
    """`remaining_minor` is what can still be refunded of the payment."""

    refund_id: str
    payment_id: str
    order_id: str
    amount_minor: int
    currency: str
    remaining_minor: int
    payment_status: str
