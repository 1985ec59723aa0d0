"""One record with everything that somebody who answers a customer wants to know, and what may be done with it."""

from collections.abc import Callable

from toolservers.crm.kinds import RecordType
from toolservers.crm.reading.customers import customer
from toolservers.crm.reading.meetings import meeting
from toolservers.crm.reading.orders import order, shipment
from toolservers.crm.reading.payments import credit_memo, payment, refund
from toolservers.crm.reading.products import product
from toolservers.crm.reading.returns import return_
from toolservers.crm.reading.subscriptions import service_level, subscription
from toolservers.crm.reading.tickets import team, ticket
from toolservers.crm.records import Record
from toolservers.crm.references import parse
from toolservers.crm.work import Row, View

_READERS: dict[RecordType, Callable[[View, Row], Record]] = {
    "customer": customer,
    "order": order,
    "shipment": shipment,
    "payment": payment,
    "refund": refund,
    "credit_memo": credit_memo,
    "return": return_,
    "subscription": subscription,
    "service_level": service_level,
    "ticket": ticket,
    "team": team,
    "meeting": meeting,
    "product": product,
}


def get_record(view: View, record_id: str, record_type: RecordType | None) -> Record:
    """Raises ToolError when `record_id` names nothing, or something of another type."""
    reference = parse(record_id, record_type)
    return _READERS[reference.record_type](view, view.row(reference))
