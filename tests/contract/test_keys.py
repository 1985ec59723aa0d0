"""An idempotency key means the same at every door, and its refusals are the same errors."""

import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters

from toolservers.crm.tools import Settings, server
from toolward.auth import bearer
from toolward.client.grpc import GrpcClient
from toolward.client.mcp import McpClient
from toolward.doors.address import parse_address
from toolward.doors.grpc import serve_grpc
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.origin import Origins
from toolward.doors.serve import http_server
from toolward.errors import Conflict, InvalidRequest
from toolward.types import CallContext, Principal, ToolCall, ToolProvider, ToolResult

ADA = Principal("ada")
DOORS = ["memory", "grpc", "http", "stdio"]


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncGenerator[dict[str, ToolProvider], None]:
    """The CRM at three doors of one process, for one caller; over stdio it is another process."""
    database, authenticate = tmp_path / "crm.db", bearer({"right": ADA})
    mcp = McpHttpDoor(server, server.info, authenticate, Origins())
    stdio = StdioServerParameters(
        command=sys.executable, args=["-m", "toolservers.crm", "--database", str(tmp_path / "other.db")]
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(server.running(Settings(database)))
        port = await stack.enter_async_context(http_server(mcp, parse_address("127.0.0.1:0")))
        grpc = await stack.enter_async_context(serve_grpc("127.0.0.1:0", server, authenticate, name="crm"))
        stack.push_async_callback(mcp.aclose)
        url = f"http://127.0.0.1:{port}/mcp"
        yield {
            "memory": server,
            "grpc": await stack.enter_async_context(GrpcClient(grpc.address, "right")),
            "http": await stack.enter_async_context(McpClient(url, token="right")),
            "stdio": await stack.enter_async_context(McpClient(stdio)),
        }


async def say(door: ToolProvider, key: str, body: str) -> ToolResult:
    arguments = b'{"ticket_id":"TCK-3003","body":"%b"}' % body.encode()
    wish = ToolCall("add_ticket_message", arguments, idempotency_key=key)
    result: Any = await door.call_tool(ADA, wish, CallContext(timeout=30))
    return result


async def test_a_key_is_carried_and_refused_alike(doors: dict[str, ToolProvider]) -> None:
    said: set[tuple[str, str]] = set()
    for name in DOORS:
        first = await say(doors[name], "k", "one")
        assert first.structured["message_number"] == 3, name
        assert (await say(doors[name], "k", "one")).structured == first.structured
        with pytest.raises(Conflict) as other:
            await say(doors[name], "k", "two")
        with pytest.raises(InvalidRequest) as endless:
            await say(doors[name], "k" * 256, "one")
        said.add((other.value.text, endless.value.text))
        assert (await say(doors[name], name, "mine")).structured["message_number"] > 3
    assert len(said) == 1
