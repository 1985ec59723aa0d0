"""What a pack says of its world, in as few words as it can; `pack` books it into the tables."""

from datetime import date, datetime
from typing import NamedTuple


class Product(NamedTuple):
    id: str
    title: str
    category: str
    price_minor: int
    stock: int
    warranty_months: int = 24
    status: str = "available"
    pounds_minor: int = 0  # where it was sold to the United Kingdom
    other_prices: tuple[tuple[str, int], ...] = ()  # of other currencies, in their minor units

    @property
    def prices(self) -> dict[str, int]:
        """In minor units, by currency; none where it is not sold."""
        known = {"EUR": self.price_minor, "GBP": self.pounds_minor, **dict(self.other_prices)}
        return {currency: amount for currency, amount in known.items() if amount}


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
    shipment: str = ""  # its parcel's status, where the order's does not say it: lost
    refund_basis: str = ""  # of its refunds, where it is not that of a return or a cancellation
    currency: str = ""  # of its customer's country, where nothing else is said


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


class Subscription(NamedTuple):
    id: str
    customer_id: str
    kind: str
    plan: str
    rhythm_months: int
    price_minor: int
    started_on: date
    next_on: date
    status: str = "active"
    paused_until: date | None = None
    pauses_this_year: int = 0
    currency: str = "EUR"


class Contact(NamedTuple):
    customer_id: str
    number: int
    name: str
    email: str
    role: str


class Note(NamedTuple):
    """What colleagues wrote about a customer."""

    customer_id: str
    number: int
    author: str
    at: datetime
    body: str


class Return(NamedTuple):
    """Of an order of the same pack; `lines` are products and quantities."""

    id: str
    order_id: str
    status: str
    reason: str
    remedy: str
    lines: tuple[tuple[str, int], ...]
    opened_on: date
    label_fee_minor: int = 0
    received_on: date | None = None


class CreditMemo(NamedTuple):
    id: str
    customer_id: str
    order_id: str | None
    amount_minor: int
    currency: str
    basis: str
    reason: str
    issued_on: date
    status: str = "issued"


class Team(NamedTuple):
    id: str
    name: str
    purpose: str
    answers_within_hours: int


class ServiceLevel(NamedTuple):
    id: str
    plan: str
    delivery_days: int
    first_answer_hours: int
    penalty_percent: int
    penalty_at_most_percent: int
