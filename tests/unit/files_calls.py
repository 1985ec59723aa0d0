"""Calling the file tools as a gateway calls them."""

from typing import Any

import msgspec

from toolservers.files.tools import server
from toolward.types import CallContext, Principal, TextContent, ToolCall, ToolResult

CALLER = Principal("test")
SECRET = "not for you"


async def call(tool: str, **arguments: Any) -> ToolResult:
    raw = msgspec.json.encode(arguments)
    return await server.call_tool(CALLER, ToolCall(tool, raw), CallContext())


async def refused(tool: str, **arguments: Any) -> str:
    result = await call(tool, **arguments)
    assert result.is_error, result.text
    return result.text


def pieces(result: ToolResult) -> list[str]:
    assert not result.is_error, result.text
    return [piece.text for piece in result.content if isinstance(piece, TextContent)]


async def etag(path: str) -> str:
    return pieces(await call("read_file", path=path))[-1].partition("etag ")[2][:16]
