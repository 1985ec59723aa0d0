"""What the words of a query look in.

A word is looked for anywhere in a record's text and in that of its customer, without case and accents. An id or
an e-mail address that is written in full means that very record and what refers to it, which no table need be
read through for.
"""

import re

from sqlalchemy import ColumnElement, Table, func, or_, select

from toolservers.crm.kinds import RecordType
from toolservers.crm.references import TABLES, Reference, written_out
from toolservers.crm.work import View
from toolservers.crm.world.tables import (
    customers,
    fold,
    order_lines,
    orders,
    return_lines,
    returns,
    service_levels,
    teams,
)
from toolward.errors import ToolError

MOST = 8
_WORD = re.compile(r"[\w@.+-]+")
_LINES = {
    "order": (orders, order_lines.c.order_id, order_lines),
    "return": (returns, return_lines.c.return_id, return_lines),
}


def words_of(query: str) -> list[str]:
    """Each once, folded. Raises ToolError for more than are looked for at once."""
    found = list(dict.fromkeys(_WORD.findall(fold(query))))
    if len(found) > MOST:
        raise ToolError(
            f"A query has at most {MOST} words, and this has {len(found)}. Leave the common ones out."
        )
    return found


def has(view: View, record_type: RecordType, word: str) -> ColumnElement[bool]:
    """The condition that a record has this word."""
    reference = written_out(word)
    if reference is not None:
        exact = _refers(view, record_type, reference)
        if exact is not None:
            return exact
    return _contains(record_type, word)


def _contains(record_type: RecordType, word: str) -> ColumnElement[bool]:
    table = TABLES[record_type]
    own = _text(table).contains(word, autoescape=True)
    if "customer_id" not in table.c:
        return own
    whose = select(customers.c.id).where(customers.c.words.contains(word, autoescape=True))
    return or_(own, table.c.customer_id.in_(whose))


def _text(table: Table) -> ColumnElement[str]:
    """Few rows have no folded text of their own."""
    if table is teams:
        return func.lower(teams.c.id + " " + teams.c.name + " " + teams.c.purpose)
    if table is service_levels:
        return func.lower(service_levels.c.id + " " + service_levels.c.plan)
    return table.c.words


def _refers(view: View, record_type: RecordType, reference: Reference) -> ColumnElement[bool] | None:
    """That a record is the one that is named, or belongs to it; None where that cannot be said by its columns."""
    table, value = TABLES[record_type], reference.value
    if reference.column == "email":
        known = view.connection.scalar(select(customers.c.id).where(customers.c.email == value))
        if known is None:
            return None  # perhaps the end of a longer one
        reference, value = Reference("customer", "id", known), known
    if reference.column != "id":
        return table.c[reference.column] == value if reference.record_type == record_type else None
    if reference.record_type == record_type:
        return table.c.id == value
    if (column := table.c.get(f"{reference.record_type}_id")) is not None:
        if record_type == "ticket":
            return or_(column == value, _text(table).contains(value.lower(), autoescape=True))
        return column == value
    other = TABLES[reference.record_type]
    if record_type == "customer" and "customer_id" in other.c:
        return table.c.id.in_(select(other.c.customer_id).where(other.c.id == value))
    if reference.record_type == "product" and record_type in _LINES:
        _, belongs, lines = _LINES[record_type]
        return table.c.id.in_(select(belongs).where(lines.c.product_id == value))
    return None
