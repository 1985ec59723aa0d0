"""What may be changed of a customer's data, and what it must look like. An empty list means: it may."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from toolservers.crm.actor import Actor
from toolservers.crm.rules.people import may_be_changed, may_change_plan, staff_only
from toolservers.crm.rules.rule import Refusal, Rule
from toolservers.crm.rules.text import spoken

Row = dict[str, Any]

EMAIL_FORM = Rule("email-form", "An e-mail address has a name, an @ and a domain.", always=True)
EMAIL_FREE = Rule("email-of-one-customer", "An e-mail address belongs to one customer only.", always=True)
PHONE_FORM = Rule(
    "phone-form", "A telephone number has 7 to 15 digits, with a + before the country's code.", always=True
)
DELIVERED_TO = Rule(
    "countries-delivered-to",
    "We deliver to all countries of the EU, the United Kingdom, Switzerland and Norway.",
    "customs-and-international",
    ("We deliver to all countries of the EU, the United Kingdom, Switzerland and Norway.",),
    always=True,
)
ADDRESS_FORM = Rule(
    "whole-address", "An address has a street, a postcode, a city and a country.", always=True
)
BOUNDED = Rule("bounded-notes", "A customer has at most 500 notes.", always=True)
NOT_WHILE_SUSPECTED = Rule(
    "account-rests-while-in-doubt",
    "While a charge is disputed or with the fraud team, neither the address nor the e-mail address is changed.",
    "suspicious-charges",
    ("do not change the address or the e-mail address",),
)
BY_COLLEAGUE = Rule(  # the same, said to a customer
    "account-by-a-colleague",
    "Some changes are made by a colleague only.",
    "suspicious-charges",
    ("do not say which checks we make",),
)

COUNTRIES = (
    "Austria", "Belgium", "Bulgaria", "Croatia", "Cyprus", "Czechia", "Denmark", "Estonia", "Finland", "France",
    "Germany", "Greece", "Hungary", "Ireland", "Italy", "Latvia", "Lithuania", "Luxembourg", "Malta", "Netherlands",
    "Poland", "Portugal", "Romania", "Slovakia", "Slovenia", "Spain", "Sweden",
    "United Kingdom", "Switzerland", "Norway",
)  # fmt: skip
_NAMES = {name.casefold(): name for name in COUNTRIES} | {"the netherlands": "Netherlands"}

LONGEST = {"street": 120, "postcode": 20, "city": 80, "country": 60}
NOTE = 2_000  # characters
NOTES = 500
_EMAIL = re.compile(
    r"(?=.{6,254}$)(?=[^@]{1,64}@)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
)
_PHONE = re.compile(r"\+?[0-9](?:[ ()/.-]{0,2}[0-9]){6,14}")


class Facts(NamedTuple):
    """`role` is what the caller is in the account, None for staff. `in_doubt` names the disputed payment or the
    fraud team's ticket, where there is one."""

    customer: Row
    actor: Actor
    role: str | None
    administrators: list[str]
    in_doubt: str


def may_update(facts: Facts) -> list[Refusal]:
    """Whether anything of it may be changed by the caller."""
    return may_be_changed(facts.customer) + may_change_plan(facts.role, facts.administrators)


def may_move_account(facts: Facts) -> list[Refusal]:
    """Whether the address or the e-mail address may be changed. Customers are not told which checks we make."""
    refusals = may_update(facts)
    if facts.in_doubt:
        theirs = facts.actor.customer_id is not None
        because = "This is not changed at present." if theirs else f"{facts.in_doubt} is in doubt."
        step = (
            "Ask with create_ticket."
            if theirs
            else "Leave it to the fraud team: create_ticket with team fraud."
        )
        refusals.append(Refusal(BY_COLLEAGUE if theirs else NOT_WHILE_SUSPECTED, because, step))
    return refusals


def may_note(facts: Facts) -> list[Refusal]:
    return staff_only(facts.actor, "write notes about customers") + may_be_changed(facts.customer)


def may_have_more(customer_id: str, notes: int) -> list[Refusal]:
    if notes < NOTES:
        return []
    return [Refusal(BOUNDED, f"{customer_id} has {notes} notes.", "Write it into a ticket instead.")]


def is_email(text: str) -> list[Refusal]:
    """`text` in lower case."""
    if _EMAIL.fullmatch(text):
        return []
    return [Refusal(EMAIL_FORM, f"{text[:80]!r} is no e-mail address.", "Ask the customer to spell it.")]


def is_free(taken: bool, email: str) -> list[Refusal]:
    """It is not said whose it is."""
    if not taken:
        return []
    step = "Ask for another; if they say it is theirs alone, open a ticket for the privacy team."
    return [Refusal(EMAIL_FREE, f"{email} cannot be used for this account.", step)]


def is_phone(text: str) -> list[Refusal]:
    if _PHONE.fullmatch(text):
        return []
    return [Refusal(PHONE_FORM, f"{text[:40]!r} is no telephone number.", "Give it like +31 20 123 4567.")]


def is_address(address: Mapping[str, str]) -> list[Refusal]:
    """Of street, postcode, city and country; the country as `country_named` gives it."""
    for name, longest in LONGEST.items():
        if wrong := spoken(f"address.{name}", address[name], longest, lines=False):
            return wrong
    if missing := [name for name in LONGEST if not address[name].strip()]:
        said = f"The address has no {' and no '.join(missing)}."
        return [Refusal(ADDRESS_FORM, said, "Ask the customer, and give all of it.")]
    if country_named(address["country"]) is None:
        near = difflib.get_close_matches(address["country"].strip().title(), COUNTRIES, n=3, cutoff=0.6)
        step = f"Is it {' or '.join(near)}?" if near else "Ask for an address in one of them."
        return [Refusal(DELIVERED_TO, f"We do not deliver to {address['country'].strip()!r}.", step)]
    return []


def country_named(text: str) -> str | None:
    """`germany` -> `Germany`; None for what is not delivered to."""
    return _NAMES.get(" ".join(text.split()).casefold())
