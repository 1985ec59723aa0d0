"""What the words of a query look in.

A word is looked for anywhere in a record's text and in that of its customer, without case and accents. An id or
an e-mail address that is written in full means that very record and what refers to it, which no table need be
read through for.
"""

import re
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Table, exists, func, or_, select, union_all

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

MOST = 6
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


def have(view: View, record_type: RecordType, query: str, owner: str | None) -> list[ColumnElement[bool]]:
    """The conditions that a record has all words of a query; `owner` is the only customer whose records count,
    where that is known. Raises ToolError for too many words."""
    exact: list[ColumnElement[bool]] = []
    plain: list[str] = []
    for word in words_of(query):
        reference = written_out(word)
        meant = None if reference is None else _refers(view, record_type, reference)
        if meant is None:
            plain.append(word)
        else:
            exact.append(meant)
    table = TABLES[record_type]
    if "customer_id" not in table.c:
        return exact + [_said(table, word) for word in plain]
    if owner is not None:
        return exact + [_said_or_theirs(table, word) for word in plain]
    return exact + _everywhere(view, table, plain)


def _everywhere(view: View, table: Table, words: list[str]) -> list[ColumnElement[bool]]:
    """Words that many customers have are met soon enough, and leave little to be looked up for the others. With
    words that few have, a record has all of them itself, or is one of those customers'."""
    rare: list[str] = []
    common: list[str] = []
    whose: set[str] = set()
    for word in sorted(words, key=len, reverse=True):
        known = select(customers.c.id).where(_said(customers, word)).limit(_FEW + 1)
        few = view.connection.scalars(known).all()
        if len(few) > _FEW:
            common.append(word)
        else:
            rare.append(word)
            whose |= set(few)
    own = [_said(table, word) for word in rare]
    return [
        *([_own_or_of(table, rare, sorted(whose))] if whose else own),
        *(_said_or_theirs(table, w) for w in common),
    ]


def _own_or_of(table: Table, words: list[str], whose: list[str]) -> ColumnElement[bool]:
    """Two searches, for a single one would ask of every record in the table whose it is."""
    same = table.alias()
    own = select(same.c.id).where(*(_said(same, word) for word in words))
    theirs = select(same.c.id).where(
        same.c.customer_id.in_(whose), *(_said_or_theirs(same, word) for word in words)
    )
    return table.c.id.in_(union_all(own, theirs))


def _said(table: FromClause, word: str) -> ColumnElement[bool]:
    return _text(table).contains(word, autoescape=True)


def _said_or_theirs(table: FromClause, word: str) -> ColumnElement[bool]:
    theirs = exists().where(customers.c.id == table.c.customer_id, _said(customers, word))
    return or_(_said(table, word), theirs)


def _text(table: FromClause) -> ColumnElement[str]:
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
            return or_(column == value, _said(table, value.lower()))
        return column == value
    other = TABLES[reference.record_type]
    if record_type == "customer" and "customer_id" in other.c:
        return table.c.id.in_(select(other.c.customer_id).where(other.c.id == value))
    if reference.record_type == "product" and record_type in _LINES:
        belongs, product = _LINES[record_type]
        return table.c.id.in_(select(belongs).where(product == value))
    return None
