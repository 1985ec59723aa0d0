"""A server that is told to stop while many call it: what it began it ends, and who called hears of it."""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from tests.integration.scripted_tools import NOBODY
from tests.integration.served import BOTH, call, served
from toolward.client.grpc import GrpcClient
from toolward.errors import ToolwardError, Unavailable
from toolward.types import CallContext, ToolCall, ToolResult
from toolward.wire.errors import META_KEY, from_details

CALLERS = 12  # at each door
Work = Callable[[str], Awaitable[str]]


async def calling(work: Work, who: str, answered: list[str], begun: asyncio.Semaphore) -> Exception:
    """Call until it fails, and give the failure."""
    for number in itertools.count():
        name = f"{who}-{number}"
        try:
            assert await work(name) == name
        except (ToolwardError, httpx.HTTPError) as error:
            return error
        answered.append(name)
        begun.release()
    raise AssertionError


async def test_no_call_is_cut_off_and_no_answer_lost_when_a_busy_server_stops(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    answered: list[str] = []
    begun = asyncio.Semaphore(0)
    with served("--journal", str(journal), module="tests.servers.counting") as at:
        async with GrpcClient(at.grpc) as grpc, httpx.AsyncClient(limits=httpx.Limits()) as http:

            async def by_grpc(name: str) -> str:
                asked = ToolCall("work", json.dumps({"name": name}).encode())
                outcome = await grpc.call_tool(NOBODY, asked, CallContext(timeout=20))
                assert isinstance(outcome, ToolResult)
                return outcome.text

            async def by_http(name: str) -> str:
                message = call("work", name=name)
                reply = await http.post(f"{at.url}/mcp", json=message, headers={"accept": BOTH}, timeout=20)
                result = reply.json()["result"]
                if refused := from_details("", result.get("_meta", {}).get(META_KEY)):
                    raise refused
                return result["content"][0]["text"]

            callers = [
                asyncio.create_task(calling(work, f"{door}-{number}", answered, begun))
                for door, work in (("grpc", by_grpc), ("http", by_http))
                for number in range(CALLERS)
            ]
            for _ in range(10 * CALLERS):
                await begun.acquire()
            at.stop()
            failures = await asyncio.wait_for(asyncio.gather(*callers), 30)
            status = await asyncio.to_thread(at.process.wait, 20)
    assert status == 0
    assert all(isinstance(one, Unavailable | httpx.TransportError) for one in failures), failures
    refused = [one for one in failures if isinstance(one, Unavailable) and one.answered]
    assert all(one.retry_after == 1 for one in refused)
    rows = [row.split() for row in journal.read_text().splitlines()]
    began = {name for what, name in rows if what == "begin"}
    ended = {name for what, name in rows if what == "end"}
    assert began == ended == set(answered)
    assert {name.split("-")[0] for name in answered} == {"grpc", "http"}


async def test_calls_that_do_not_end_have_the_drain_once_and_not_at_every_door_again() -> None:
    """An orchestrator that waits somewhat longer than the drain would else kill the server, in the midst of what it
    does last."""
    drain = 5
    with served("--drain", str(drain)) as at:
        async with GrpcClient(at.grpc) as grpc, httpx.AsyncClient(timeout=60) as http:
            asked = ToolCall("wait", b'{"seconds": 60}')
            message, accepted = call("wait", seconds=60), {"accept": BOTH}
            calls: list[asyncio.Task[Any]] = [
                asyncio.create_task(grpc.call_tool(NOBODY, asked, CallContext(timeout=60))),
                asyncio.create_task(http.post(f"{at.url}/mcp", json=message, headers=accepted)),
            ]
            while "toolward_calls_in_work 2" not in (await http.get(f"{at.url}/metrics")).text:
                pass
            begun = time.monotonic()
            at.stop()
            status = await asyncio.to_thread(at.process.wait, 60)
            took = time.monotonic() - begun
            await asyncio.gather(*calls, return_exceptions=True)
    assert status == 0
    assert drain <= took < 2 * drain


def test_on_stdio_a_call_that_does_not_end_has_the_drain_that_was_set() -> None:
    """Its client leaves while it is in work."""
    said = json.dumps(call("wait", seconds=60)) + "\n"
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers.trusted", "--drain", "0"],
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert time.monotonic() - begun < 8
