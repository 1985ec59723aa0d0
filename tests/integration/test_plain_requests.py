"""Plain requests over raw sockets: however their bytes arrive, one answer for each, in order, and none cut off."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest

from toolward.auth import bearer
from toolward.doors.address import parse_address
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.origin import Origins
from toolward.doors.serve import http_server
from toolward.types import (
    CallContext,
    Principal,
    ServerInfo,
    Tool,
    ToolCall,
    ToolPage,
    ToolResult,
    text_result,
)


class Tools:
    """Each call waits until the test lets it go on."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[ToolCall] = asyncio.Queue()
        self.cancelled = asyncio.Event()
        self.let_go = asyncio.Event()

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        return ToolPage((Tool("wait"),))

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> ToolResult:
        self.begun.put_nowait(call)
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return text_result(f"{principal.id}: {call.arguments_json.decode()}")

    async def watch(self) -> AsyncGenerator[None]:
        return
        yield


class Line:
    """One connection to a door."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            return int(head.split(b" ")[1]), await self.reader.readexactly(length)


def request(number: int, pad: str = "", token: str = "right", **headers: str) -> bytes:
    params = {"name": "wait", "arguments": {"n": number, "pad": pad}}
    body = msgspec.json.encode({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
    sent = {
        "host": "127.0.0.1",
        "accept": "*/*",
        "authorization": f"Bearer {token}",
        "content-length": str(len(body)),
    } | headers
    return b"POST /mcp HTTP/1.1\r\n%b\r\n%b" % (
        "".join(f"{name}: {value}\r\n" for name, value in sent.items()).encode(),
        body,
    )


class Opened:
    def __init__(self, port: int, tools: Tools) -> None:
        self.port, self.tools = port, tools

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port))
        try:
            yield line
        finally:
            line.writer.close()
            await line.writer.wait_closed()


@asynccontextmanager
async def opened() -> AsyncGenerator[Opened]:
    tools: Any = Tools()
    door = McpHttpDoor(tools, ServerInfo("t", "1"), bearer({"right": Principal("ada")}), Origins())
    async with http_server(door, parse_address("127.0.0.1:0"), plain=door) as port:
        yield Opened(port, tools)
        await door.aclose()


@pytest.mark.parametrize(
    "cut", [5, 40, 200, -1], ids=["in its first word", "in its head", "in its body", "late"]
)
async def test_a_request_in_pieces_has_one_answer(cut: int):
    async with opened() as door, door.line() as line:
        door.tools.let_go.set()
        whole = request(1, "x" * 100)
        await line.send(whole[:cut])
        await asyncio.sleep(0)
        await line.send(whole[cut:])
        status, body = await line.answer()
        assert status == 200
        assert b'"id":1' in body
        await line.send(request(2))
        assert b'"id":2' in (await line.answer())[1]


async def test_requests_sent_at_once_are_answered_in_their_order():
    async with opened() as door, door.line() as line:
        await line.send(request(1) + request(2, expect="") + request(3))
        assert (await door.tools.begun.get()).arguments["n"] == 1
        door.tools.let_go.set()
        ids = [(await line.answer())[1].split(b'"id":')[1][:1] for _ in range(3)]
        assert ids == [b"1", b"2", b"3"]


async def test_what_comes_while_one_is_in_work_waits_for_its_turn():
    async with opened() as door, door.line() as line:
        await line.send(request(1))
        await door.tools.begun.get()
        await line.send(request(2))
        await line.send(b"GET /nothing HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        door.tools.let_go.set()
        answers = [await line.answer() for _ in range(3)]
        assert [status for status, _ in answers] == [200, 200, 401]


async def test_HTTP_a_client_that_goes_away_cancels_its_call():
    async with opened() as door, door.line() as line:
        await line.send(request(1))
        await door.tools.begun.get()
        line.writer.close()
        async with asyncio.timeout(10):
            await door.tools.cancelled.wait()


async def test_a_request_that_never_ends_is_the_parsers():
    async with opened() as door, door.line() as line, door.line() as other:
        door.tools.let_go.set()
        await line.send(request(1)[:-5])
        await other.send(request(2))
        assert (await other.answer())[0] == 200


async def test_a_call_in_work_is_answered_when_the_server_stops():
    async with AsyncExitStack() as stack:
        async with opened() as door:
            line = await stack.enter_async_context(door.line())
            await line.send(request(1))
            await door.tools.begun.get()
            asyncio.get_running_loop().call_soon(door.tools.let_go.set)
        assert (await line.answer())[0] == 200
        assert await line.reader.read() == b"", "and the connection is closed"


async def test_a_refusal_says_how_to_come_in():
    async with opened() as door, door.line() as line:
        await line.send(request(1, token="wrong"))
        status, body = await line.answer()
        assert status == 401
        assert b"unauthenticated" in body
        await line.send(request(2))  # the same connection serves on
        door.tools.let_go.set()
        assert (await line.answer())[0] == 200
