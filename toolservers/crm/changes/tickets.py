"""Tickets: opened, answered, handed over, closed."""

from sqlalchemy import func, select

from toolservers.crm.kinds import Priority, Team, TicketStatus
from toolservers.crm.records import AddedMessage, Changed
from toolservers.crm.work import Work
from toolservers.crm.world import clock
from toolservers.crm.world.tables import messages
from toolward.errors import ToolError


def create_ticket(
    work: Work, customer_id: str, title: str, body: str, order_id: str, priority: Priority, team: Team
) -> Changed:
    raise NotImplementedError


def update_ticket(
    work: Work,
    ticket_id: str,
    status: TicketStatus | None,
    priority: Priority | None,
    team: Team | None,
    expected_version: int,
) -> Changed:
    raise NotImplementedError


def add_ticket_message(work: Work, ticket_id: str, body: str, internal: bool) -> AddedMessage:
    """Raises ToolError for an unknown ticket and for a body of nothing but blanks."""
    if not body.strip():
        raise ToolError("The message has no text. Say in `body` what it shall say.")
    ticket = work.row(ticket_id, "ticket")
    last = work.connection.scalar(
        select(func.max(messages.c.number)).where(messages.c.ticket_id == ticket["id"])
    )
    number = (last or 0) + 1
    row = {"ticket_id": ticket["id"], "number": number, "author": work.actor.id, "internal": internal}
    work.connection.execute(messages.insert(), row | {"at": clock.stored(work.now), "body": body})
    after = work.change("ticket", ticket, "message_added", also={"messages": [number - 1, number]})
    return AddedMessage(ticket["id"], number, internal, work.now, ticket["status"], after["version"])
