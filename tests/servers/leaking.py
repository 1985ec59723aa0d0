"""A server that leaves processes behind, in every way that there is, and has bombs."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from toolward.kit import ToolServer
from toolward.kit.command import run

server: ToolServer[Any] = ToolServer("leaking")

LASTS = 120  # seconds; a test that fails leaves nothing for long


def _stay() -> None:
    """As somebody who does not listen, and holds none of the pipes."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    os.closerange(0, 256)
    time.sleep(LASTS)
    os._exit(0)


def _told(write: int) -> None:
    os.write(write, f"{os.getpid()}\n".encode())


def daemon(write: int) -> None:
    """Twice forked, in a session of its own, its parents gone."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            _told(write)
            _stay()
        os._exit(0)
    os.wait()


def family(write: int) -> None:
    """A child in a session of its own, with a child in one of its own."""
    if os.fork() == 0:
        os.setsid()
        _told(write)
        if os.fork() == 0:
            os.setsid()
            _told(write)
        _stay()


def bomb(write: int) -> None:
    """Forty processes that each replace themselves by a child, as fast as they can."""
    if os.fork() == 0:
        os.setsid()
        _told(write)
        for _ in range(40):
            if os.fork() == 0:
                break
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ends = time.monotonic() + LASTS
        while time.monotonic() < ends:
            if os.fork() != 0:
                os._exit(0)
        os._exit(0)


_WAYS = {way.__name__: way for way in (daemon, family, bomb)}


@server.tool
async def leak(how: str) -> dict[str, Any]:
    """Leave processes behind: daemon, family or bomb."""
    read, write = os.pipe()
    if (middle := os.fork()) == 0:
        _WAYS[how](write)
        os._exit(0)
    os.close(write)
    os.waitpid(middle, 0)  # noqa: ASYNC222 -- it has nothing to wait for
    count = 2 if how == "family" else 1
    said = b""
    while said.count(b"\n") < count:
        said += os.read(read, 4096)
    os.close(read)
    return {"pids": [int(word) for word in said.split()], "own": os.getpid()}


@server.tool
async def leave() -> str:
    """End with a word."""
    print("I am off", file=sys.stderr, flush=True)
    os._exit(7)


if __name__ == "__main__":
    if note := os.environ.get("NOTE"):
        Path(note).write_text(str(os.getpid()), encoding="utf-8")
    run(server)
