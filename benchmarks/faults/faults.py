"""What goes wrong, and the gateway in which it does: a real one, with two healthy backends and one that is not."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.doors.servers import free_port
from gateway.bootstrap import Gateway, local_person, open_gateway
from gateway.config.parse import read_settings
from toolward.errors import ToolwardError
from toolward.types import CallContext, ToolCall

ROOT = Path(__file__).parents[2]
HEALTHY = ("stdio", "http")
STARTING = 60.0  # seconds

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
policies: [policy.yaml]
backends:
  stdio:
    command: [{python}, -m, tests.servers.fixture]
    cwd: {root}
    facts: {{add: {{changes: false}}}}
  http:
    url: http://127.0.0.1:{port}/mcp
    start: [{python}, -m, tests.servers.fixture, --http, "127.0.0.1:{port}"]
    cwd: {root}
    facts: {{add: {{changes: false}}}}
  bad:
    command: [{python}, -m, {module}]
    cwd: {root}
    env: {env}
    timeout: 1
    concurrency: 8
    queue: 16
"""
POLICY = "version: 1\nrules: [{id: all, tools: ['*'], effect: allow}]\n"


class Fault(NamedTuple):
    """A tool of the server `module`, called again and again by so many callers, with a pause in seconds."""

    name: str
    module: str
    tool: str
    arguments: bytes = b"{}"
    env: Mapping[str, str] = {}
    callers: int = 20
    pause: float = 0.05  # a refused call costs nothing: without it the callers were the fault


LYING, LEAKING = "tests.servers.lying", "tests.servers.leaking"

FAULTS = (
    Fault("hangs", LYING, "hang"),
    Fault("crashes in a call", LYING, "crash"),
    Fault("answers garbage", LYING, "garbage"),
    Fault("answers another request", LYING, "other_id"),
    Fault("10,000 tools that change", LYING, "change", env={"MANY": "10000"}),
    Fault("a result of 200 MB", LYING, "huge"),
    Fault("notifications without end", LYING, "notify"),
    Fault("stderr without end", LYING, "shout"),
    Fault("leaves processes behind", LEAKING, "leak", b'{"how": "daemon"}', callers=1, pause=0.2),
)


@asynccontextmanager
async def beside(fault: Fault, folder: Path) -> AsyncGenerator[Gateway]:
    """A gateway with the healthy backends and the one of this fault."""
    environment = {"PYTHONPATH": str(ROOT), **fault.env}
    written = ", ".join(f'{name}: "{value}"' for name, value in environment.items())
    text = CONFIG.format(
        python=sys.executable, root=ROOT, port=free_port(), module=fault.module, env=f"{{{written}}}"
    )
    settings = read_settings(_written(folder, text))
    async with open_gateway(settings, folder / "home", environment={}) as gateway:
        async with asyncio.timeout(STARTING):
            while not _all_well(gateway):  # noqa: ASYNC110 -- waits only where the machine is very busy
                await asyncio.sleep(0.1)
        yield gateway


def _all_well(gateway: Gateway) -> bool:
    return all(gateway.dispatch.catalog.backends[name].tools for name in HEALTHY)


def _written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    config = folder / "toolward.yaml"
    config.write_text(text, encoding="utf-8")
    return config


@asynccontextmanager
async def happening(gateway: Gateway, fault: Fault) -> AsyncGenerator[None]:
    """The fault, while this is open."""
    tasks = [asyncio.create_task(_again_and_again(gateway, fault)) for _ in range(fault.callers)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _again_and_again(gateway: Gateway, fault: Fault) -> None:
    while True:
        with suppress(ToolwardError):
            await call(gateway, f"bad.{fault.tool}", fault.arguments)
        await asyncio.sleep(fault.pause)


async def call(gateway: Gateway, tool: str, arguments: bytes) -> None:
    person = local_person(gateway.settings)
    await gateway.dispatch.call_tool(person, ToolCall(tool, arguments), CallContext(timeout=30))
