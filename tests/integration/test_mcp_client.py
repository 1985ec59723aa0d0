"""The MCP client against servers that are not ours."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from mcp import StdioServerParameters

from toolward.client.mcp import McpClient
from toolward.errors import (
    InvalidArguments,
    InvalidResult,
    ToolwardError,
    Unauthenticated,
    Unavailable,
    UnknownTool,
)
from toolward.types import CallContext, Principal, ToolCall, ToolResult

REPOSITORY = Path(__file__).parents[2]
ME = Principal("me")
SOON = CallContext(timeout=20)


def legacy() -> McpClient:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "tests.servers.legacy"], cwd=REPOSITORY
    )
    return McpClient(command, name="legacy", connect=30)


async def call(client: McpClient, tool: str, arguments: bytes = b"{}") -> ToolResult:
    return await client.call_tool(ME, ToolCall(tool, arguments), SOON)


async def test_pages_schemas_and_hints_come_as_they_are() -> None:
    async with legacy() as client:
        first = await client.list_tools(ME)
        assert [tool.name for tool in first.tools] == ["first"]
        assert first.tools[0].input_schema["properties"] == {"default": {"default": None}}
        second = await client.list_tools(ME, first.next_cursor)
        assert second.tools[0].annotations == {"readOnlyHint": True}
        assert second.next_cursor is None


async def test_values_keep_every_digit_both_ways() -> None:
    async with legacy() as client:
        given = b'{"n":1000000000000000000000000000000000001,"none":null,"f":0.1,"s":"\xe2\x82\xac"}'
        result = await call(client, "first", given)
    assert result.text == "done"
    assert result.structured_json == b'{"big":%d,"given":%b}' % (10**30 + 1, given)


@pytest.mark.parametrize(
    ("tool", "kind", "said"),
    [
        ("nonesuch", UnknownTool, "legacy has no tool nonesuch."),
        (
            "refuse",
            InvalidArguments,
            "legacy refused the arguments of refuse: Invalid arguments: b is missing",
        ),
        ("break", Unavailable, "legacy answered with an error: the database is gone (-32603)."),
        ("leave", Unavailable, "legacy closed the connection."),
    ],
)
async def test_errors_of_strangers_find_their_place(tool: str, kind: type[ToolwardError], said: str) -> None:
    async with legacy() as client:
        with pytest.raises(kind) as caught:
            await call(client, tool)
    assert type(caught.value) is kind
    assert caught.value.message == said


async def test_a_result_that_mcp_does_not_know_is_refused() -> None:
    async with legacy() as client:
        with pytest.raises(InvalidResult, match="legacy answered"):
            await call(client, "odd")
        assert (await call(client, "first")).text == "done"


async def test_a_change_of_the_tools_is_told() -> None:
    async with legacy() as client, aclosing(client.watch()) as changes:
        told = asyncio.create_task(anext(changes))
        await call(client, "grow")
        async with asyncio.timeout(20):
            await told


@asynccontextmanager
async def answering(status: bytes) -> AsyncGenerator[str]:
    """An HTTP server that says one thing."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %b\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnope" % status)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"


async def test_a_door_that_refuses_us_says_so() -> None:
    async with answering(b"401 Unauthorized") as url:
        with pytest.raises(Unauthenticated, match=r"there refused us \(HTTP 401\)"):
            await McpClient(url, name="there", token="wrong").__aenter__()


async def test_what_is_not_mcp_is_no_server() -> None:
    async with answering(b"200 OK") as url:
        with pytest.raises(Unavailable, match="there answered with an error"):
            await McpClient(url, name="there").__aenter__()
