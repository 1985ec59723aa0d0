"""Tickets: answered, handed over, solved, closed. An empty list means: it may."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from toolservers.crm.actor import Actor
from toolservers.crm.machines import MACHINES, may_become
from toolservers.crm.rules.people import staff_only
from toolservers.crm.rules.rule import Refusal, Rule
from toolservers.crm.world.hours import add_working_hours

Row = dict[str, Any]

STATES = Rule(
    "ticket-states",
    "A ticket is solved before it is closed, and a closed one stays closed.",
    "escalation-to-a-person",
    ("A ticket is closed only after it was solved, and a closed one stays closed",),
    always=True,
)
ANSWER_FIRST = Rule(
    "answer-before-solving",
    "A ticket is solved only when the customer's last message has been answered.",
    "escalation-to-a-person",
    ("A ticket is solved only when the customer's last message has been answered.",),
)
SUMMARY_FIRST = Rule(
    "summary-before-handing-over",
    "Before another team takes a ticket over, a summary stands in it as an internal message.",
    "escalation-to-a-person",
    ("Hand over to a person, with a summary", "Write it as an internal message on the ticket"),
)
URGENT = Rule(
    "urgent-teams",
    "What goes to the fraud team or to product safety has high priority.",
    "suspicious-charges",
    ("open a ticket with high priority for the fraud team",),
)
OWN_ORDER = Rule(
    "order-of-the-customer", "A ticket is about an order of its own customer, or about none.", always=True
)
OWN_TICKET = Rule(
    "ticket-of-the-customer", "What is a customer's refers to their own tickets only.", always=True
)
NOBODY_ELSE = Rule(
    "nobody-else-is-named",
    "A message to a customer names no other customer, nor what is theirs.",
    "identity-checks",
    ("do not mention the other person, their town or their orders",),
    always=True,
)
BOUNDED = Rule("bounded-tickets", "A ticket has at most 500 messages.", always=True)

LONGEST = 10_000  # characters of a message
MESSAGES = 500
AT_ANY_HOUR = ("fraud", "product-safety")  # their hours run every day, all day


class Facts(NamedTuple):
    """What the rules ask of a ticket. `answered`: the customer's last message has an answer, or there is none;
    `summed_up`: an internal message is newer than the customer's last. `messages` counts all."""

    ticket: Row
    answered: bool
    summed_up: bool
    messages: int

    @property
    def id(self) -> str:
        return self.ticket["id"]


def may_write(actor: Actor, facts: Facts, internal: bool) -> list[Refusal]:
    refusals = staff_only(actor, "write internal messages") if internal else []
    if facts.ticket["status"] == "closed":
        step = "Open a new one with create_ticket, and name this one in it."
        refusals.append(Refusal(STATES, f"{facts.id} is closed.", step))
    if facts.messages >= MESSAGES:
        step = "Open a new one with create_ticket, and name this one in it."
        refusals.append(Refusal(BOUNDED, f"{facts.id} has {facts.messages} messages.", step))
    return refusals


def may_go(actor: Actor, facts: Facts, status: str) -> list[Refusal]:
    """Whether a ticket may get this status now."""
    now = facts.ticket["status"]
    refusals: list[Refusal] = []
    if actor.customer_id and status not in ("open", "solved"):
        refusals += staff_only(actor, f"set a ticket to {status}")
    if not may_become("ticket", now, status):
        refusals.append(Refusal(STATES, f"{facts.id} is {now} and cannot become {status}.", _way(now)))
    if status == "solved" and now != status and not facts.answered and not actor.customer_id:
        because = f"The last message of the customer on {facts.id} has no answer yet."
        refusals.append(Refusal(ANSWER_FIRST, because, "Answer it with add_ticket_message, then solve it."))
    return refusals


def _way(status: str) -> str:
    if ways := MACHINES["ticket"][status]:
        return f"From {status} it can become {' or '.join(ways)}."
    return "Open a new one with create_ticket, and name this one in it."


def may_hand_over(actor: Actor, facts: Facts) -> list[Refusal]:
    """Whether another team may take it over now."""
    refusals = staff_only(actor, "hand a ticket over") + _still_open(facts)
    if not facts.summed_up:
        because = f"{facts.id} has no internal message since the customer's last one."
        step = (
            "Write one with add_ticket_message and internal true: who the customer is, the order and payment"
            " numbers, what they want, what you found, did and promised, and what you suggest."
        )
        refusals.append(Refusal(SUMMARY_FIRST, because, step))
    return refusals


def may_prioritise(actor: Actor, facts: Facts) -> list[Refusal]:
    return staff_only(actor, "change a ticket's priority") + _still_open(facts)


def _still_open(facts: Facts) -> list[Refusal]:
    if (status := facts.ticket["status"]) in ("open", "waiting"):
        return []
    step = "Reopen it with status open in the same call." if status == "solved" else _way(status)
    return [Refusal(STATES, f"{facts.id} is {status}.", step)]


def may_be_so_urgent(team: str | None, priority: str) -> list[Refusal]:
    if team not in AT_ANY_HOUR or priority == "high":
        return []
    return [Refusal(URGENT, f"Priority {priority} does not go with team {team}.", "Leave it high.")]


def may_be_about(order: Row | None, customer_id: str) -> list[Refusal]:
    if order is None or order["customer_id"] == customer_id:
        return []
    because = f"{order['id']} is no order of {customer_id}."
    return [Refusal(OWN_ORDER, because, "Look up the customer with get_record to see their orders.")]


def may_concern(ticket: Row | None, customer_id: str) -> list[Refusal]:
    """Whether something of this customer's may refer to the ticket."""
    if ticket is None or ticket["customer_id"] == customer_id:
        return []
    because = f"{ticket['id']} is no ticket of {customer_id}."
    return [Refusal(OWN_TICKET, because, "Look up the customer with get_record to see their tickets.")]


def may_name(others: Sequence[str]) -> list[Refusal]:
    """`others`: what a text to a customer names that belongs to somebody else."""
    if not others:
        return []
    said = f"The message names {', '.join(others[:3])}, which does not belong to this customer."
    return [Refusal(NOBODY_ELSE, said, "Leave it out, or write an internal message.")]


def answer_due(now: datetime, team: Row, service_level: Row | None) -> datetime:
    """By when the first answer is owed: what the team promises, or the customer's service level where it is
    sooner. Working hours count, but for the teams that answer on any day."""
    hours = team["answers_within_hours"]
    if service_level:
        hours = min(hours, service_level["first_answer_hours"])
    in_working_hours = add_working_hours(now, hours)
    if team["id"] not in AT_ANY_HOUR:
        return in_working_hours
    return min(in_working_hours, now + timedelta(hours=team["answers_within_hours"]))
