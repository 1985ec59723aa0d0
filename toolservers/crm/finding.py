"""Lists of records: by type, words, status and customer."""

import re
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import RowMapping, Subquery, and_, func, null, select

from toolservers.crm.kinds import RecordType
from toolservers.crm.machines import statuses
from toolservers.crm.money import money
from toolservers.crm.records import Found, Summary
from toolservers.crm.work import View
from toolservers.crm.world.tables import (
    customers,
    fold,
    order_lines,
    orders,
    payments,
    prices,
    products,
    tickets,
)
from toolward.errors import ToolError

_WORD = re.compile(r"[\w@.+-]+")


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


def find_records(view: View, wanted: Wanted) -> Found:
    """Records that have every word of the query, newest first, then by id. Raises ToolError for a status that
    the type does not have, and for an unknown customer."""
    record_type, query, status, customer_id, *_, limit, _ = wanted
    _check(record_type, status, customer_id)
    listed = _LISTED[record_type]()
    conditions = [listed.c.text.contains(word, autoescape=True) for word in _WORD.findall(fold(query))]
    if view.actor.customer_id is not None and record_type != "product":
        conditions.append(listed.c.customer_id == view.actor.customer_id)
    if status is not None:
        conditions.append(listed.c.status == status)
    if customer_id is not None:
        conditions.append(listed.c.customer_id == view.row(customer_id, "customer")["id"])
    where = and_(True, *conditions)
    total = view.connection.scalar(select(func.count()).select_from(listed).where(where)) or 0
    chosen = select(listed).where(where).order_by(listed.c.on.desc(), listed.c.id).limit(limit)
    records = [summary(record_type, row) for row in view.connection.execute(chosen).mappings()]
    return Found(
        records, total, note="" if records else f"No {record_type} fits. Use fewer words or filters."
    )


def of_customer(view: View, record_type: RecordType, customer_id: str) -> list[Summary]:
    """All of a customer's orders, payments or tickets, newest first."""
    listed = _LISTED[record_type]()
    chosen = select(listed).where(listed.c.customer_id == customer_id)
    rows = view.connection.execute(chosen.order_by(listed.c.on.desc(), listed.c.id)).mappings()
    return [summary(record_type, row) for row in rows]


def _check(record_type: RecordType, status: str | None, customer_id: str | None) -> None:
    known = statuses(record_type)
    if status is not None and status not in known:
        raise ToolError(f"No {record_type} has the status {status[:40]!r}. There are: {', '.join(known)}.")
    if customer_id is not None and record_type == "product":
        raise ToolError("Products belong to no customer. Leave customer_id out, or look for orders.")


def _customers() -> Subquery:
    return select(
        customers.c.id,
        customers.c.status,
        (customers.c.name + " <" + customers.c.email + ">").label("title"),
        customers.c.id.label("customer_id"),
        customers.c.customer_since.label("on"),
        null().label("amount_minor"),
        null().label("currency"),
        customers.c.words.label("text"),
    ).subquery()


def _orders() -> Subquery:
    first = and_(order_lines.c.order_id == orders.c.id, order_lines.c.number == 1)
    return (
        select(
            orders.c.id,
            orders.c.status,
            (customers.c.name + ": " + order_lines.c.title).label("title"),
            orders.c.customer_id,
            orders.c.ordered_on.label("on"),
            orders.c.total_minor.label("amount_minor"),
            orders.c.currency,
            (orders.c.words + " " + customers.c.words).label("text"),
        )
        .join(customers)
        .join(order_lines, first)
        .subquery()
    )


def _payments() -> Subquery:
    return (
        select(
            payments.c.id,
            payments.c.status,
            (customers.c.name + ": " + payments.c.method + " for " + payments.c.order_id).label("title"),
            payments.c.customer_id,
            payments.c.paid_on.label("on"),
            payments.c.amount_minor,
            payments.c.currency,
            (payments.c.words + " " + customers.c.words).label("text"),
        )
        .join(customers)
        .subquery()
    )


def _tickets() -> Subquery:
    return (
        select(
            tickets.c.id,
            tickets.c.status,
            (customers.c.name + ": " + tickets.c.title).label("title"),
            tickets.c.customer_id,
            tickets.c.opened_on.label("on"),
            null().label("amount_minor"),
            null().label("currency"),
            (tickets.c.words + " " + customers.c.words).label("text"),
        )
        .join(customers)
        .subquery()
    )


def _products() -> Subquery:
    return (
        select(
            products.c.id,
            products.c.status,
            products.c.title,
            null().label("customer_id"),
            null().label("on"),
            prices.c.amount_minor,
            prices.c.currency,
            products.c.words.label("text"),
        )
        .join(prices, and_(prices.c.product_id == products.c.id, prices.c.currency == "EUR"))
        .subquery()
    )


# Each type's records, with the columns of a summary and the text that is searched.
_LISTED: dict[RecordType, Callable[[], Subquery]] = {
    "customer": _customers,
    "order": _orders,
    "payment": _payments,
    "ticket": _tickets,
    "product": _products,
}


def summary(record_type: RecordType, row: RowMapping) -> Summary:
    return Summary(
        record_type=record_type,
        id=row["id"],
        title=row["title"],
        status=row["status"],
        customer_id=row["customer_id"],
        on=row["on"],
        amount=None if row["amount_minor"] is None else money(row["amount_minor"], row["currency"]),
    )
