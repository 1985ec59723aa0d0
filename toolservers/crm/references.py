"""How people name records: `ORD-1007`, `ord-1007`, `#1007`, an e-mail address, the address of a page about it."""

import difflib
import re
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, and_, select, true

from toolservers.crm.kinds import PREFIXES, RecordType
from toolservers.crm.world import tables
from toolward.errors import ToolError

TABLES: dict[RecordType, Table] = {
    "customer": tables.customers,
    "order": tables.orders,
    "shipment": tables.shipments,
    "payment": tables.payments,
    "refund": tables.refunds,
    "credit_memo": tables.credit_memos,
    "return": tables.returns,
    "subscription": tables.subscriptions,
    "service_level": tables.service_levels,
    "ticket": tables.tickets,
    "team": tables.teams,
    "meeting": tables.meetings,
    "product": tables.products,
}

_TYPES: dict[str, RecordType] = {prefix: record_type for record_type, prefix in PREFIXES.items() if prefix}
_ID = re.compile(r"#?(?:([A-Za-z]{3})-?)?([0-9]{1,12})")
_TEAM = re.compile(r"[a-z]+(-[a-z]+)*")
_URL = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?([?#]\S*)?", re.IGNORECASE)
_FORMS = "Ids look like ORD-1007, CUS-2004, PAY-5007, TCK-3003 or PRD-7001."
_COMPARED = 5_000  # ids at most among which near ones are looked for


class Reference(NamedTuple):
    """Which record is meant: of this type, the one whose `column` (id or email) is `value`."""

    record_type: RecordType
    column: str
    value: str


def parse(text: str, expected: RecordType | None = None) -> Reference:
    """Raises ToolError when `text` names no record, or one of another type than expected."""
    given = text.strip()
    named = _last_part(given)
    if "@" in named:
        reference = Reference("customer", "email", named.casefold())
    elif expected == "team" and _TEAM.fullmatch(named):
        reference = Reference("team", "id", named)
    elif (match := _ID.fullmatch(named)) is None:
        raise ToolError(f"{given[:80]!r} is not an id. {_FORMS} Use find_records to search by name or words.")
    else:
        reference = _numbered(given, match[1], match[2], expected)
    if expected is not None and reference.record_type != expected:
        raise ToolError(
            f"{given[:80]!r} names a record of type {reference.record_type}, not {expected}."
            " Look it up with get_record to see what belongs to it."
        )
    return reference


def _last_part(text: str) -> str:
    """Of a page's address, what it is about: https://fernhill.example/orders/ORD-1007?tab=items."""
    if (match := _URL.fullmatch(text)) is None:
        return text
    return (match[1] or "").rstrip("/").rpartition("/")[2]


def _numbered(text: str, letters: str | None, number: str, expected: RecordType | None) -> Reference:
    """A number alone is what it is expected to be, or an order's."""
    record_type = _TYPES.get(f"{letters.upper()}-") if letters else expected or "order"
    if record_type is None or not PREFIXES[record_type]:
        raise ToolError(f"No kind of record has ids like {text[:80]!r}. {_FORMS}")
    return Reference(record_type, "id", f"{PREFIXES[record_type]}{number}")


def row_of(connection: Connection, reference: Reference, customer_id: str | None = None) -> RowMapping:
    """The row of the record's table; with a `customer_id`, only where it is theirs or everybody's. Raises
    ToolError, naming the nearest ids, when there is none: what is somebody else's is not there."""
    table = TABLES[reference.record_type]
    where = and_(table.c[reference.column] == reference.value, visible(table, customer_id))
    row = connection.execute(select(table).where(where)).mappings().first()
    if row is None:
        missing = f"There is no {reference.record_type} {reference.value[:80]}."
        raise ToolError(f"{missing} {_way_on(connection, reference, customer_id)}")
    return row


def visible(table: Table, customer_id: str | None) -> ColumnElement[bool]:
    """The condition that keeps other customers' rows out; what is nobody's is everybody's."""
    owner = table.c.id if table is tables.customers else table.c.get("customer_id")
    return true() if customer_id is None or owner is None else owner == customer_id


def _way_on(connection: Connection, reference: Reference, customer_id: str | None) -> str:
    """The nearest ids. Addresses are not suggested: they would be other people's."""
    near: list[str] = []
    if reference.column == "id":
        table = TABLES[reference.record_type]
        known = select(table.c.id).where(visible(table, customer_id)).order_by(table.c.id).limit(_COMPARED)
        near = difflib.get_close_matches(reference.value, connection.scalars(known), n=3, cutoff=0.6)
    return f"The nearest: {', '.join(near)}." if near else "Use find_records to search for it."
