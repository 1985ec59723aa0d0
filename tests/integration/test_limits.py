"""What a door does when it is asked for more than it has: it says so at once, and when to come back."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from tests.integration.scripted_tools import CALL, NOBODY, Tools, failing
from tests.integration.served import BOTH, call, served
from toolward.client.grpc import GrpcClient
from toolward.client.mcp import McpClient
from toolward.doors.bodies import Bodies
from toolward.doors.entrance import Entrance
from toolward.doors.limits import Limits
from toolward.errors import Overloaded, TooLarge
from toolward.types import NO_CONTEXT, CallContext, Outcome, Progress, ToolCall, text_result


async def test_calls_over_the_limit_are_turned_away_at_once_and_counted() -> None:
    tools = Tools()
    tools.waits()
    entrance = Entrance(limits=Limits(calls=2))
    grpc, http = entrance.to(tools, "grpc"), entrance.to(tools, "http")
    held = [asyncio.create_task(door.call_tool(NOBODY, CALL, NO_CONTEXT)) for door in (grpc, http)]
    await asyncio.sleep(0)
    error = await failing(http.call_tool(NOBODY, CALL, NO_CONTEXT))  # the doors share the limit
    assert isinstance(error, Overloaded)
    assert error.retry_after
    assert b'toolward_refused_total{door="http",code="overloaded"} 1' in entrance.metrics()
    tools.released.set()
    assert await asyncio.gather(*held) == [text_result("released")] * 2
    assert await grpc.call_tool(NOBODY, CALL, NO_CONTEXT) == text_result("released")


async def test_a_call_that_was_given_up_makes_room() -> None:
    tools = Tools()
    tools.waits()
    provider = Entrance(limits=Limits(calls=1)).to(tools, "http")
    given_up = asyncio.create_task(provider.call_tool(NOBODY, CALL, NO_CONTEXT))
    await asyncio.wait_for(tools.started.wait(), 10)
    given_up.cancel()
    await asyncio.wait([given_up])
    tools.released.set()
    assert await provider.call_tool(NOBODY, CALL, NO_CONTEXT) == text_result("released")


async def test_every_client_hears_when_to_come_back() -> None:
    """Over gRPC, MCP by the short path, and MCP by the SDK; while one slow call takes all that there is."""
    slow, quick = ToolCall("wait", b'{"seconds": 60}'), ToolCall("whoami")
    with served("--max-calls", "1", "--drain", "0") as at:
        async with GrpcClient(at.grpc) as grpc, McpClient(f"{at.url}/mcp") as mcp:
            holding = asyncio.create_task(grpc.call_tool(NOBODY, slow, NO_CONTEXT))
            while not isinstance(await _tried(grpc, quick), Overloaded):
                pass
            for progress in (None, ignore):
                error = await failing(
                    mcp.call_tool(NOBODY, quick, CallContext(timeout=20, progress=progress))
                )
                assert isinstance(error, Overloaded)
                assert error.retry_after == 1
            holding.cancel()
            await asyncio.wait([holding])


def ignore(_: Progress) -> None:
    pass


async def _tried(client: GrpcClient, call: ToolCall) -> Outcome | Overloaded:
    try:
        return await client.call_tool(NOBODY, call, NO_CONTEXT)
    except Overloaded as error:
        return error


async def test_a_body_over_the_bound_is_refused_unread() -> None:
    with served("--max-body", "2000") as at:
        async with httpx.AsyncClient() as client:

            async def sent(body: bytes) -> httpx.Response:
                return await client.post(f"{at.url}/mcp", content=body, headers={"accept": BOTH})

            fits = json.dumps(call("whoami")).encode()
            assert (await sent(fits)).status_code == 200
            refused = await sent(fits + b" " * 2000)
            assert refused.status_code == 413
            assert refused.json()["error"]["data"]["code"] == "too_large"


async def test_bodies_on_their_way_are_bounded_together() -> None:
    bodies = Bodies(most=100, together=150)
    first = receiving([b"x" * 90, b"x" * 10])
    reading = asyncio.create_task(bodies.read(first.__anext__))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as caught:
        await bodies.read(receiving([b"x" * 70]).__anext__)
    assert caught.value.retry_after
    assert await reading == b"x" * 100
    assert await bodies.read(receiving([b"x" * 70]).__anext__) == b"x" * 70
    with pytest.raises(TooLarge):
        await bodies.read(receiving([b"x" * 101]).__anext__)


async def receiving(chunks: list[bytes]) -> AsyncGenerator[dict[str, Any], None]:
    """A request whose body comes in pieces, with a pause after each."""
    for chunk in chunks:
        yield {"type": "http.request", "body": chunk, "more_body": chunk is not chunks[-1]}
        await asyncio.sleep(0)
        await asyncio.sleep(0)
