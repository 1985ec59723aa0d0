"""What the rows of layout 1 are in layout 2."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

from toolservers.crm.world.clock import add_working_days
from toolservers.crm.world.migrations.layout_2 import words

Row = dict[str, Any]
Rows = dict[str, list[Row]]

_PLACE = ("street", "postcode", "city", "country")
_CONNECT = {"Basic": 0, "Team": 2_900, "Scale": 9_900}
_TEAMS = (
    ("support", "Support", "Questions about orders, returns and subscriptions", 8),
    ("support-leads", "Support leads", "Approvals, complaints, what is above an agent's limit", 16),
    ("fraud", "Fraud team", "Charges that nobody can explain, changed accounts, gift cards", 4),
    ("finance", "Finance", "Refunds above 500.00 EUR, invoices", 8),
    ("product-safety", "Product safety", "Somebody was hurt, or something smoked or burnt", 1),
    ("privacy", "Privacy team", "Access to data and deletion", 8),
    ("business", "Business accounts", "Fernhill Connect and its service levels", 8),
    ("warehouse", "Warehouse in Venlo", "What is packed and has not left", 2),
)
_SERVICE_LEVELS = (("SLA-1", "Team", 3, 8, 2, 10), ("SLA-2", "Scale", 2, 2, 3, 15))
_COUNTED = {
    "customer": ("customers", "CUS-", 0), "order": ("orders", "ORD-", 0), "shipment": ("shipments", "SHP-", 0),
    "payment": ("payments", "PAY-", 0), "refund": ("refunds", "REF-", 0), "ticket": ("tickets", "TCK-", 0),
    "product": ("products", "PRD-", 0), "subscription": ("subscriptions", "SUB-", 6000),
    "service_level": ("service_levels", "SLA-", 0), "return": ("returns", "RET-", 8000),
    "credit_memo": ("credit_memos", "MEM-", 4000), "meeting": ("meetings", "MTG-", 1000),
}  # fmt: skip


def carried(old: Rows) -> Rows:
    """By table of layout 2, parents before children."""
    today = old["world"][0]["today"] if old["world"] else date(2026, 11, 16)
    customers = {row["id"]: row for row in old["customers"]}
    orders = {row["id"]: row for row in old["orders"]}
    shipments = {row["order_id"]: row for row in old["shipments"]}
    payments = {row["id"]: row for row in old["payments"]}
    new: Rows = {
        "world": [_world(row, old["messages"]) for row in old["world"]],
        "teams": [_named(("id", "name", "purpose", "answers_within_hours"), team) for team in _TEAMS],
        "service_levels": [_service_level(level) for level in _SERVICE_LEVELS],
        "customers": [_without(row, "plan", *_PLACE) for row in old["customers"]],
        "addresses": [_address(row) for row in old["customers"]],
        "contacts": [_contact(row) for row in old["customers"] if row["plan"]],
        "products": [_without(row, "price_minor", "currency") for row in old["products"]],
        "prices": _prices(old),
        "orders": [_order(row, shipments.get(row["id"]), old, customers) for row in old["orders"]],
        "order_lines": old["order_lines"],
        "shipments": [_shipment(row, orders[row["order_id"]], today) for row in old["shipments"]],
        "payments": old["payments"],
        "refunds": [_refund(row, payments[row["payment_id"]], orders, today) for row in old["refunds"]],
        "subscriptions": _subscriptions(old["customers"], today),
        "tickets": old["tickets"],
        "messages": old["messages"],
    }
    return new | {"counters": _counters(new)}


def _named(names: Iterable[str], values: Iterable[Any]) -> Row:
    return dict(zip(names, values, strict=True))


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def _place(row: Row) -> Row:
    return {name: row[name] for name in _PLACE}


def _world(row: Row, messages: list[Row]) -> Row:
    """Its clock stands at nine, or where the newest message was written."""
    nine = datetime.combine(row["today"], time(9))
    return {"id": 1, "pack": row["pack"], "seed": 0, "now": max([nine, *(said["at"] for said in messages)])}


def _service_level(level: tuple[Any, ...]) -> Row:
    names = "id plan delivery_days first_answer_hours penalty_percent penalty_at_most_percent"
    return _named(names.split(), level)


def _address(row: Row) -> Row:
    return {"customer_id": row["id"], "number": 1, "label": "main", **_place(row)}


def _contact(row: Row) -> Row:
    known = {name: row[name] for name in ("name", "email")}
    return {"customer_id": row["id"], "number": 1, **known, "role": "administrator"}


def _prices(old: Rows) -> list[Row]:
    """The one price that there was, and what was last charged in other currencies."""
    currencies = {row["id"]: row["currency"] for row in old["orders"]}
    known = {
        (line["product_id"], currencies[line["order_id"]]): line["unit_price_minor"]
        for line in old["order_lines"]
    }
    known |= {(row["id"], row["currency"]): row["price_minor"] for row in old["products"]}
    names = ("product_id", "currency", "amount_minor")
    return [_named(names, (*key, amount)) for key, amount in sorted(known.items())]


def _order(row: Row, shipment: Row | None, old: Rows, customers: dict[str, Row]) -> Row:
    moved = row["status"] in ("packed", "shipped", "delivered", "returned")
    paid = [one for one in old["payments"] if one["order_id"] == row["id"]]
    payments = {one["id"] for one in paid}
    refunded = [one["refunded_on"] for one in old["refunds"] if one["payment_id"] in payments]
    cancelled = row["status"] == "cancelled"
    promised = shipment["promised_on"] if shipment else add_working_days(row["ordered_on"], 5)
    return row | {
        "packed_on": row["ordered_on"] if moved else None,
        "shipped_on": shipment["shipped_on"] if shipment else None,
        "cancelled_on": min(refunded, default=row["ordered_on"]) if cancelled else None,
        "promised_on": promised,
        "service": shipment["service"] if shipment else "standard",
        "payment_method": min(paid, key=lambda one: one["status"] == "failed")["method"] if paid else "",
        **_place(shipment or customers[row["customer_id"]]),
    }


def _shipment(row: Row, order: Row, today: date) -> Row:
    identity = f"SHP-{int(row['order_id'].removeprefix('ORD-')) + 5000}"
    expected = {"label_created": row["promised_on"], "in_transit": row["promised_on"]}
    if row["status"] == "delayed":
        expected["delayed"] = add_working_days(max(today, row["promised_on"]), 5)
    return row | {
        "id": identity,
        "customer_id": order["customer_id"],
        "delivered_on": order["delivered_on"],
        "expected_on": expected.get(row["status"]),
        "redirected": False,
        "words": words(identity, row["tracking"], row["order_id"]),
    }


def _refund(row: Row, payment: Row, orders: dict[str, Row], today: date) -> Row:
    identity = f"REF-{row['number']}"
    status = orders[payment["order_id"]]["status"]
    arrives = add_working_days(row["refunded_on"], 5)
    return _without(row, "number") | {
        "id": identity,
        "status": "paid" if arrives <= today else "issued",
        "customer_id": payment["customer_id"],
        "basis": {"cancelled": "cancellation", "returned": "return"}.get(status, "goodwill"),
        "expected_on": None if arrives <= today else arrives,
        "words": words(identity, row["reason"]),
    }


def _subscriptions(customers: list[Row], today: date) -> list[Row]:
    """A plan was a word at the customer."""
    next_month = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    agreed = [row for row in customers if row["plan"]]
    return [
        {
            "id": f"SUB-{number}",
            "status": "active",
            "customer_id": row["id"],
            "kind": "connect",
            "plan": row["plan"],
            "rhythm_months": 1,
            "price_minor": _CONNECT.get(row["plan"], 0),
            "currency": "EUR",
            "started_on": row["customer_since"],
            "next_on": next_month,
            "words": words(f"SUB-{number}", "connect", row["plan"]),
        }
        for number, row in enumerate(agreed, start=6001)
    ]


def _counters(new: Rows) -> list[Row]:
    return [
        {"record_type": kind, "last": max([first, *_numbers(new.get(table, []), prefix)])}
        for kind, (table, prefix, first) in _COUNTED.items()
    ]


def _numbers(rows: list[Row], prefix: str) -> Iterable[int]:
    return (int(row["id"].removeprefix(prefix)) for row in rows)
