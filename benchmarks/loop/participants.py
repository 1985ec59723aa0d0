"""The processes of a measurement: the scripted endpoint and the tool server on one processor, who is measured on
another, each a process of its own."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks import peers

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OURS = ("ours", "bare")
PEERS = ("pydantic-ai", "openai-agents", "langchain")

_PROCESSORS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


class Participant:
    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process

    async def do(self, **order: int) -> dict[str, Any]:
        """What it cost. Raises RuntimeError when it ended instead."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self.said()

    async def said(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended: {await self._process.wait()}")
        return json.loads(line)


@asynccontextmanager
async def process(*command: str, measured: bool) -> AsyncGenerator[asyncio.subprocess.Process, None]:
    """Ended by the end of its input, or by force."""
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=_environment(), stdin=pipe, stdout=pipe, stderr=_errors()
    )
    if len(_PROCESSORS) > 1:
        os.sched_setaffinity(started.pid, _PROCESSORS[-1:] if measured else _PROCESSORS[:1])
    try:
        yield started
    finally:
        assert started.stdin is not None
        started.stdin.close()
        if not measured:
            started.terminate()
        try:
            await asyncio.wait_for(started.wait(), 10)
        except TimeoutError:
            with suppress(ProcessLookupError):
                started.kill()
            await started.wait()


@asynccontextmanager
async def server(module: str, *arguments: str) -> AsyncGenerator[str, None]:
    """Its URL, without a path."""
    command = (sys.executable, "-m", f"benchmarks.loop.{module}", *arguments)
    async with process(*command, measured=False) as started:
        assert started.stdout is not None
        yield f"http://127.0.0.1:{int(await started.stdout.readline())}"


@asynccontextmanager
async def participant(name: str, endpoint: str, tools: str) -> AsyncGenerator[Participant, None]:
    urls = f"{endpoint}/v1", f"{tools}/mcp"
    if name in OURS:
        command = (sys.executable, "-m", f"benchmarks.loop.{name}", *urls)
    else:
        command = (str(peers.python(name)), str(HERE / "peers.py"), name, *urls)
    async with process(*command, measured=True) as started:
        made = Participant(name, started)
        await made.said()  # that it is ready
        yield made


def install(name: str) -> None:
    """A peer's environment, with the versions of `peers/NAME.txt`. Raises CalledProcessError."""
    peers.install(_pinned(name))


def version(name: str) -> str:
    """Of a peer: what is pinned."""
    return peers.version(_pinned(name), {"pydantic-ai": "pydantic-ai-slim"}.get(name, name))


def _pinned(name: str) -> Path:
    return HERE / "peers" / f"{name}.txt"


def _environment() -> dict[str, str]:
    """Compiled code is kept, and nothing of the user's reaches anybody."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _errors() -> int | None:
    return None if os.environ.get("TOOLWARD_BENCH_ERRORS") else subprocess.DEVNULL
