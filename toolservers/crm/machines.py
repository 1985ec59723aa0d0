"""The state machines: what may become of a record, and of nothing else. `toolservers.crm.work` refuses the rest."""

from toolservers.crm.kinds import RecordType

Machine = dict[str, tuple[str, ...]]

MACHINES: dict[RecordType, Machine] = {
    "customer": {"active": ("closed",), "closed": ()},
    "product": {
        "available": ("out_of_stock", "discontinued"),
        "out_of_stock": ("available", "discontinued"),
        "discontinued": (),
    },
    "order": {
        "placed": ("packed", "cancelled"),
        "packed": ("shipped", "cancelled"),
        "shipped": ("delivered", "returned"),  # returned: refused at the door
        "delivered": ("returned",),
        "cancelled": (),
        "returned": (),
    },
    "shipment": {
        "label_created": ("in_transit", "stopped"),
        "in_transit": ("delayed", "delivered", "lost", "returned"),
        "delayed": ("in_transit", "delivered", "lost", "returned"),
        "delivered": ("returned",),
        "lost": ("delivered",),  # found again
        "stopped": (),
        "returned": (),
    },
    "payment": {
        "pending": ("captured", "failed", "released"),
        "captured": ("partially_refunded", "refunded", "disputed"),
        "partially_refunded": ("refunded", "disputed"),
        "disputed": ("captured", "partially_refunded", "refunded"),
        "failed": (),
        "released": (),
        "refunded": (),
    },
    "refund": {"issued": ("paid",), "paid": ()},
    "credit_memo": {"issued": ("used", "void"), "used": (), "void": ()},
    "return": {
        "label_sent": ("in_transit", "expired"),
        "in_transit": ("received",),
        "received": ("settled", "rejected"),
        "waived": ("settled",),  # what is broken and cheap need not come back
        "settled": (),
        "rejected": (),
        "expired": (),
    },
    "subscription": {"active": ("paused", "ended"), "paused": ("active", "ended"), "ended": ()},
    "ticket": {
        "open": ("waiting", "solved"),
        "waiting": ("open", "solved"),
        "solved": ("open", "closed"),
        "closed": (),
    },
    "meeting": {"scheduled": ("held", "cancelled"), "held": (), "cancelled": ()},
    "service_level": {},
    "team": {},
}


def statuses(record_type: RecordType) -> tuple[str, ...]:
    """All that a record of this type can have; none for what has no status."""
    return tuple(MACHINES[record_type])


def may_become(record_type: RecordType, before: str, after: str) -> bool:
    return before == after or after in MACHINES[record_type].get(before, ())
