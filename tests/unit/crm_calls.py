"""What the tests of the CRM share: calls as a door makes them, and the database as SQL."""

import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from toolservers.crm.tools import server
from toolward.types import NO_CONTEXT, Principal, ToolCall, ToolResult

ADA = Principal("ada")
DAMAGED: dict[str, Any] = {
    "payment_id": "PAY-5007",
    "amount_minor": 1272,
    "reason": "Goodwill for the damaged dinner set.",
}


async def call(name: str, key: str = "", **arguments: Any) -> ToolResult:
    return await call_as(ADA, name, key, arguments)


async def call_as(by: Principal, name: str, key: str, arguments: dict[str, Any]) -> ToolResult:
    wish = ToolCall(name, msgspec.json.encode(arguments), idempotency_key=key)
    return await server.call_tool(by, wish, NO_CONTEXT)


def dump(database: Path) -> list[str]:
    connection = sqlite3.connect(database)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()
