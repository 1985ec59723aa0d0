"""What a list shows of each type of record: title, day and amount, and the field that puts the newest first."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Table, and_, func, literal

from toolservers.crm.kinds import RecordType
from toolservers.crm.references import TABLES
from toolservers.crm.world.tables import (
    credit_memos,
    customers,
    meetings,
    order_lines,
    orders,
    payments,
    products,
    refunds,
    returns,
    service_levels,
    shipments,
    subscriptions,
    teams,
    tickets,
)


class Source(NamedTuple):
    """`title` reads from `joined`, which is the table with what the title needs. `newest` is the field by which the
    list is sorted unless asked otherwise, the largest first; `on` and `amount` are fields, too."""

    joined: FromClause
    title: ColumnElement[str]
    newest: str = ""
    on: str = ""
    amount: str = ""


def source_of(record_type: RecordType) -> Source:
    return _SOURCES[record_type]


def currency_of(record_type: RecordType) -> ColumnElement[Any]:
    """Of the amounts of a record; what a product costs is shown in euros."""
    table = TABLES[record_type]
    return table.c.currency if "currency" in table.c else literal("EUR")


def _theirs(table: Table, *parts: ColumnElement[Any] | str) -> tuple[FromClause, ColumnElement[str]]:
    """Whose it is, and what: `Marta Lindqvist: Visa for ORD-1007`."""
    title = customers.c.name + ": "
    for part in parts:
        title = title + part
    return table.join(customers), title


_FIRST_LINE = and_(order_lines.c.order_id == orders.c.id, order_lines.c.number == 1)
_SOURCES: dict[RecordType, Source] = {
    "customer": Source(
        customers, customers.c.name + " <" + customers.c.email + ">", "customer_since", "customer_since"
    ),
    "order": Source(
        orders.join(customers).outerjoin(order_lines, _FIRST_LINE),
        customers.c.name + ": " + func.coalesce(order_lines.c.title, ""),
        "ordered_on",
        "ordered_on",
        "total_minor",
    ),
    # Not every parcel has left; all of them are promised for some day.
    "shipment": Source(
        *_theirs(shipments, shipments.c.carrier, " ", shipments.c.tracking), "promised_on", "shipped_on"
    ),
    "payment": Source(
        *_theirs(payments, payments.c.method, " for ", payments.c.order_id),
        "paid_on",
        "paid_on",
        "amount_minor",
    ),
    "refund": Source(
        *_theirs(refunds, refunds.c.basis, " for ", refunds.c.payment_id),
        "refunded_on",
        "refunded_on",
        "amount_minor",
    ),
    "credit_memo": Source(
        *_theirs(credit_memos, credit_memos.c.basis), "issued_on", "issued_on", "amount_minor"
    ),
    "return": Source(
        *_theirs(returns, returns.c.reason, " of ", returns.c.order_id), "opened_on", "opened_on"
    ),
    "subscription": Source(
        *_theirs(subscriptions, subscriptions.c.kind, " ", subscriptions.c.plan),
        "started_on",
        "started_on",
        "price_minor",
    ),
    "service_level": Source(service_levels, service_levels.c.plan),
    "ticket": Source(*_theirs(tickets, tickets.c.title), "opened_on", "opened_on"),
    "team": Source(teams, teams.c.name),
    "meeting": Source(*_theirs(meetings, meetings.c.purpose), "starts_at", "starts_at"),
    "product": Source(products, products.c.title, amount="price_minor"),
}
