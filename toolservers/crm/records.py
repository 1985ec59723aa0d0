"""What the tools give back. Money is in integer minor units; `display` is for people and never for arithmetic.

One file, though a long one: it is the whole of what a model is shown, type by type, and nothing else.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from toolservers.crm.kinds import RecordType
from toolservers.crm.money import Money
from toolward.types import Json

# --- lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A record in a list: enough to choose by. `on` is the day when it was ordered, paid, opened or made; `fields`
    has those that were asked for."""

    record_type: RecordType
    id: str
    title: str
    status: str
    customer_id: str | None = None
    on: date | None = None
    amount: Money | None = None
    fields: dict[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """`total` counts every match, also those beyond the limit. `next_cursor` goes on from here."""

    records: list[Summary]
    total: int
    next_cursor: str = ""
    note: str = ""


# --- parts of records


@dataclass(frozen=True, slots=True)
class Action:
    """What could be done with the record now: by which tool, or why not and what to do instead."""

    action: str
    allowed: bool
    reason: str = ""


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
class Contact:
    name: str
    email: str
    role: str


@dataclass(frozen=True, slots=True)
class Line:
    product_id: str
    title: str
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel, as an order shows it."""

    carrier: str
    service: str
    tracking: str
    status: str
    shipped_on: date | None
    promised_on: date
    last_scan: str
    address: Address
    id: str = ""


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund, as its payment and its order show it."""

    id: str
    payment_id: str
    amount: Money
    reason: str
    refunded_on: date
    status: str = ""


@dataclass(frozen=True, slots=True)
class PaymentRef:
    id: str
    status: str
    method: str
    amount: Money
    remaining: Money


@dataclass(frozen=True, slots=True)
class Message:
    number: int
    author: str
    at: datetime
    internal: bool
    body: str


@dataclass(frozen=True, slots=True)
class Note:
    author: str
    at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class Item:
    product_id: str
    quantity: Annotated[int, Field(ge=1, le=10_000)]


# --- records, as `get_record` shows them. Each has a version, and what may be done with it now.


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
    version: int = 1
    pending_email: str = ""
    phone: str = ""
    points: int = 0
    other_addresses: list[Address] = field(default_factory=list[Address])
    contacts: list[Contact] = field(default_factory=list[Contact])
    subscriptions: list[Summary] = field(default_factory=list[Summary])
    service_level: str | None = None
    notes: list[Note] = field(default_factory=list[Note])
    allowed_actions: list[Action] = field(default_factory=list[Action])


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
    version: int = 1
    service: str = ""
    promised_on: date | None = None
    payment_method: str = ""
    address: Address | None = None
    more_shipments: list[Shipment] = field(default_factory=list[Shipment])
    returns: list[str] = field(default_factory=list[str])
    credit_memos: list[str] = field(default_factory=list[str])
    allowed_actions: list[Action] = field(default_factory=list[Action])


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A shipment as a record of its own."""

    record_type: Literal["shipment"] = "shipment"
    id: str
    status: str
    version: int
    customer: CustomerRef
    order_id: str
    carrier: str
    service: str
    tracking: str
    shipped_on: date | None
    promised_on: date
    delivered_on: date | None
    working_days_late: int
    last_scan: str
    redirected: bool
    address: Address
    allowed_actions: list[Action]


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
    version: int = 1
    allowed_actions: list[Action] = field(default_factory=list[Action])


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRecord:
    record_type: Literal["refund"] = "refund"
    id: str
    status: str
    version: int
    customer: CustomerRef
    payment_id: str
    return_id: str | None
    amount: Money
    basis: str
    reason: str
    refunded_on: date
    expected_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditMemo:
    record_type: Literal["credit_memo"] = "credit_memo"
    id: str
    status: str
    version: int
    customer: CustomerRef
    order_id: str | None
    amount: Money
    basis: str
    reason: str
    issued_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    record_type: Literal["return"] = "return"
    id: str
    status: str
    version: int
    customer: CustomerRef
    order_id: str
    reason: str
    remedy: str
    lines: list[Item]
    label_fee: Money
    note: str
    opened_on: date
    received_on: date | None
    refunds: list[Refund]
    allowed_actions: list[Action]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    record_type: Literal["subscription"] = "subscription"
    id: str
    status: str
    version: int
    customer: CustomerRef
    kind: str
    plan: str
    rhythm_months: int
    price: Money
    started_on: date
    next_on: date | None
    paused_until: date | None
    pauses_this_year: int
    pending_plan: str
    pending_rhythm_months: int | None
    pending_on: date | None
    ended_on: date | None
    allowed_actions: list[Action]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    record_type: Literal["service_level"] = "service_level"
    id: str
    version: int
    plan: str
    delivery_days: int
    first_answer_hours: int
    penalty_percent: int
    penalty_at_most_percent: int


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
    version: int = 1
    team: str | None = None
    answer_due_at: datetime | None = None
    meetings: list[str] = field(default_factory=list[str])
    allowed_actions: list[Action] = field(default_factory=list[Action])


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    record_type: Literal["team"] = "team"
    id: str
    version: int
    name: str
    purpose: str
    answers_within_hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    record_type: Literal["meeting"] = "meeting"
    id: str
    status: str
    version: int
    customer: CustomerRef
    ticket_id: str | None
    starts_at: datetime
    minutes: int
    purpose: str
    participants: list[str]
    agenda: list[str]
    attachments: list[str]
    allowed_actions: list[Action]


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
    version: int = 1
    other_prices: list[Money] = field(default_factory=list[Money])


Record = (
    Customer
    | Order
    | Parcel
    | Payment
    | RefundRecord
    | CreditMemo
    | Return
    | Subscription
    | ServiceLevel
    | Ticket
    | Team
    | Meeting
    | Product
)

# --- what came of a change


@dataclass(frozen=True, slots=True)
class FieldChange:
    field: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A record as a call left it, or with `dry_run` as it would. `says` tells in one sentence what was done and
    what follows; `advice` has the rules that stood against it where they are only told."""

    record_type: RecordType
    id: str
    version: int
    status: str
    says: str
    changes: list[FieldChange]
    dry_run: bool = False
    advice: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class AddedMessage:
    ticket_id: str
    message_number: int
    internal: bool
    at: datetime
    ticket_status: str
    ticket_version: int = 1


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
    advice: list[str] = field(default_factory=list[str])
