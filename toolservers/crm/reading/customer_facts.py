"""What the rules about customers ask, read from the database."""

from sqlalchemy import func, or_, select

from toolservers.crm.reading.subscription_facts import role_of
from toolservers.crm.rules.customers import Facts
from toolservers.crm.work import Row, View
from toolservers.crm.world.tables import contacts, customers, payments, tickets


def facts_of(view: View, customer: Row) -> Facts:
    people = view.rows(contacts, customer_id=customer["id"])
    return Facts(
        customer=customer,
        actor=view.actor,
        role=role_of(view, customer["id"]),
        administrators=[one["name"] for one in people if one["role"] == "administrator"],
        in_doubt=_in_doubt(view, customer["id"]),
    )


def _in_doubt(view: View, customer_id: str) -> str:
    disputed = select(payments.c.id).where(
        payments.c.customer_id == customer_id, payments.c.status == "disputed"
    )
    suspected = select(tickets.c.id).where(
        tickets.c.customer_id == customer_id,
        tickets.c.team_id == "fraud",
        tickets.c.status.in_(("open", "waiting")),
    )
    first = (view.connection.scalar(chosen) for chosen in (disputed, suspected))
    return next((str(name) for name in first if name), "")


def belongs_to_another(view: View, email: str, customer_id: str) -> bool:
    """Whether somebody else has this address, in lower case, or has asked for it, or signs in with it."""
    owners = select(func.count()).where(
        customers.c.id != customer_id, or_(customers.c.email == email, customers.c.pending_email == email)
    )
    people = select(func.count()).where(
        contacts.c.customer_id != customer_id, func.lower(contacts.c.email) == email
    )
    return bool(view.connection.scalar(owners) or view.connection.scalar(people))
