"""What the rules of subscriptions ask, read from the database."""

from sqlalchemy import func, select

from toolservers.crm.rules.people import may_change_orders
from toolservers.crm.rules.rule import Refusal
from toolservers.crm.rules.subscriptions import Facts
from toolservers.crm.work import Row, View
from toolservers.crm.world.tables import contacts, customers


def facts_of(view: View, subscription: Row) -> Facts:
    owner = select(customers).where(customers.c.id == subscription["customer_id"])
    customer = dict(view.connection.execute(owner).mappings().one())
    people = view.rows(contacts, customer_id=customer["id"])
    return Facts(
        subscription=subscription,
        customer=customer,
        today=view.today,
        users=max(1, len(people)),
        role=role_of(view, customer["id"]),
        administrators=[one["name"] for one in people if one["role"] == "administrator"],
    )


def may_change_orders_of(view: View, customer_id: str) -> list[Refusal]:
    """Whether the caller, if they are a customer, may change anything about this customer's orders."""
    if (role := role_of(view, customer_id)) is None:
        return []
    people = view.rows(contacts, customer_id=customer_id)
    administrators = [one["name"] for one in people if one["role"] == "administrator"]
    return may_change_orders(view.row(customer_id, "customer"), role, administrators)


def role_of(view: View, customer_id: str) -> str | None:
    """What the caller is in this customer's account: None for staff, administrator for who signs in as the
    account itself, else what their address stands for there."""
    if view.actor.customer_id is None:
        return None
    theirs = (contacts.c.customer_id == customer_id, func.lower(contacts.c.email) == view.actor.id.casefold())
    role = view.connection.scalar(select(contacts.c.role).where(*theirs).order_by(contacts.c.number))
    return role or "administrator"
