"""Calls of the search server's tools, as its tests make them."""

from typing import Any

import msgspec

from toolservers.search.tools import server
from toolward.types import NO_CONTEXT, Principal, ToolCall, ToolResult

ADA = Principal("ada")


async def call(tool: str, /, *, key: str = "", **arguments: Any) -> ToolResult:
    """`key` makes repeats of it one call."""
    made = ToolCall(tool, msgspec.json.encode(arguments), idempotency_key=key)
    return await server.call_tool(ADA, made, NO_CONTEXT)


async def ids(query: str, limit: int = 5) -> list[str]:
    return [hit["id"] for hit in (await call("search", query=query, limit=limit)).structured["results"]]
