"""Who may ask for what. Whose data it is needs no rule: what is another customer's is not there (`View.row`)."""

from collections.abc import Sequence
from typing import Any

from toolservers.crm.actor import Actor
from toolservers.crm.rules.rule import Refusal, Rule

STAFF_ONLY = Rule(
    "staff-only",
    "Refunds, credit memos, meetings and what colleagues write to one another are for the shop's staff.",
    "identity-checks",
    ("refunds, credit memos, meetings and what colleagues write to one another are for our staff",),
    always=True,
)
OPEN_ACCOUNT = Rule(
    "account-open",
    "The data of a closed account stays as it is.",
    "privacy-and-data-deletion",
    ("A closed account is not changed any more",),
)
ADMINISTRATORS_ONLY = Rule(
    "administrators-only",
    "Only an administrator of a business account may change its plan.",
    "connect-plans",
    ("Only an administrator of the account may change the plan",),
    always=True,
)

BUYERS_ORDER = Rule(
    "viewers-only-read",
    "Administrators and buyers of a business account order, change and send back; viewers read.",
    "business-accounts",
    ("Administrators and buyers order, and change and send back what was ordered; viewers only read",),
    always=True,
)


def staff_only(actor: Actor, what: str) -> list[Refusal]:
    """`what` a customer cannot do themselves, as words after "cannot": `make a refund`."""
    if actor.customer_id is None:
        return []
    because = f"{actor.customer_id} is a customer and cannot {what}."
    return [Refusal(STAFF_ONLY, because, "Ask for it with create_ticket, and a colleague decides.")]


def may_be_changed(customer: dict[str, Any]) -> list[Refusal]:
    """Whether a customer's account still is one."""
    if customer["status"] != "closed":
        return []
    because = f"The account of {customer['id']} is closed."
    step = "For what the law leaves of it, open a ticket for the privacy team with create_ticket."
    return [Refusal(OPEN_ACCOUNT, because, step)]


def may_change_orders(
    customer: dict[str, Any], role: str | None, administrators: Sequence[str]
) -> list[Refusal]:
    """Whether the caller may change anything about the customer's orders; `role` as in `may_change_plan`."""
    refusals: list[Refusal] = []
    if role == "viewer":
        who = f"Ask a buyer, or {', '.join(administrators)}." if administrators else "Ask a buyer."
        refusals.append(Refusal(BUYERS_ORDER, "You are viewer of this account.", who))
    return refusals if role is None else refusals + may_be_changed(customer)


def may_change_plan(role: str | None, administrators: Sequence[str]) -> list[Refusal]:
    """`role` is what the caller is in the account: None for staff, else administrator, buyer, viewer. The names
    told are those of the caller's own account."""
    if role in (None, "administrator"):
        return []
    who = f"The administrators are {', '.join(administrators)}." if administrators else "It has none."
    return [Refusal(ADMINISTRATORS_ONLY, f"You are {role} of this account.", f"{who} Ask one of them.")]
