"""What can be filtered, sorted and shown of each type of record."""

import difflib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

from sqlalchemy import Boolean, Date, DateTime, Integer, select
from sqlalchemy.sql import ColumnElement

from toolservers.crm import kinds
from toolservers.crm.kinds import PREFIXES, RecordType
from toolservers.crm.machines import statuses
from toolservers.crm.references import TABLES
from toolservers.crm.world.tables import payments, prices, products, tickets
from toolward.errors import ToolError

Kind = Literal["text", "choice", "id", "day", "time", "number", "money", "flag"]

_FIELDS: dict[RecordType, str] = {
    "customer": "id status name email pending_email phone language company loyalty_level points customer_since"
    " version",
    "order": "id status customer_id ordered_on packed_on shipped_on delivered_on cancelled_on promised_on service"
    " payment_method shipping_minor total_minor currency street postcode city country version",
    "shipment": "id status customer_id order_id carrier service tracking shipped_on promised_on delivered_on"
    " last_scan redirected street postcode city country version",
    "payment": "id status customer_id order_id method paid_on amount_minor refunded_minor remaining_minor currency"
    " version",
    "refund": "id status customer_id payment_id return_id amount_minor currency basis reason refunded_on"
    " expected_on version",
    "credit_memo": "id status customer_id order_id amount_minor currency basis reason issued_on version",
    "return": "id status customer_id order_id reason remedy note label_fee_minor currency opened_on received_on"
    " version",
    "subscription": "id status customer_id kind plan rhythm_months price_minor currency started_on next_on"
    " paused_until pauses_this_year pending_plan pending_rhythm_months pending_on ended_on version",
    "service_level": "id plan delivery_days first_answer_hours penalty_percent penalty_at_most_percent version",
    "ticket": "id status title priority customer_id order_id team opened_on answer_due_at version",
    "team": "id name purpose answers_within_hours version",
    "meeting": "id status customer_id ticket_id starts_at minutes purpose version",
    "product": "id status title category price_minor stock warranty_months version",
}

_FOR_STAFF: dict[RecordType, str] = {"ticket": "team"}
"""What is hidden from callers who are customers."""

_PRICE = select(prices.c.amount_minor).where(prices.c.product_id == products.c.id, prices.c.currency == "EUR")
_ELSEWHERE: dict[tuple[RecordType, str], ColumnElement[Any]] = {
    ("payment", "remaining_minor"): payments.c.amount_minor - payments.c.refunded_minor,
    ("product", "price_minor"): _PRICE.scalar_subquery(),
    ("ticket", "team"): tickets.c.team_id,
}
"""Fields that are no columns of their own."""

_CHOICES: dict[tuple[RecordType, str], tuple[str, ...]] = {
    ("refund", "basis"): get_args(kinds.RefundBasis),
    ("credit_memo", "basis"): get_args(kinds.CreditBasis),
    ("return", "reason"): get_args(kinds.ReturnReason),
    ("return", "remedy"): get_args(kinds.Remedy),
    ("ticket", "priority"): get_args(kinds.Priority),
}


_HELD: tuple[tuple[type, Kind], ...] = (
    (Boolean, "flag"),
    (DateTime, "time"),
    (Date, "day"),
    (Integer, "number"),
)


class Field(NamedTuple):
    """`nullable`: a record may have none. `names` is the type of record that an id is of; `choices` are all the
    values that there are."""

    name: str
    column: ColumnElement[Any]
    kind: Kind
    nullable: bool
    names: RecordType | None = None
    choices: tuple[str, ...] = ()


def fields_of(record_type: RecordType, *, staff: bool = True) -> Mapping[str, Field]:
    if staff:
        return _ALL[record_type]
    hidden = _FOR_STAFF.get(record_type, "").split()
    return {name: field for name, field in _ALL[record_type].items() if name not in hidden}


def field_of(record_type: RecordType, name: str, *, staff: bool = True) -> Field:
    """Raises ToolError, with the nearest names and all of them, where there is none of this name."""
    known = fields_of(record_type, staff=staff)
    if (field := known.get(name.strip().lower())) is not None:
        return field
    near = difflib.get_close_matches(name[:40].lower(), known, n=2, cutoff=0.5)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    raise ToolError(f"{record_type} has no field {name[:40]!r}.{meant} Its fields: {', '.join(known)}.")


def _field(record_type: RecordType, name: str) -> Field:
    table = TABLES[record_type]
    column = _ELSEWHERE.get((record_type, name), table.c.get(name))
    if column is None:
        raise LookupError(f"{record_type}.{name}")
    choices = statuses(record_type) if name == "status" else _CHOICES.get((record_type, name), ())
    nullable = table.c[name].nullable if name in table.c else name != "remaining_minor"
    names = _named(record_type, name)
    kind: Kind = "id" if names else "choice" if choices else _kind(name, column)
    return Field(name, column, kind, bool(nullable), names, choices)


def _named(record_type: RecordType, name: str) -> RecordType | None:
    if name == "id":
        return record_type
    return next((other for other in PREFIXES if name in (f"{other}_id", other)), None)


def _kind(name: str, column: ColumnElement[Any]) -> Kind:
    if name.endswith("_minor"):
        return "money"
    for held, kind in _HELD:
        if isinstance(column.type, held):
            return kind
    return "text"


_ALL: dict[RecordType, dict[str, Field]] = {
    record_type: {name: _field(record_type, name) for name in names.split()}
    for record_type, names in _FIELDS.items()
}
