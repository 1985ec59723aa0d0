"""Customers' data."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import and_, func, select

from toolservers.crm.kinds import Language
from toolservers.crm.reading.customer_facts import belongs_to_another, facts_of
from toolservers.crm.records import Address, Changed
from toolservers.crm.rules import customers as rules
from toolservers.crm.rules.text import spoken
from toolservers.crm.work import Row, Work
from toolservers.crm.world import clock
from toolservers.crm.world.tables import addresses, notes, orders, words
from toolward.errors import ToolError


class _Changes:
    """What becomes of the row's columns (`to`), what of other tables (`also`), and what the caller is told."""

    def __init__(self) -> None:
        self.to: dict[str, Any] = {}
        self.also: dict[str, list[Any]] = {}
        self.says: list[str] = []


def update_customer(
    work: Work,
    customer_id: str,
    email: str,
    phone: str,
    language: Language | None,
    address: Address | None,
    note: str,
    expected_version: int,
) -> Changed:
    """What is empty stays as it is. Raises ToolError, with the rule and the next step."""
    row = work.row(customer_id, "customer")
    work.require_version(row, expected_version)
    facts, done = facts_of(work, row), _Changes()
    if email.strip():
        _email(work, facts, email.strip().casefold(), done)
    if phone.strip() and phone.strip() != row["phone"]:
        work.require(rules.may_update(facts) + rules.is_phone(phone.strip()))
        done.to["phone"] = phone.strip()
        done.says.append(f"The telephone number of {row['id']} is {phone.strip()}.")
    if language and language != row["language"]:
        work.require(rules.may_update(facts))
        done.to["language"] = language
        done.says.append(f"The language of {row['id']} is {language}.")
    if address is not None:
        _address(work, facts, address, done)
    if note:
        _note(work, facts, note.replace("\r\n", "\n"), done)
    if not done.to and not done.also:
        raise ToolError(
            f"Nothing would change in {row['id']}: it has all of this already. Give what shall be different:"
            " email, phone, language, address or note."
        )
    after = work.change("customer", row, "updated", also=done.also, **done.to)
    return work.changed("customer", after, " ".join(done.says))


def _email(work: Work, facts: rules.Facts, email: str, done: _Changes) -> None:
    """It is asked for, and counts when the old address has confirmed it."""
    row = facts.customer
    if email in (row["email"], row["pending_email"]) and not (email == row["email"] and row["pending_email"]):
        return
    work.require(rules.may_move_account(facts) + rules.is_email(email))
    if email == row["email"]:
        done.to["pending_email"] = ""
        done.says.append(f"{row['id']} keeps {email}; the change to {row['pending_email']} is withdrawn.")
        return
    work.require(rules.is_free(belongs_to_another(work, email, row["id"]), email))
    done.to["pending_email"] = email
    done.says.append(
        f"A link for {row['email']} is recorded: once it is confirmed there, {email} counts for {row['id']}. Until"
        f" then the old address does. If that is lost, open a ticket for the privacy team."
    )


def _address(work: Work, facts: rules.Facts, address: Address, done: _Changes) -> None:
    """Where future orders go."""
    row = facts.customer
    place = {name: " ".join(text.split(" ")).strip() for name, text in asdict(address).items()}
    work.require(rules.is_address(place))
    place["country"] = rules.country_named(place["country"]) or place["country"]
    main = and_(addresses.c.customer_id == row["id"], addresses.c.number == 1)
    known = work.connection.execute(select(addresses).where(main)).mappings().first()
    before = {name: known[name] for name in place} if known else None
    if before == place:
        return
    work.require(rules.may_move_account(facts))
    if known:
        work.connection.execute(addresses.update().where(main).values(**place))
    else:
        first = {"customer_id": row["id"], "number": 1, "label": "main"}
        work.connection.execute(addresses.insert(), first | place)
    done.also["address"] = [before, place]
    done.to["words"] = words(row["id"], row["name"], row["email"], row["company"], place["city"])
    done.says.append(
        f"Future orders of {row['id']} go to {place['street']}, {place['city']}.{_under_way(work, row)}"
    )


def _under_way(work: Work, row: Row) -> str:
    """Orders keep their address: whoever moves may have forgotten them."""
    chosen = select(orders.c.id).where(
        orders.c.customer_id == row["id"], orders.c.status.in_(("placed", "packed", "shipped"))
    )
    ids = work.connection.scalars(chosen.order_by(orders.c.id).limit(5)).all()
    return f" Those under way keep theirs ({', '.join(ids)}): change_order may change it." if ids else ""


def _note(work: Work, facts: rules.Facts, note: str, done: _Changes) -> None:
    work.require(rules.may_note(facts) + spoken("note", note, rules.NOTE, needed=True))
    identity = facts.customer["id"]
    chosen = select(func.max(notes.c.number)).where(notes.c.customer_id == identity)
    last = work.connection.scalar(chosen) or 0
    work.require(rules.may_have_more(identity, last))
    new = {"customer_id": identity, "number": last + 1, "author": work.actor.id}
    work.connection.execute(notes.insert(), new | {"at": clock.stored(work.now), "body": note})
    done.also["notes"] = [last, last + 1]
    done.says.append(f"The note is number {last + 1} of {identity}.")
