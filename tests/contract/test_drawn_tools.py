"""Whatever a tool's types and whatever its arguments, every door says the same: same result, same code, same text.

The doors stand in one process here, without sockets where the protocol lets them: that makes hundreds of tools
cheap. `test_kit_doors.py` goes over real sockets and processes.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from tests.contract.drivers import (
    ANYBODY,
    Driver,
    McpDriver,
    McpHttpDriver,
    ProviderDriver,
    Told,
    grpc_driver,
)
from tests.drawn import CASES, Type
from toolward.auth import open_to_all
from toolward.doors.grpc import serve_grpc
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.mcp_plain import PlainMcp, unreadable
from toolward.doors.origin import Origins
from toolward.kit import ToolServer
from toolward.wire import mcp as wire

Doors = dict[str, Driver]
SERVER: ToolServer[Any] = ToolServer("drawn")


class TwinDriver(McpDriver):
    """The stdio door without its pipes: from a line to the line that answers it."""

    def __init__(self, plain: PlainMcp, *, modern: bool) -> None:
        super().__init__(modern=modern)
        self._plain = plain

    async def _exchange(self, method: str, name: str, body: bytes) -> Any:
        try:
            message = wire.decode(body)
        except wire.Unreadable as problem:
            return json.loads(unreadable(problem))
        answer = await self._plain.answer(message, ANYBODY, lambda line: None)
        assert answer is not None  # nobody is asked anything here
        return json.loads(answer)


class SdkDriver(McpHttpDriver):
    """The same question with a progress token, which makes it the SDK's."""

    async def _exchange(self, method: str, name: str, body: bytes) -> Any:
        asked = body.replace(b'"_meta":{', b'"_meta":{"progressToken":1,')
        return await super()._exchange(method, name, asked)


@pytest.fixture(scope="module")
async def doors() -> AsyncGenerator[Doors, None]:
    authenticate = open_to_all(ANYBODY)
    plain = PlainMcp(SERVER, SERVER.info)
    mcp = McpHttpDoor(SERVER, SERVER.info, authenticate, Origins())
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(SERVER.running())
        grpc = await stack.enter_async_context(serve_grpc("127.0.0.1:0", SERVER, authenticate, name="drawn"))
        web = httpx.AsyncClient(transport=httpx.ASGITransport(mcp), base_url="http://127.0.0.1:1")
        client = await stack.enter_async_context(web)
        stack.push_async_callback(mcp.aclose)
        yield {
            "memory": ProviderDriver(SERVER),
            "grpc": await stack.enter_async_context(grpc_driver(grpc.address, "")),
            "stdio legacy": TwinDriver(plain, modern=False),
            "stdio modern": TwinDriver(plain, modern=True),
            "http legacy": McpHttpDriver(client, "", modern=False),
            "http modern": McpHttpDriver(client, "", modern=True),
            "http sdk": SdkDriver(client, "", modern=True),
        }


def offer(kind: Type) -> None:
    """Put a tool on the running server that takes a value of this type and gives it back."""

    async def drawn(value: Any) -> Any:
        return value

    drawn.__annotations__ = {"value": kind, "return": kind}
    SERVER.tool(drawn)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=CASES)
async def test_drawn_tools_answer_alike_at_every_door(doors: Doors, case: tuple[Type, list[str]]) -> None:
    kind, values = case
    offer(kind)
    try:
        for value in values[:4]:
            arguments = b'{"value":%b}' % value.encode()
            told: dict[str, Told] = {
                name: await door.call("drawn", arguments) for name, door in doors.items()
            }
            for name, said in told.items():
                assert said[:2] == told["memory"][:2], (name, value)
                if "legacy" not in name:  # there it could only be an object
                    assert said.structured == told["memory"].structured, (name, value)
    finally:
        SERVER.remove_tool("drawn")
