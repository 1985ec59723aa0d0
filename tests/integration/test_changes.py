"""A change of the tools reaches whoever watches, through our own clients of every door that can carry it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any, cast

import grpc
import pytest

from tests.servers.changing import Events, changing
from toolward.auth import bearer
from toolward.client.grpc import GrpcClient
from toolward.client.mcp import McpClient
from toolward.doors.address import parse_address
from toolward.doors.grpc import GrpcDoor, serve_grpc
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.origin import Origins
from toolward.doors.serve import http_server
from toolward.errors import InvalidResult, Unavailable
from toolward.kit import ToolServer
from toolward.types import NO_CONTEXT, CallContext, LogEntry, Principal, Progress, ToolCall, ToolProvider

ADA = Principal("ada")
AUTH = bearer({"right": ADA})


@asynccontextmanager
async def over_grpc(server: ToolServer[Any]) -> AsyncGenerator[ToolProvider, None]:
    async with (
        serve_grpc("127.0.0.1:0", server, AUTH, name="changing") as door,
        GrpcClient(door.address, "right") as client,
    ):
        yield client


@asynccontextmanager
async def over_http(server: ToolServer[Any]) -> AsyncGenerator[ToolProvider, None]:
    mcp = McpHttpDoor(server, server.info, AUTH, Origins())
    async with http_server(mcp, parse_address("127.0.0.1:0")) as port:
        async with McpClient(f"http://127.0.0.1:{port}/mcp", token="right") as client:
            yield client
        await mcp.aclose()


@pytest.mark.parametrize("over", [over_grpc, over_http], ids=["grpc", "http"])
async def test_a_change_reaches_a_client_that_watches(
    over: Callable[[ToolServer[Any]], AbstractAsyncContextManager[ToolProvider]],
) -> None:
    server, _ = changing()
    async with asyncio.timeout(20), over(server) as client:
        changes = cast(AsyncGenerator[None, None], client.watch())
        async with aclosing(changes):
            await anext(changes)  # it watches: what was listed before may be old
            await client.call_tool(ADA, ToolCall("grow"), NO_CONTEXT)
            await anext(changes)
        assert "grown" in [tool.name for tool in (await client.list_tools(ADA)).tools]


@pytest.fixture
async def served() -> AsyncGenerator[tuple[ToolServer[Any], Events, GrpcDoor], None]:
    server, events = changing()
    async with serve_grpc("127.0.0.1:0", server, AUTH, name="changing") as door:
        yield server, events, door


async def test_watching_over_grpc_ends_when_the_server_stops() -> None:
    server, _ = changing()
    async with asyncio.timeout(20):
        async with serve_grpc("127.0.0.1:0", server, AUTH, name="changing", grace=10) as door:
            client = await GrpcClient(door.address, "right").__aenter__()
            changes = client.watch()
            await anext(changes)
        with pytest.raises(Unavailable, match="changing is stopping"):
            await anext(changes)
        await client.__aexit__(None, None, None)


async def test_a_server_that_cannot_be_watched_says_so() -> None:
    older = grpc.aio.server()
    port = older.add_insecure_port("127.0.0.1:0")
    await older.start()
    async with GrpcClient(f"127.0.0.1:{port}") as client:
        with pytest.raises(InvalidResult, match="does not know watching the tools"):
            await anext(client.watch())
    await older.stop(None)


async def test_logs_and_progress_come_in_order_over_grpc(
    served: tuple[ToolServer[Any], Events, GrpcDoor],
) -> None:
    news: list[LogEntry | Progress] = []
    async with GrpcClient(served[2].address, "right") as client:
        context = CallContext(timeout=20, progress=news.append, log=news.append)
        await client.call_tool(ADA, ToolCall("talk"), context)
        await client.call_tool(ADA, ToolCall("talk"), CallContext(timeout=20, progress=lambda _: None))
    assert news == [
        LogEntry("debug", "small", {"at": 1}),
        LogEntry("warning", "large", {"at": 2}),
        Progress(1, 1),
    ]


async def test_giving_up_over_grpc_stops_the_tool_at_once(
    served: tuple[ToolServer[Any], Events, GrpcDoor],
) -> None:
    _, events, door = served
    async with GrpcClient(door.address, "right") as client:
        calling = asyncio.create_task(client.call_tool(ADA, ToolCall("wait"), NO_CONTEXT))
        await asyncio.wait_for(events.began.wait(), 10)
        calling.cancel()
        await asyncio.wait_for(events.ended.wait(), 1)
