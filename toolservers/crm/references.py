"""How people name records: `ORD-1007`, `ord-1007`, `#1007`, an e-mail address, a parcel's tracking number, the
address of a page about it."""

import difflib
import re
from string import digits
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, and_, false, select, true

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

_TYPES: dict[str, RecordType] = {
    prefix[:3]: record_type for record_type, prefix in PREFIXES.items() if prefix
}
_ID = re.compile(r"#?(?:([A-Za-z]{3})-?)?([0-9]{1,12})")
_WHOLE_ID = re.compile(r"([A-Za-z]{3})-([0-9]{1,12})")
_EMAIL = re.compile(r"[^\s@<>\"\x00-\x1f\x7f]{1,64}@[^\s@<>\"\x00-\x1f\x7f]{1,189}")
_WHOLE_EMAIL = re.compile(r"[^@]+@[^@]+\.[a-z]{2,}")
_NAMED_EMAIL = re.compile(r"[^<>]*<([^<>]+)>")  # Marta Lindqvist <marta.lindqvist@example.org>
_TRACKING = re.compile(r"[A-Za-z]{2}[0-9]{9,12}")
_TEAM = re.compile(r"[a-z]{1,30}(-[a-z]{1,30}){0,4}")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_LONGEST = 1_000
_COMPARED = 100  # teams at most among which near ones are looked for
_FORMS = "Ids look like ORD-1007, CUS-2004, PAY-5007, TCK-3003 or PRD-7001."


_FOLDERS: dict[str, RecordType] = {
    folder: record_type for record_type in PREFIXES for folder in (record_type, f"{record_type}s")
}


class Reference(NamedTuple):
    """Which record is meant: of this type, the one whose `column` (id, email, tracking) is `value`."""

    record_type: RecordType
    column: str
    value: str


def parse(text: str, expected: RecordType | None = None) -> Reference:
    """Raises ToolError when `text` names no record, or one of another type than expected."""
    given = text.strip()
    reference = _page(given, expected) if _URL.match(given) else _name(given, expected)
    if reference is None:
        raise ToolError(f"{given[:80]!r} is not an id. {_FORMS} Use find_records to search by name or words.")
    if expected is not None and reference.record_type != expected:
        raise ToolError(
            f"{given[:80]!r} names a record of type {reference.record_type}, not {expected}."
            " Look it up with get_record to see what belongs to it."
        )
    return reference


def written_out(word: str) -> Reference | None:
    """What a word names that is an id with its letters, a tracking number or an e-mail address, and no less."""
    if (match := _WHOLE_ID.fullmatch(word)) is not None:
        record_type = _TYPES.get(match[1].upper())
        return (
            None
            if record_type is None
            else Reference(record_type, "id", f"{PREFIXES[record_type]}{match[2]}")
        )
    if _TRACKING.fullmatch(word) is not None:
        return Reference("shipment", "tracking", word.upper())
    return Reference("customer", "email", word) if _WHOLE_EMAIL.fullmatch(word) else None


def _name(text: str, expected: RecordType | None) -> Reference | None:
    if (named := _NAMED_EMAIL.fullmatch(text[:_LONGEST])) is not None:
        text = named[1].strip()
    if _EMAIL.fullmatch(text) is not None:
        return Reference("customer", "email", text.casefold())
    if expected == "team" and _TEAM.fullmatch(text) is not None:
        return Reference("team", "id", text)
    if _TRACKING.fullmatch(text) is not None:
        return Reference("shipment", "tracking", text.upper())
    match = _ID.fullmatch(text)
    return None if match is None else _numbered(text, match[1], match[2], expected)


def _page(url: str, expected: RecordType | None) -> Reference | None:
    """What a page is about: https://fernhill.example/orders/ORD-1007/items?tab=2. The last that is named in its
    path counts; then what follows #, where some keep their path; then what is asked for (?id=ORD-1007)."""
    try:
        address = urlsplit(url[:_LONGEST])
        asked = parse_qsl(address.query, max_num_fields=20)
    except ValueError:
        return None
    for pairs in (_folders(address.path), _folders(address.fragment), asked):
        for before, part in reversed(pairs):
            if (reference := _part(before, part, expected)) is not None:
                return reference
    return None


def _folders(path: str) -> list[tuple[str, str]]:
    """Each part of a path, after the one that it lies in."""
    parts = [unquote(part) for part in re.split("[/?&=]", path) if part]
    return list(zip(["", *parts], parts, strict=False))


def _part(before: str, part: str, expected: RecordType | None) -> Reference | None:
    """What a part of an address names: in full, or in the folder of its type (orders/1007, teams/fraud)."""
    folder = _FOLDERS.get(before.lower().replace("-", "_"))
    match = _ID.fullmatch(part)
    if match is not None and not match[1] and before and folder is None:
        return None  # the number of something else
    if match is not None and match[1] and match[1].upper() not in _TYPES:
        return None
    return _name(part, folder or (None if expected == "team" else expected))


def _numbered(text: str, letters: str | None, number: str, expected: RecordType | None) -> Reference:
    """A number alone is what it is expected to be, or an order's."""
    record_type = _TYPES.get(letters.upper()) if letters else expected or "order"
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
    """The condition that keeps other customers' rows out, and the shop's own teams; what else is nobody's is
    everybody's."""
    if customer_id is None:
        return true()
    if table is tables.teams:
        return false()
    owner = table.c.id if table is tables.customers else table.c.get("customer_id")
    return true() if owner is None else owner == customer_id


def _way_on(connection: Connection, reference: Reference, customer_id: str | None) -> str:
    """The nearest ids. Addresses are not suggested: they would be other people's."""
    near: list[str] = []
    if reference.column == "id":
        known = _known_near(connection, reference, customer_id)
        near = difflib.get_close_matches(reference.value, known, n=3, cutoff=0.6)
    return f"The nearest: {', '.join(near)}." if near else "Use find_records to search for it."


def _known_near(connection: Connection, reference: Reference, customer_id: str | None) -> list[str]:
    """Ids that one slip of the fingers turns into this one, and its neighbours in the order of ids: what an index
    finds, however large the table is."""
    table, value = TABLES[reference.record_type], reference.value
    seen = visible(table, customer_id)
    if not PREFIXES[reference.record_type]:
        return list(connection.scalars(select(table.c.id).where(seen).order_by(table.c.id).limit(_COMPARED)))
    chosen = (
        select(table.c.id).where(seen, table.c.id.in_(_slips(value))),
        select(table.c.id).where(seen, table.c.id < value).order_by(table.c.id.desc()).limit(3),
        select(table.c.id).where(seen, table.c.id > value).order_by(table.c.id).limit(3),
    )
    return sorted({found for one in chosen for found in connection.scalars(one)})


def _slips(identity: str) -> list[str]:
    """One digit wrong, left out or too many, or two exchanged."""
    prefix, _, number = identity.partition("-")
    cut = [(number[:n], number[n:]) for n in range(len(number) + 1)]
    slips = {left + right[1:] for left, right in cut if right}
    slips |= {left + right[1] + right[0] + right[2:] for left, right in cut if len(right) > 1}
    slips |= {left + digit + right for left, right in cut for digit in digits}
    slips |= {left + digit + right[1:] for left, right in cut if right for digit in digits}
    return sorted(f"{prefix}-{slip}" for slip in slips - {number, ""})
