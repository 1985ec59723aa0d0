"""The servers under load: each a process of its own, on a processor of its own where there are two."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

HERE = Path(__file__).parent
STARTING = 20.0  # seconds

_PROCESSORS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin_here() -> None:
    """Leave the last processor to the servers."""
    if len(_PROCESSORS) > 1:
        os.sched_setaffinity(0, _PROCESSORS[:-1])


def pin(pid: int) -> None:
    if len(_PROCESSORS) > 1:
        os.sched_setaffinity(pid, _PROCESSORS[-1:])


def command(script: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(HERE / script), *arguments)


def environment() -> dict[str, str]:
    """Ours without what would slow one side alone: code that is not compiled, a token to check."""
    left_out = ("PYTHONDONTWRITEBYTECODE", "TOOLWARD_TOKEN")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    root = str(HERE.parents[1])
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def on_port(script: str, *arguments: str, port: int) -> AsyncGenerator[int, None]:
    """A server that listens at `port`; gives its process id."""
    process = await asyncio.create_subprocess_exec(
        *command(script, *arguments), env=environment(), stderr=asyncio.subprocess.DEVNULL
    )
    pin(process.pid)
    try:
        await _listening(port)
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _listening(port: int) -> None:
    until = time.monotonic() + STARTING
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def cpu_seconds(pid: int) -> float:
    """Of all its threads, in user and kernel mode."""
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system
