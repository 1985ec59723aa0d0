"""Who acts in the CRM: the caller, as far as its rules ask."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from toolservers.crm.world.tables import contacts, customers
from toolward.errors import ToolError
from toolward.types import Principal

CUSTOMER = "customer"
"""The role of a caller who is a customer: they see and change what is theirs, whatever a tool is asked."""

LEAD = "support-lead"
FINANCE = "finance"
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` stands in events and as the author of messages. `customer_id` is set where the caller is a customer.
    `roles` are theirs and, for this one call, those of whoever approved it, as the gateway says."""

    id: str
    roles: frozenset[str] = frozenset()
    customer_id: str | None = None


def actor_of(connection: Connection, principal: Principal, approved_by: Sequence[str] = ()) -> Actor:
    """`approved_by` are labels (`role:support-lead`) of the person who approved this one call: it is decided with
    what they may decide. A customer stays a customer, whoever approves.

    Raises ToolError for a caller who is a customer, but none that this world knows.
    """
    if CUSTOMER not in principal.roles:
        lent = {label.removeprefix("role:") for label in approved_by if label.startswith("role:")}
        return Actor(principal.id, frozenset(principal.roles) | (lent - {CUSTOMER}))
    by_email = "@" in principal.id
    column, name = (
        (customers.c.email, principal.id.casefold()) if by_email else (customers.c.id, principal.id)
    )
    known = select(customers.c.id).where(column == name)
    customer_id = connection.scalar(known) or (_account_of(connection, name) if by_email else None)
    if customer_id is None:
        raise ToolError(f"{principal.id[:80]!r} is no customer here, so nothing can be shown or changed.")
    return Actor(principal.id, frozenset(principal.roles), customer_id)


def _account_of(connection: Connection, email: str) -> str | None:
    """The business account that this address signs in to. One that stands in two accounts signs in to none."""
    accounts = select(contacts.c.customer_id).where(func.lower(contacts.c.email) == email).distinct()
    found = connection.scalars(accounts.limit(2)).all()
    return found[0] if len(found) == 1 else None
