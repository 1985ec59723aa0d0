"""How people name records: `ORD-1007`, `ord-1007`, `#1007`, an e-mail address."""

import difflib
import re
from typing import NamedTuple

from sqlalchemy import Connection, RowMapping, Table, select

from toolservers.crm import tables
from toolservers.crm.records import PREFIXES, RecordType
from toolward.errors import ToolError

TABLES: dict[RecordType, Table] = {
    "customer": tables.customers,
    "order": tables.orders,
    "payment": tables.payments,
    "ticket": tables.tickets,
    "product": tables.products,
}

_TYPES: dict[str, RecordType] = {prefix: record_type for record_type, prefix in PREFIXES.items()}
_ID = re.compile(r"#?(?:([A-Za-z]{3})-?)?([0-9]{1,12})")
_FORMS = "Ids look like ORD-1007, CUS-2004, PAY-5007, TCK-3003 or PRD-7001."
_COMPARED = 5_000  # ids at most among which near ones are looked for


class Reference(NamedTuple):
    """Which record is meant: of this type, the one whose `column` (id or email) is `value`."""

    record_type: RecordType
    column: str
    value: str


def parse(text: str, expected: RecordType | None = None) -> Reference:
    """Raises ToolError when `text` names no record, or one of another type than expected."""
    text = text.strip()
    if "@" in text:
        reference = Reference("customer", "email", text.casefold())
    elif (match := _ID.fullmatch(text)) is None:
        raise ToolError(f"{text[:80]!r} is not an id. {_FORMS} Use find_records to search by name or words.")
    else:
        reference = _numbered(text, match[1], match[2], expected)
    if expected is not None and reference.record_type != expected:
        raise ToolError(
            f"{text[:80]!r} names a record of type {reference.record_type}, not {expected}."
            " Look it up with get_record to see what belongs to it."
        )
    return reference


def _numbered(text: str, letters: str | None, number: str, expected: RecordType | None) -> Reference:
    """A number alone is what it is expected to be, or an order's."""
    record_type = _TYPES.get(f"{letters.upper()}-") if letters else expected or "order"
    if record_type is None:
        raise ToolError(f"No kind of record has ids like {text[:80]!r}. {_FORMS}")
    return Reference(record_type, "id", f"{PREFIXES[record_type]}{number}")


def row_of(connection: Connection, reference: Reference) -> RowMapping:
    """The row of the record's table. Raises ToolError, naming the nearest ids, when there is none."""
    table = TABLES[reference.record_type]
    column = table.c[reference.column]
    row = connection.execute(select(table).where(column == reference.value)).mappings().first()
    if row is None:
        missing = f"There is no {reference.record_type} {reference.value[:80]}."
        raise ToolError(f"{missing} {_way_on(connection, reference)}")
    return row


def _way_on(connection: Connection, reference: Reference) -> str:
    """The nearest ids. Addresses are not suggested: they would be other people's."""
    near: list[str] = []
    if reference.column == "id":
        column = TABLES[reference.record_type].c.id
        known = connection.scalars(select(column).order_by(column).limit(_COMPARED))
        near = difflib.get_close_matches(reference.value, known, n=3, cutoff=0.6)
    return f"The nearest: {', '.join(near)}." if near else "Use find_records to search for it."
