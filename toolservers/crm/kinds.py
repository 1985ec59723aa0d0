"""The words of the CRM: kinds of record, and the choices that tools offer. They need no database."""

from typing import Literal

RecordType = Literal[
    "customer",
    "order",
    "shipment",
    "payment",
    "refund",
    "credit_memo",
    "return",
    "subscription",
    "service_level",
    "ticket",
    "team",
    "meeting",
    "product",
]

PREFIXES: dict[RecordType, str] = {
    "customer": "CUS-",
    "order": "ORD-",
    "shipment": "SHP-",
    "payment": "PAY-",
    "refund": "REF-",
    "credit_memo": "MEM-",
    "return": "RET-",
    "subscription": "SUB-",
    "service_level": "SLA-",
    "ticket": "TCK-",
    "team": "",  # known by a word: fraud
    "meeting": "MTG-",
    "product": "PRD-",
}

Priority = Literal["low", "normal", "high"]
TicketStatus = Literal["open", "waiting", "solved", "closed"]
Team = Literal[
    "support", "support-leads", "fraud", "finance", "product-safety", "privacy", "business", "warehouse"
]
Language = Literal["en", "nl", "de", "fr"]
OrderChange = Literal["cancel", "address", "items", "payment"]
ReturnReason = Literal["change_of_mind", "damaged", "wrong_item", "incomplete"]
Remedy = Literal["refund", "replacement"]
RefundBasis = Literal["goodwill", "return", "damage", "delay", "price_match", "cancellation", "lost"]
CreditBasis = Literal["service_level", "delay", "goodwill", "price_match"]
SubscriptionChange = Literal["upgrade", "downgrade", "rhythm", "pause", "resume", "end"]
RuleMode = Literal["enforce", "advise", "off"]

ADMIN = (
    "reset_world",
    "advance_clock",
    "inject_fault",
    "save_snapshot",
    "restore_snapshot",
    "diff_world",
    "list_events",
)
"""The tools that an operator has; no fault ever touches them."""
