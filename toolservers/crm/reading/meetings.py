"""Meetings."""

import json

from toolservers.crm import records
from toolservers.crm.reading.parts import customer_ref
from toolservers.crm.work import Row, View
from toolservers.crm.world import clock


def meeting(view: View, row: Row) -> records.Meeting:
    """No tool moves or cancels one: that goes by its invitation, outside."""
    invitation = json.loads(row["invitation"])
    return records.Meeting(
        id=row["id"],
        status=row["status"],
        version=row["version"],
        customer=customer_ref(view, row["customer_id"]),
        ticket_id=row["ticket_id"],
        starts_at=clock.aware(row["starts_at"]),
        minutes=row["minutes"],
        purpose=row["purpose"],
        participants=invitation["participants"],
        agenda=invitation["agenda"],
        attachments=invitation["attachments"],
        allowed_actions=[],
    )
