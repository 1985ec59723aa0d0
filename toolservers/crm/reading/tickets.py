"""Tickets and teams."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row as RowType
from sqlalchemy import select

from toolservers.crm import records
from toolservers.crm.reading.parts import action, customer_ref
from toolservers.crm.reading.ticket_facts import facts_of
from toolservers.crm.rules import tickets as rules
from toolservers.crm.rules.rule import Refusal
from toolservers.crm.work import Row, View
from toolservers.crm.world import clock
from toolservers.crm.world.tables import meetings, messages

_SHOWN = 100_000  # characters of messages


def ticket(view: View, row: Row) -> records.Ticket:
    """Customers are not shown what colleagues write to one another. Of very long tickets the newest messages are
    shown, as their numbers tell."""
    written = select(messages).where(messages.c.ticket_id == row["id"]).order_by(messages.c.number)
    if view.actor.customer_id:
        written = written.where(messages.c.internal.is_(False))
    met = select(meetings.c.id).where(meetings.c.ticket_id == row["id"]).order_by(meetings.c.id)
    due = row["answer_due_at"]
    return records.Ticket(
        id=row["id"],
        status=row["status"],
        title=row["title"],
        priority=row["priority"],
        customer=customer_ref(view, row["customer_id"]),
        order_id=row["order_id"],
        opened_on=row["opened_on"],
        messages=[
            records.Message(m.number, m.author, clock.aware(m.at), m.internal, m.body)
            for m in _newest(view.connection.execute(written).all())
        ],
        version=row["version"],
        team=row["team_id"],
        answer_due_at=None if due is None else clock.aware(due),
        meetings=list(view.connection.scalars(met)),
        allowed_actions=_actions(view, row),
    )


def _newest(written: Sequence[RowType[Any]]) -> list[RowType[Any]]:
    """In their order, as many as fit; one at least."""
    shown: list[RowType[Any]] = []
    left = _SHOWN
    for one in reversed(written):
        left -= len(one.body)
        if left < 0 and shown:
            break
        shown.append(one)
    return shown[::-1]


def team(view: View, row: Row) -> records.Team:
    """For staff: no customer finds one, for how the shop is organised is its own affair."""
    return records.Team(
        id=row["id"],
        version=row["version"],
        name=row["name"],
        purpose=row["purpose"],
        answers_within_hours=row["answers_within_hours"],
    )


def _actions(view: View, row: Row) -> list[records.Action]:
    facts, actor = facts_of(view, row), view.actor
    asked: dict[str, list[Refusal]] = {
        "add_ticket_message": rules.may_write(actor, facts, internal=False),
        "add_ticket_message: internal": rules.may_write(actor, facts, internal=True),
    }
    for status in ("open", "waiting", "solved", "closed"):
        if status != row["status"]:
            asked[f"update_ticket: {status}"] = rules.may_go(actor, facts, status)
    asked["update_ticket: team"] = rules.may_hand_over(actor, facts)
    asked["update_ticket: priority"] = rules.may_prioritise(actor, facts)
    return [action(view, name, refusals) for name, refusals in asked.items()]
