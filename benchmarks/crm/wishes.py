"""What is called: for each tool, calls that a shop of this pack lets through, found in the world itself."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any, NamedTuple

import msgspec

from toolservers.crm.tools import server
from toolward.types import NO_CONTEXT, Principal, ToolCall, ToolResult

CLERK = Principal("bench", ("support", "support-lead", "finance", "operator"))
"""May decide about everything, so that a figure is of what is done, and not of a refusal."""

Arguments = dict[str, Any]


class Wish(NamedTuple):
    what: str
    tool: str
    calls: list[Arguments]


async def call(tool: str, **arguments: Any) -> ToolResult:
    return await server.call_tool(CLERK, ToolCall(tool, msgspec.json.encode(arguments)), NO_CONTEXT)


async def wishes(count: int) -> AsyncIterator[Wish]:
    """Each is looked for when it is asked for, in the world as the one before left it."""
    orders, customers = await _ids("order", count), await _ids("customer", count)
    yield Wish("get_record, an order", "get_record", _each(count, record_id=orders))
    yield Wish("get_record, a customer", "get_record", _each(count, record_id=customers))
    words = _each(count, query=["set", "lamp", "kettle"], record_type=["order"])
    yield Wish("find_records, orders by words", "find_records", words)
    theirs = _each(count, customer_id=customers, record_type=["order"])
    yield Wish("find_records, a customer's orders", "find_records", theirs)
    sorted_ = _each(count, record_type=["order"], status=["delivered"], sort=["-total_minor"])
    yield Wish("find_records, the dearest orders", "find_records", sorted_)
    about = {"title": ["Where is it?"], "body": ["The parcel has not come yet."]}
    yield Wish("create_ticket", "create_ticket", _each(count, customer_id=customers, **about))
    tickets = await _ids("ticket", count, status="open")
    levels = {"priority": ["high", "low", "normal"]}
    yield Wish("update_ticket", "update_ticket", _each(count, ticket_id=tickets, **levels))
    note = {"body": ["The customer called; it is being looked for."], "internal": [True]}
    yield Wish("add_ticket_message", "add_ticket_message", _each(count, ticket_id=tickets, **note))
    told = {"note": ["Likes to be called in the morning."]}
    yield Wish("update_customer, a note", "update_customer", _each(count, customer_id=customers, **told))
    async for wish in _about_orders(count):
        yield wish
    subscriptions = await _ids("subscription", count, status="active")
    pauses = _each(count, subscription_id=subscriptions, change=["pause"], months=[1], dry_run=[True])
    yield Wish("change_subscription, a pause, dry run", "change_subscription", pauses)
    yield Wish("schedule_meeting", "schedule_meeting", await _meetings(count))


async def _about_orders(count: int) -> AsyncIterator[Wish]:
    placed = await _ids("order", count, status="placed")
    cancelling = {"change": ["cancel"], "reason": ["Ordered twice."]}
    dry = _each(count, order_id=placed, dry_run=[True], **cancelling)
    yield Wish("change_order, cancel, dry run", "change_order", dry)
    yield Wish("change_order, cancel", "change_order", _each(len(placed), order_id=placed, **cancelling))
    delivered = [await _record(one) for one in await _ids("order", count, status="delivered")]
    returned = [
        {
            "order_id": order["id"],
            "items": [{"product_id": order["lines"][0]["product_id"], "quantity": 1}],
            "reason": "change_of_mind",
        }
        for order in delivered
    ]
    yield Wish("create_return", "create_return", returned)
    cents = {"amount_minor": [1], "reason": ["A small sign."], "basis": ["goodwill"]}
    payments = [one["id"] for order in delivered for one in order["payments"]]
    yield Wish("refund_payment", "refund_payment", _each(len(payments), payment_id=payments, **cents))
    memos = [
        {
            "customer_id": order["customer"]["id"],
            "order_id": order["id"],
            "amount_minor": 1,
            "currency": order["total"]["currency"],
            "reason": "A small sign.",
            "basis": "goodwill",
        }
        for order in delivered
    ]
    yield Wish("create_credit_memo", "create_credit_memo", memos)


async def _meetings(count: int) -> list[Arguments]:
    """With each business customer once, some days ahead."""
    (ticket,) = await _ids("ticket", 1, status="open")
    said = (
        await call("add_ticket_message", ticket_id=ticket, body="What day is it?", internal=True)
    ).structured
    day = datetime.fromisoformat(said["at"]) + timedelta(days=7)
    day += timedelta(days=-min(day.weekday() - 4, 0) % 7 if day.weekday() < 5 else 7 - day.weekday())
    found: list[Arguments] = []
    for customer in await _ids("customer", count, filters=['company != ""']):
        record = await _record(customer)
        business = [one["email"] for one in record.get("contacts") or () if one["role"] == "administrator"]
        if business:
            found.append(
                {
                    "customer_id": customer,
                    "starts_at": f"{day:%Y-%m-%d}T10:00:00",
                    "minutes": 30,
                    "purpose": "How the last quarter went.",
                    "participants": business[:1],
                }
            )
    return found


async def _ids(record_type: str, count: int, **wanted: Any) -> list[str]:
    """Of the newest ones."""
    found: list[str] = []
    cursor = ""
    while len(found) < count:
        page: Any = (
            await call("find_records", record_type=record_type, limit=100, cursor=cursor, **wanted)
        ).structured
        found += [one["id"] for one in page["records"]]
        if not (cursor := page.get("next_cursor") or ""):
            break
    return found[:count]


async def _record(record_id: str) -> Any:
    return (await call("get_record", record_id=record_id)).structured


def _each(count: int, **values: Sequence[Any]) -> list[Arguments]:
    """So many calls, which take the values of each argument in turn; none where one has no values."""
    if not all(values.values()):
        return []
    turns = zip(*(cycle(of) for of in values.values()), strict=True)
    return [dict(zip(values, turn, strict=True)) for turn in islice(turns, count)]
