"""What the words of a query look in.

A word is looked for anywhere in a record's text and in that of its customer, without case and accents. An id or
an e-mail address that is written in full means that very record and what refers to it, which no table need be
read through for.
"""

import re
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, exists, false, func, or_, select

from toolservers.crm.kinds import RecordType
from toolservers.crm.references import TABLES, Reference, written_out
from toolservers.crm.work import View
from toolservers.crm.world.tables import (
    customers,
    fold,
    order_lines,
    return_lines,
    service_levels,
    teams,
)
from toolward.errors import ToolError

MOST = 8
_FEW = 500  # customers whose records are looked for by their ids; more are met soon enough on the way
_WORD = re.compile(r"[\w@.+-]+")
_LINES: dict[RecordType, tuple[Column[Any], Column[Any]]] = {
    "order": (order_lines.c.order_id, order_lines.c.product_id),
    "return": (return_lines.c.return_id, return_lines.c.product_id),
}


def words_of(query: str) -> list[str]:
    """Each once, folded. Raises ToolError for more than are looked for at once."""
    found = list(dict.fromkeys(_WORD.findall(fold(query))))
    if len(found) > MOST:
        raise ToolError(
            f"A query has at most {MOST} words, and this has {len(found)}. Leave the common ones out."
        )
    return found


def have(
    view: View, record_type: RecordType, words: list[str], owner: str | None
) -> list[ColumnElement[bool]]:
    """The conditions that a record has all of these words; `owner` is the only customer whose records count, where
    that is known. Long words come first, for they leave the fewest to be looked at for the others."""
    return [_has(view, record_type, word, owner) for word in sorted(words, key=len, reverse=True)]


def _has(view: View, record_type: RecordType, word: str, owner: str | None) -> ColumnElement[bool]:
    reference = written_out(word)
    exact = None if reference is None else _refers(view, record_type, reference)
    if exact is not None:
        return exact
    table = TABLES[record_type]
    own = _text(table).contains(word, autoescape=True)
    return own if "customer_id" not in table.c else or_(own, _whose(view, table, word, owner))


def _whose(view: View, table: Table, word: str, owner: str | None) -> ColumnElement[bool]:
    """That its customer has the word: one of those few who do or, where they are many, looked up one by one."""
    said = customers.c.words.contains(word, autoescape=True)
    if owner is not None:
        return exists().where(customers.c.id == owner, said)
    few = list(view.connection.scalars(select(customers.c.id).where(said).limit(_FEW + 1)))
    if len(few) > _FEW:
        return exists().where(customers.c.id == table.c.customer_id, said)
    return table.c.customer_id.in_(few) if few else false()


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
        belongs, product = _LINES[record_type]
        return table.c.id.in_(select(belongs).where(product == value))
    return None
