"""Meetings with business customers. What would be sent is recorded; nothing is sent."""

from datetime import datetime

from toolservers.crm.records import Changed
from toolservers.crm.work import Work


def schedule_meeting(
    work: Work,
    customer_id: str,
    starts_at: datetime,
    minutes: int,
    purpose: str,
    participants: list[str],
    agenda: list[str],
    attachments: list[str],
    ticket_id: str,
) -> Changed:
    raise NotImplementedError
