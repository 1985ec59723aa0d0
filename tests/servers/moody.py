"""A server that crashes, hangs and has children of its own when it is asked to. It notes each start in the file
that STARTS names."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from toolward.kit import ToolServer
from toolward.kit.command import run

server: ToolServer[Any] = ToolServer("moody")


@server.tool
async def pid() -> dict[str, int]:
    """The number of this process."""
    return {"pid": os.getpid()}


@server.tool
async def variables() -> dict[str, str]:
    """The environment."""
    return dict(os.environ)


@server.tool
async def die() -> str:
    """End at once."""
    print("the disk is on fire", file=sys.stderr, flush=True)
    os._exit(9)


@server.tool
async def hang() -> str:
    """Never answer."""
    await asyncio.Event().wait()
    return "never"


@server.tool
async def stubborn_child() -> dict[str, int]:
    """Start a process that does not listen to SIGTERM."""
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    script = f"import signal, time; {deaf}; print('ready', flush=True); time.sleep(600)"
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdin=null, stdout=pipe)
    assert child.stdout is not None
    await child.stdout.readline()
    return {"pid": child.pid}


if __name__ == "__main__":
    if starts := os.environ.get("STARTS"):
        with Path(starts).open("a") as file:
            file.write(f"{os.getpid()}\n")
    run(server)
