"""What the rules of tickets ask, read from the database."""

import re
from datetime import datetime

from sqlalchemy import func, select

from toolservers.crm.kinds import RecordType
from toolservers.crm.reading.connect import service_level_of
from toolservers.crm.references import TABLES, parse
from toolservers.crm.rules.tickets import Facts, answer_due
from toolservers.crm.work import Row, View
from toolservers.crm.world.tables import (
    contacts,
    customers,
    messages,
    teams,
)

_ID = re.compile(r"\b(?:CUS|ORD|SHP|PAY|REF|MEM|RET|SUB|TCK|MTG)-[0-9]{1,12}\b", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s<>()\[\],;:\"']+@[^\s<>()\[\],;:\"'@]+\.\w+")
_NAMED = 100  # that are looked up in one message


def facts_of(view: View, ticket: Row) -> Facts:
    """By the authors of its messages: a customer writes as their id or one of their account's addresses."""
    own = _authors(view, ticket["customer_id"])
    chosen = select(messages.c.number, messages.c.author, messages.c.internal)
    written = view.connection.execute(chosen.where(messages.c.ticket_id == ticket["id"])).all()
    asked = max((one.number for one in written if one.author.casefold() in own), default=0)
    newer = [one.internal for one in written if one.number > asked]
    return Facts(
        ticket, not asked or False in newer, True in newer, max((one.number for one in written), default=0)
    )


def _authors(view: View, customer_id: str) -> set[str]:
    email = view.connection.scalar(select(customers.c.email).where(customers.c.id == customer_id))
    more = view.connection.scalars(select(contacts.c.email).where(contacts.c.customer_id == customer_id))
    return {customer_id.casefold(), str(email).casefold(), *(one.casefold() for one in more)}


def due(view: View, team: str, customer_id: str) -> datetime:
    """By when a first answer is owed that is asked for now; aware."""
    (asked,) = view.rows(teams, id=team)  # customers are shown no teams, and still have one answer
    return answer_due(view.now, asked, service_level_of(view, customer_id))


def others_named(view: View, text: str, customer_id: str) -> list[str]:
    """Ids and e-mail addresses in a text that belong to another customer than this one, as they are written."""
    named = dict.fromkeys(_ID.findall(text)[:_NAMED])
    foreign = [name for name in named if _owner(view, name) not in (None, customer_id)]
    own = _authors(view, customer_id)
    addresses = dict.fromkeys(found.rstrip(".") for found in _EMAIL.findall(text)[:_NAMED])
    known = (
        name for name in addresses if name.casefold() not in own and _is_somebodys(view, name.casefold())
    )
    return [*foreign, *known]


def _owner(view: View, named: str) -> str | None:
    reference = parse(named)
    record_type: RecordType = reference.record_type
    table = TABLES[record_type]
    owner = table.c.id if record_type == "customer" else table.c.customer_id
    return view.connection.scalar(select(owner).where(table.c.id == reference.value))


def _is_somebodys(view: View, email: str) -> bool:
    owned = select(func.count()).select_from(customers).where(customers.c.email == email)
    listed = select(func.count()).select_from(contacts).where(func.lower(contacts.c.email) == email)
    return bool(view.connection.scalar(owned) or view.connection.scalar(listed))
