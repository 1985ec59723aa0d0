"""Tickets: opened, answered, handed over, closed."""

from datetime import datetime
from typing import Any

from toolservers.crm.kinds import Priority, Team, TicketStatus
from toolservers.crm.reading.ticket_facts import due, facts_of, others_named
from toolservers.crm.records import AddedMessage, Changed
from toolservers.crm.rules import tickets as rules
from toolservers.crm.rules.text import LINE, spoken
from toolservers.crm.work import Row, Work
from toolservers.crm.world import clock
from toolservers.crm.world.tables import messages, words
from toolward.errors import ToolError


def create_ticket(
    work: Work, customer_id: str, title: str, body: str, order_id: str, priority: Priority, team: Team
) -> Changed:
    """What staff write first is internal, for it says what happened; what a customer writes is theirs. Raises
    ToolError."""
    body = body.replace("\r\n", "\n")
    work.require(spoken("title", title, LINE, lines=False, needed=True))
    work.require(spoken("body", body, rules.LONGEST, needed=True))
    customer = work.row(customer_id, "customer")
    order = work.row(order_id, "order") if order_id else None
    work.require(rules.may_be_about(order, customer["id"]))
    urgent: Priority = "high" if team in rules.AT_ANY_HOUR else priority
    answer_by = due(work, team, customer["id"])
    ticket = work.add(
        "ticket",
        status="open",
        title=title.strip(),
        priority=urgent,
        customer_id=customer["id"],
        order_id=order["id"] if order else None,
        team_id=team,
        opened_on=work.today,
        answer_due_at=clock.stored(answer_by),
        words=words(title.strip(), order["id"] if order else ""),
    )
    _write(work, ticket["id"], 1, body, internal=work.actor.customer_id is None)
    raised = " Its priority is high, as for all that goes there." if urgent != priority else ""
    return work.changed("ticket", ticket, f"{ticket['id']} is open for {team}.{raised} {_promise(answer_by)}")


def update_ticket(
    work: Work,
    ticket_id: str,
    status: TicketStatus | None,
    priority: Priority | None,
    team: Team | None,
    expected_version: int,
) -> Changed:
    """Raises ToolError, with the rule, for what cannot become of the ticket, and where nothing would change."""
    ticket = work.row(ticket_id, "ticket")
    work.require_version(ticket, expected_version)
    facts = facts_of(work, ticket)
    to: dict[str, Any] = {}
    says: list[str] = []
    if status is not None and status != ticket["status"]:
        work.require(rules.may_go(work.actor, facts, status))
        to["status"] = status
        says.append(f"{ticket['id']} is {status}.")
        facts = facts._replace(ticket=ticket | to)
    if team is not None and team != ticket["team_id"]:
        to |= _handed_over(work, facts, team, says)
    wanted = priority or ("high" if "team_id" in to and team in rules.AT_ANY_HOUR else None)
    if wanted is not None and wanted != ticket["priority"]:
        to["priority"] = wanted
        says.append(f"Its priority is {wanted}.")
    if priority is not None and priority != ticket["priority"]:
        work.require(rules.may_prioritise(work.actor, facts))
        work.require(rules.may_be_so_urgent(team or ticket["team_id"], priority))
    if not to:
        raise ToolError(
            f"Nothing would change: {ticket['id']} is {ticket['status']}, of {ticket['priority']} priority, with"
            f" team {ticket['team_id'] or 'none'}. Give another status, priority or team."
        )
    to |= _deadline(work, ticket, to)
    return work.changed("ticket", work.change("ticket", ticket, _event(to), **to), " ".join(says))


def _handed_over(work: Work, facts: rules.Facts, team: Team, says: list[str]) -> dict[str, Any]:
    """A ticket without a team is support's: that support takes it is no handing over."""
    if facts.ticket["team_id"] is None and team == "support":
        says.append(f"{facts.id} is with support.")
        return {"team_id": team}
    work.require(rules.may_hand_over(work.actor, facts))
    answer_by = due(work, team, facts.ticket["customer_id"])
    says.append(f"{facts.id} is with team {team} now. {_promise(answer_by)} Tell the customer.")
    return {"team_id": team, "answer_due_at": clock.stored(answer_by)}


def _deadline(work: Work, ticket: Row, to: dict[str, Any]) -> dict[str, Any]:
    """Nothing is owed on what is solved or waits for the customer; on what is open again, an answer is."""
    status = to.get("status")
    if status in ("solved", "closed", "waiting"):
        return {"answer_due_at": None}
    if status == "open" and "answer_due_at" not in to:
        team = to.get("team_id") or ticket["team_id"] or "support"
        return {"answer_due_at": clock.stored(due(work, team, ticket["customer_id"]))}
    return {}


def _event(to: dict[str, Any]) -> str:
    if "team_id" in to:
        return "handed_over"
    return {"open": "reopened", None: "updated"}.get(to.get("status"), str(to.get("status")))


def add_ticket_message(work: Work, ticket_id: str, body: str, internal: bool) -> AddedMessage:
    """What a customer writes opens a waiting or solved ticket again, and what is written to them a solved one.
    Raises ToolError."""
    body = body.replace("\r\n", "\n")
    work.require(spoken("body", body, rules.LONGEST, needed=True))
    ticket = work.row(ticket_id, "ticket")
    facts = facts_of(work, ticket)
    work.require(rules.may_write(work.actor, facts, internal))
    by_customer = work.actor.customer_id is not None
    if not internal and not by_customer:
        work.require(rules.may_name(others_named(work, body, ticket["customer_id"])))
    number = facts.messages + 1
    _write(work, ticket["id"], number, body, internal=internal)
    to = {} if internal else _answered(work, ticket, by_customer)
    after = work.change("ticket", ticket, "message_added", also={"messages": [number - 1, number]}, **to)
    return AddedMessage(ticket["id"], number, internal, work.now, after["status"], after["version"])


def _answered(work: Work, ticket: Row, by_customer: bool) -> dict[str, Any]:
    """What a message that the customer wrote or reads makes of its ticket."""
    reopens = ticket["status"] == "solved" or (ticket["status"] == "waiting" and by_customer)
    to: dict[str, Any] = {"status": "open"} if reopens else {}
    if not by_customer:
        return to | {"answer_due_at": None}
    if ticket["answer_due_at"] is not None:
        return to
    answer_by = due(work, ticket["team_id"] or "support", ticket["customer_id"])
    return to | {"answer_due_at": clock.stored(answer_by)}


def _write(work: Work, ticket_id: str, number: int, body: str, *, internal: bool) -> None:
    row = {"ticket_id": ticket_id, "number": number, "author": work.actor.id, "internal": internal}
    work.connection.execute(messages.insert(), row | {"at": clock.stored(work.now), "body": body})


def _promise(answer_by: datetime) -> str:
    on_clock = clock.local(answer_by)
    return f"An answer is due by {on_clock:%Y-%m-%d %H:%M} (Amsterdam)."
