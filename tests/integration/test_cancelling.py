"""Who gives up a call stops it: over every transport the tool itself is cancelled, and at the deadline too."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.backends.pool import Backends
from gateway.core.spec import GrpcSpec, HttpSpec, Spec
from tests.integration.scripted_tools import ADA
from tests.integration.test_backends import IN_TIME, backends, call, free_port, python, stdio
from toolward.errors import DeadlineExceeded
from toolward.types import CallContext, Progress, ToolCall

MODULE = "tests.servers.callee"


def over_http() -> HttpSpec:
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    start = python("-m", MODULE, "--http", f"127.0.0.1:{port}")
    return HttpSpec(name="it", address=url, url=url, start=start)


def over_grpc() -> GrpcSpec:
    target = f"127.0.0.1:{free_port()}"
    return GrpcSpec(name="it", address=target, target=target, start=python("-m", MODULE, "--grpc", target))


TRANSPORTS: dict[str, Callable[[], Spec]] = {
    "stdio": lambda: stdio("it", "-m", MODULE),
    "http": over_http,
    "grpc": over_grpc,
}


async def counted(pool: Backends, what: str) -> int:
    found = await call(pool, "it", "how_often", b'{"what": "%s"}' % what.encode())
    return int(found.text)


async def until_counted(pool: Backends, what: str) -> None:
    async with asyncio.timeout(IN_TIME):
        while await counted(pool, what) == 0:  # noqa: ASYNC110 -- the server is another process
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_cancelled_call_and_a_late_one_are_cancelled_over_there(
    tmp_path: Path, transport: str
) -> None:
    async with backends(tmp_path, TRANSPORTS[transport]()) as pool:
        for what, listens in (("plain", False), ("watched", True)):
            progress: Callable[[Progress], None] | None = (lambda _: None) if listens else None
            arguments = b'{"what": "%s"}' % what.encode()
            waiting = asyncio.create_task(
                pool.call("it", ADA, ToolCall("wait", arguments), CallContext(timeout=60, progress=progress))
            )
            await until_counted(pool, f"began {what}")
            assert await counted(pool, what) == 0
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await until_counted(pool, what)

        with pytest.raises(DeadlineExceeded):
            await call(pool, "it", "wait", b'{"what": "late"}', within=0.5)
        if await counted(pool, "began late"):  # where the machine was slow it may not have begun
            await until_counted(pool, "late")
