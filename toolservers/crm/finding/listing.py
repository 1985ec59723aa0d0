"""The query: a page of records that fit, newest first or as asked, and where the next one begins.

Pages are cut by what the last record was (its sort key and its id), not by counting, so that what is added, changed
or deleted meanwhile moves nothing else: whatever is there throughout is seen once. Only a record whose sort field
itself is changed can be met again, or be missed.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, RowMapping, and_, false, func, literal, or_, select, true

from toolservers.crm.finding import cursors, filters, words
from toolservers.crm.finding.cursors import Cursor
from toolservers.crm.finding.expressions import teach
from toolservers.crm.finding.fields import Field, field_of, fields_of
from toolservers.crm.finding.sources import currency_of, source_of
from toolservers.crm.kinds import RecordType
from toolservers.crm.machines import statuses
from toolservers.crm.money import money
from toolservers.crm.records import Found, Summary
from toolservers.crm.references import TABLES, visible
from toolservers.crm.work import View
from toolservers.crm.world import clock
from toolward.errors import ToolError
from toolward.types import Json

COUNTED = 10_000
"""Records that are counted at most: how many more there are is seldom worth the time."""

_FEW = 1_000  # records that are sorted by themselves, whatever index there is
_OWN = 100  # of a customer's records, in the record of the customer
_KEY = 100  # signs of a text by which it is sorted: a cursor holds them


class Wanted(NamedTuple):
    """What a list shall have, as the tool was asked for it."""

    record_type: RecordType
    query: str
    status: str | None
    customer_id: str | None
    filters: list[str]
    sort: str
    fields: list[str]
    limit: int
    cursor: str


class Order(NamedTuple):
    """By `key`, then by id; what has no value stands last either way."""

    key: ColumnElement[Any] | None
    field: Field | None
    falling: bool


def find_records(view: View, wanted: Wanted) -> Found:
    """Records that have every word of the query and pass every filter. Raises ToolError for a status, a field or a
    value that the type cannot have, for an unknown customer, and for a cursor of another query."""
    record_type = wanted.record_type
    staff = view.actor.customer_id is None
    shown = [field_of(record_type, name, staff=staff) for name in dict.fromkeys(wanted.fields)]
    order = _order(record_type, wanted.sort, staff)
    query = cursors.digest([*wanted[:6], view.actor.customer_id])
    after = cursors.read(wanted.cursor, query) if wanted.cursor else None
    teach(view.connection)
    which, total = _which(view, record_type, _conditions(view, wanted))
    rows = _page(view, record_type, which, order, after, wanted.limit + 1, shown)
    page = rows[: wanted.limit]
    following = cursors.written(_cursor(order, page[-1]), query) if len(rows) > len(page) else ""
    records = [_summary(record_type, row, shown) for row in page]
    return Found(records, min(total, COUNTED), following, _note(record_type, total))


def of_customer(view: View, record_type: RecordType, customer_id: str) -> list[Summary]:
    """A customer's records of a type, newest first; of very many, the newest hundred."""
    where = TABLES[record_type].c.customer_id == customer_id
    rows = _page(view, record_type, where, _order(record_type, "", True), None, _OWN, [])
    return [_summary(record_type, row, []) for row in rows]


def _note(record_type: RecordType, total: int) -> str:
    if not total:
        return f"No {record_type.replace('_', ' ')} fits. Use fewer words or filters."
    if total > COUNTED:
        return f"More than {COUNTED:,} fit: total counts no further. Filter more."
    return ""


# --- which


def _which(
    view: View, record_type: RecordType, conditions: list[ColumnElement[bool]]
) -> tuple[ColumnElement[bool], int]:
    """The condition for all that fit, and how many there are. The ids of a few take one reading of the table, in
    the order in which it lies there; walking along an index to sort them would be much slower than that, unless
    there are so many that a page of them is met at once."""
    table, where = TABLES[record_type], and_(true(), *conditions)
    few = list(view.connection.scalars(select(table.c.id).where(where).limit(_FEW + 1)))
    if len(few) <= _FEW:
        return table.c.id.in_(few), len(few)
    some = select(literal(1)).select_from(table).where(where).limit(COUNTED + 1)
    return where, view.connection.scalar(select(func.count()).select_from(some.subquery())) or 0


def _conditions(view: View, wanted: Wanted) -> list[ColumnElement[bool]]:
    record_type, query, status, customer_id, asked, *_ = wanted
    table, owner = TABLES[record_type], view.actor.customer_id
    conditions = [visible(table, owner)]
    if status is not None:
        conditions.append(table.c.status == _status(record_type, status))
    for text in asked:
        name, op, value = filters.split(text)
        field = field_of(record_type, name, staff=owner is None)
        conditions.append(filters.condition(_known(view, filters.parse(field, op, value, view.today))))
    if customer_id is not None:
        column, owner = _owner(view, record_type, customer_id)
        conditions.append(column == owner)
    return conditions + words.have(view, record_type, query, owner)


def _status(record_type: RecordType, status: str) -> str:
    known = statuses(record_type)
    if not known:
        raise ToolError(f"A {record_type} has no status. Leave status out.")
    if status not in known:
        raise ToolError(f"No {record_type} has the status {status[:40]!r}. There are: {', '.join(known)}.")
    return status


def _owner(view: View, record_type: RecordType, customer_id: str) -> tuple[ColumnElement[str], str]:
    """The column that says whose it is, and the id of the customer who was named."""
    table = TABLES[record_type]
    column = table.c.id if record_type == "customer" else table.c.get("customer_id")
    if column is None:
        what = record_type.replace("_", " ").capitalize()
        raise ToolError(f"{what}s belong to no customer. Leave customer_id out, or look for orders.")
    return column, view.row(customer_id, "customer")["id"]


def _known(view: View, asked: filters.Filter) -> filters.Filter:
    """With the customer's id where an e-mail address named them."""
    if asked.field.names == "customer" and "@" in str(asked.value):
        return asked._replace(value=view.row(str(asked.value), "customer")["id"])
    return asked


# --- in which order, from where


def _order(record_type: RecordType, sort: str, staff: bool) -> Order:
    name = sort.strip()
    falling = name.startswith("-") or not name
    name = name.removeprefix("-") or source_of(record_type).newest
    if not name:
        return Order(None, None, False)
    field = field_of(record_type, name, staff=staff)
    key = func.substr(field.column, 1, _KEY) if field.kind == "text" else field.column
    return Order(key, field, falling)


def _beyond(order: Order, id_: ColumnElement[str], after: Cursor) -> ColumnElement[bool]:
    """What stands after the record that the cursor names."""
    later = id_ > after.id
    if order.key is None or order.field is None:
        return later
    key, nullable = order.key, order.field.nullable
    value = _held(order.field, after.key)
    if value is None:
        return and_(key.is_(None), later) if nullable else false()
    value = literal(value, order.field.column.type)
    further, same = (key < value, key <= value) if order.falling else (key > value, key >= value)
    beyond = and_(same, or_(further, later))  # the first of which an index can use
    return or_(beyond, key.is_(None)) if nullable else beyond


def _cursor(order: Order, row: RowMapping) -> Cursor:
    key = row["key"]
    return Cursor(key.isoformat() if isinstance(key, date) else key, row["id"])


def _held(field: Field, key: Any) -> Any:
    """What a cursor holds, as the database compares it."""
    if key is None:
        return None
    wanted: type = {"number": int, "money": int, "flag": bool}.get(field.kind, str)
    if type(key) is not wanted:
        raise cursors.broken()
    if field.kind not in ("day", "time"):
        return key
    try:
        return date.fromisoformat(key) if field.kind == "day" else datetime.fromisoformat(key)
    except ValueError:
        raise cursors.broken() from None


# --- what is shown


def _page(
    view: View,
    record_type: RecordType,
    where: ColumnElement[bool],
    order: Order,
    after: Cursor | None,
    limit: int,
    shown: Sequence[Field],
) -> Sequence[RowMapping]:
    """First which records, then what their titles need: nothing is joined for those that are not shown."""
    table, source = TABLES[record_type], source_of(record_type)
    key = literal(None) if order.key is None else order.key
    chosen = select(table.c.id, key.label("key")).where(where)
    if after is not None:
        chosen = chosen.where(_beyond(order, table.c.id, after))
    page = chosen.order_by(*_sorted(order, key, table.c.id)).limit(limit).subquery()
    known = fields_of(record_type)
    parts = {"on": source.on, "amount": source.amount}
    columns = [
        table.c.id,
        page.c.key,
        source.title.label("title"),
        currency_of(record_type).label("currency"),
        *(table.c[name] for name in ("status", "customer_id") if name in table.c),
        *(known[name].column.label(part) for part, name in parts.items() if name),
        *(field.column.label(f"field_{field.name}") for field in shown),
    ]
    listed = select(*columns).select_from(source.joined.join(page, page.c.id == table.c.id))
    return view.connection.execute(listed.order_by(*_sorted(order, page.c.key, table.c.id))).mappings().all()


def _sorted(order: Order, key: ColumnElement[Any], id_: ColumnElement[str]) -> list[ColumnElement[Any]]:
    if order.field is None:
        return [id_]
    missing = [key.is_(None)] if order.field.nullable else []
    return [*missing, key.desc() if order.falling else key, id_]


def _summary(record_type: RecordType, row: RowMapping, shown: Sequence[Field]) -> Summary:
    on, amount = row.get("on"), row.get("amount")
    return Summary(
        record_type=record_type,
        id=row["id"],
        title=row["title"],
        status=row.get("status", ""),
        customer_id=row["id"] if record_type == "customer" else row.get("customer_id"),
        on=clock.local(clock.aware(on)).date() if isinstance(on, datetime) else on,
        amount=None if amount is None else money(amount, row["currency"]),
        fields={field.name: _shown(field, row) for field in shown} if shown else None,
    )


def _shown(field: Field, row: RowMapping) -> Json:
    value = row[f"field_{field.name}"]
    if field.kind == "money" and value is not None:
        value = money(value, row["currency"])
    elif isinstance(value, datetime):
        value = clock.aware(value)
    return msgspec.to_builtins(value)
