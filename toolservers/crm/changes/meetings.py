"""Meetings with business customers. What would be sent is recorded; nothing is sent."""

import json
from datetime import datetime

from toolservers.crm.reading.meeting_facts import standing_of, strangers_among, to_come
from toolservers.crm.records import Changed
from toolservers.crm.rules import meetings as rules
from toolservers.crm.rules.tickets import may_concern
from toolservers.crm.work import Work
from toolservers.crm.world import clock
from toolservers.crm.world.tables import words


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
    """Raises ToolError, with the rule and the next step."""
    standing = standing_of(work, work.row(customer_id, "customer"))
    identity = standing.customer["id"]
    work.require(rules.may_be_met(work.actor, standing))
    ticket = work.row(ticket_id, "ticket") if ticket_id else None
    work.require(may_concern(ticket, identity))
    work.require(rules.is_one_instant(starts_at, work.now) + rules.may_take(minutes))
    slot = rules.Slot(rules.instant_of(starts_at), minutes)
    invited = list(dict.fromkeys(one.strip().casefold() for one in participants))
    work.require(rules.may_lie(slot, work.now) + rules.are_addresses(invited))
    work.require(rules.may_take_part(standing, invited, strangers_among(work, invited, identity)))
    work.require(rules.may_be_sent(purpose, agenda, attachments))
    work.require(rules.may_stand_beside(slot, to_come(work, identity)))
    begins = clock.local(slot.starts_at)
    invitation = {
        "participants": invited,
        "purpose": purpose.strip(),
        "agenda": agenda,
        "attachments": attachments,
        "ticket": ticket["id"] if ticket else None,
        "starts_at": begins.isoformat(),
        "minutes": minutes,
        "video": f"https://meet.fernhill.example/{identity.lower()}-{slot.starts_at:%Y%m%dt%H%Mz}",
    }
    meeting = work.add(
        "meeting",
        "scheduled",
        status="scheduled",
        customer_id=identity,
        ticket_id=ticket["id"] if ticket else None,
        starts_at=clock.stored(slot.starts_at),
        minutes=minutes,
        purpose=purpose.strip(),
        invitation=json.dumps(invitation, ensure_ascii=False),
        words=words(purpose.strip(), identity, ticket["id"] if ticket else "", *invited),
    )
    says = (
        f"{meeting['id']} with {identity} is on {begins:%A %Y-%m-%d}, {begins:%H:%M} to"
        f" {clock.local(slot.ends_at):%H:%M} (Amsterdam). The invitation for {len(invited)} people is recorded;"
        " nothing is sent."
    )
    return work.changed("meeting", meeting, says)
