"""Who leaves while an agent's tool works, over whichever door, has cancelled the run that nobody else knows of."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.bootstrap import Gateway, local_person, open_doors, open_gateway, secret_file
from gateway.config.parse import read_settings
from tests.endpoints import ScriptedEndpoint, says, scripted_endpoint
from tests.integration.served import BOTH, ENVELOPE
from toolward.client.grpc import GrpcClient
from toolward.doors.serve import Opened
from toolward.types import NO_CONTEXT, Principal, RunEvent, ToolCall

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
models: {default: {wire: openai_chat, base_url: URL, model: small}}
agents: [clerk.yaml]
"""
INPUT = {"input": "Take your time."}


@pytest.fixture(scope="module")
async def endpoint() -> AsyncGenerator[ScriptedEndpoint, None]:
    async with scripted_endpoint() as endpoint:
        endpoint.answer_with(lambda _: says("I am at it.").sent(then="stall", until=0.5))
        yield endpoint


@pytest.fixture(scope="module")
async def opened(
    endpoint: ScriptedEndpoint, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[tuple[Gateway, Opened], None]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    (folder / "clerk.yaml").write_text("{name: clerk, instructions: You help.}")
    (folder / "toolward.yaml").write_text(CONFIG.replace("URL", f"{endpoint.url}/v1"))
    async with AsyncExitStack() as stack:
        settings = read_settings(folder / "toolward.yaml")
        gateway = await stack.enter_async_context(open_gateway(settings, folder / "home", environment={}))
        yield gateway, await stack.enter_async_context(open_doors(gateway))


def over_http(at: Opened, token: str, *, modern: bool, listens: bool) -> Coroutine[Any, Any, Any]:
    name = "agents.clerk"
    meta: dict[str, Any] = {"progressToken": 1} if listens else {}
    headers = {"accept": BOTH, "authorization": f"Bearer {token}"}
    if modern:
        meta |= ENVELOPE
        headers |= {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": name}
    params = {"name": name, "arguments": INPUT, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return posted(f"http://{at.http}/mcp", body, headers)


async def posted(url: str, body: Any, headers: dict[str, str]) -> Any:
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(url, json=body, headers=headers)


async def over_grpc(at: Opened, token: str) -> Any:
    async with GrpcClient(str(at.grpc), token) as client:
        call = ToolCall("agents.clerk", b'{"input":"Take your time."}')
        return await client.call_tool(Principal(""), call, NO_CONTEXT)


@pytest.mark.parametrize("door", ["mcp legacy", "mcp modern", "mcp with progress", "rest", "grpc"])
async def test_a_lost_connection_cancels_the_run(
    opened: tuple[Gateway, Opened], endpoint: ScriptedEndpoint, door: str
) -> None:
    gateway, at = opened
    person, token = local_person(gateway.settings), secret_file(gateway.home).read_text()
    if door == "grpc":
        work = over_grpc(at, token)
    elif door == "rest":
        url = f"http://{at.http}/v1/tools/agents.clerk/calls"
        work = posted(url, INPUT, {"authorization": f"Bearer {token}"})
    else:
        work = over_http(at, token, modern=door != "mcp legacy", listens=door == "mcp with progress")
    endpoint.stalled.clear()
    calling = asyncio.create_task(work)
    await endpoint.stalled.wait()
    (run, *_) = (await gateway.runs.list_runs(person)).runs
    assert not run.state.ended
    calling.cancel()
    await asyncio.wait([calling])
    async with asyncio.timeout(20):
        news = [one async for one in gateway.runs.watch_run(person, run.id)]
    events = [one.type for one in news if isinstance(one, RunEvent)]
    assert events[-1] == "run_cancelled"
