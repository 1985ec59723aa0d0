"""Customers."""

from sqlalchemy import select

from toolservers.crm import records
from toolservers.crm.finding import of_customer
from toolservers.crm.money import money
from toolservers.crm.reading.connect import connect_plan, service_level_of
from toolservers.crm.reading.customer_facts import facts_of
from toolservers.crm.reading.meeting_facts import standing_of
from toolservers.crm.reading.parts import action, address_of
from toolservers.crm.reading.payments import credit_without_order
from toolservers.crm.rules import customers as rules
from toolservers.crm.rules.meetings import may_be_met
from toolservers.crm.work import Row, View
from toolservers.crm.world import clock
from toolservers.crm.world.tables import addresses, contacts, notes, subscriptions

_SHOWN = 50  # notes, the newest


def customer(view: View, row: Row) -> records.Customer:
    """Customers are not shown what is noted about them, nor buyers who else is in their account."""
    identity, facts = row["id"], facts_of(view, row)
    main, *others = view.rows(addresses, customer_id=identity)
    level = service_level_of(view, identity)
    return records.Customer(
        id=identity,
        status=row["status"],
        name=row["name"],
        email=row["email"],
        language=row["language"],
        company=row["company"],
        plan=connect_plan(view, identity),
        loyalty_level=row["loyalty_level"],
        customer_since=row["customer_since"],
        address=address_of(main),
        orders=of_customer(view, "order", identity),
        tickets=of_customer(view, "ticket", identity),
        version=row["version"],
        pending_email=row["pending_email"],
        phone=row["phone"],
        points=row["points"],
        other_addresses=[address_of(other) for other in others],
        contacts=_contacts(view, identity) if facts.role in (None, "administrator") else [],
        subscriptions=_subscriptions(view, identity),
        service_level=level["id"] if level else None,
        notes=[] if view.actor.customer_id else _notes(view, identity),
        allowed_actions=_actions(view, facts),
    )


def _contacts(view: View, customer_id: str) -> list[records.Contact]:
    people = view.rows(contacts, customer_id=customer_id)
    return [records.Contact(one["name"], one["email"], one["role"]) for one in people]


def _subscriptions(view: View, customer_id: str) -> list[records.Summary]:
    return [
        records.Summary(
            record_type="subscription",
            id=row["id"],
            title=f"{row['kind'].replace('_', ' ')} {row['plan']}",
            status=row["status"],
            customer_id=customer_id,
            on=row["started_on"],
            amount=money(row["price_minor"], row["currency"]),
        )
        for row in view.rows(subscriptions, customer_id=customer_id)
    ]


def _notes(view: View, customer_id: str) -> list[records.Note]:
    chosen = select(notes).where(notes.c.customer_id == customer_id)
    newest = view.connection.execute(chosen.order_by(notes.c.number.desc()).limit(_SHOWN)).all()
    return [records.Note(one.author, clock.aware(one.at), one.body) for one in reversed(newest)]


def _actions(view: View, facts: rules.Facts) -> list[records.Action]:
    asked = {
        "update_customer": rules.may_update(facts),
        "update_customer: email": rules.may_move_account(facts),
        "update_customer: address": rules.may_move_account(facts),
        "update_customer: note": rules.may_note(facts),
        "schedule_meeting": may_be_met(view.actor, standing_of(view, facts.customer)),
    }
    return [*(action(view, name, why) for name, why in asked.items()), credit_without_order(view)]
