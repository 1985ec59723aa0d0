"""One gRPC backend that is several servers: calls go to each in turn, and one that dies takes none with it that may
be made again."""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway.backends.pool import Backends
from gateway.core.catalog import ToolFacts, build_catalog
from gateway.core.dispatch import Dispatch
from gateway.core.policy import bind
from gateway.core.spec import GrpcSpec
from tests.integration.scripted_tools import ADA
from tests.integration.test_backends import REPOSITORY, ask, backends, free_port, listing
from tests.policies import policy
from tests.twins import TwinClock, TwinIds, TwinLedger
from toolward.types import CallContext, ToolCall, ToolResult

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is not there by itself")

IN_TIME = 60.0


@asynccontextmanager
async def serving(address: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.servers.moody", "--grpc", address),
        cwd=REPOSITORY,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(IN_TIME):
            assert b"gRPC at" in await process.stderr.readline()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def two(port: int) -> AsyncGenerator[list[asyncio.subprocess.Process]]:
    async with AsyncExitStack() as stack:
        addresses = (f"127.0.0.1:{port}", f"127.0.0.2:{port}")
        yield [await stack.enter_async_context(serving(address)) for address in addresses]


def spec(target: str) -> GrpcSpec:
    return GrpcSpec(name="it", address=target, target=target)


async def answering(pool: Backends, *, count: int) -> set[int]:
    """The processes that answered, asked until there were so many different ones."""
    pids: set[int] = set()
    async with asyncio.timeout(IN_TIME):
        while len(pids) < count:
            pids.add((await ask(pool, "it", "pid"))["pid"])
    return pids


async def test_each_address_gets_calls_and_one_that_dies_fails_none_that_may_be_repeated(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with two(port) as (first, second):
        target = f"ipv4:127.0.0.1:{port},127.0.0.2:{port}"
        async with backends(tmp_path, spec(target)) as pool:
            assert listing(pool, "it").problem == ""
            assert await answering(pool, count=2) == {first.pid, second.pid}

            # Waits as they are in life: at once, all attempts might meet the connection that is just breaking.
            dispatch = Dispatch(pool, TwinLedger(), TwinClock(), TwinIds(), draw=lambda: 0.9)
            catalog = build_catalog(pool.listings(), {"it.pid": ToolFacts(changes=False)})
            rules = policy("version: 1\nrules: [{id: all, tools: ['it.*'], effect: allow}]")
            dispatch.replace(catalog, bind(rules, catalog))

            async def one() -> str:
                outcome = await dispatch.call_tool(ADA, ToolCall("it.pid", b"{}"), CallContext(timeout=30))
                assert isinstance(outcome, ToolResult)
                return outcome.text

            # Ten retries are saved: few enough calls that each of the lost ones may be made again twice.
            calls = [asyncio.create_task(one()) for _ in range(10)]
            first.kill()
            await first.wait()
            calls += [asyncio.create_task(one()) for _ in range(10)]
            assert all(await asyncio.gather(*calls))
            assert await answering(pool, count=1) == {second.pid}

            async with serving(f"127.0.0.1:{port}") as third:  # in its place
                assert await answering(pool, count=2) == {second.pid, third.pid}


async def test_a_name_is_looked_up(tmp_path: Path) -> None:
    port = free_port()
    known = {info[4][0] for info in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
    assert "127.0.0.1" in known
    async with (
        serving(f"127.0.0.1:{port}") as server,
        backends(tmp_path, spec(f"dns:///localhost:{port}")) as pool,
    ):
        assert listing(pool, "it").problem == ""
        assert await answering(pool, count=1) == {server.pid}
