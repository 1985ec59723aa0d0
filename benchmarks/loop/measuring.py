"""The side of a participant: it takes orders on its input, and says on its output what they cost it.

Ours and the peers' processes both import this, so it stands on the standard library alone.
"""

import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

RunOne = Callable[[int], Awaitable[str]]
"""One run of so many turns, to its answer."""


async def obey(run: RunOne) -> None:
    """An order is a line: `{"turns": 10, "runs": 5, "at_once": 1}`; {} ends it. Raises RuntimeError where an answer
    is not the scripted one."""
    loop = asyncio.get_running_loop()
    _say({"ready": True})
    while order := json.loads(await loop.run_in_executor(None, sys.stdin.readline) or "{}"):
        gc.collect()
        used, began = _cpu(), time.perf_counter()
        await _runs(run, **order)
        wall, cpu = time.perf_counter() - began, _cpu() - used
        turns = order["turns"] * order["runs"]
        _say({"cpu_ms": cpu * 1e3 / turns, "wall_ms": wall * 1e3 / turns, "turns": turns})


async def _runs(run: RunOne, turns: int, runs: int, at_once: int) -> None:
    slots = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with slots:
            answer = await run(turns)
        if answer != f"After {turns} turns: all were shipped.":
            raise RuntimeError(f"not the scripted answer: {answer[:300]!r}")

    await asyncio.gather(*(one() for _ in range(runs)))


def _cpu() -> float:
    """Of this process, all its threads, in user and kernel mode."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
