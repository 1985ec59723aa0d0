"""Processes that are forked from one that has everything imported: a life of the gateway, and the tools'."""

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import msgspec

from gateway.agent.context import messages
from gateway.agent.state import fold
from gateway.core.ports import Listing
from gateway.runs.runner import Runs
from tests.chaos.house import ADA, opened
from tests.chaos.ledger import PointedLedger
from tests.chaos.points import Points
from tests.chaos.scenarios import Scenario
from tests.chaos.tools import SOCKET, serve
from toolward.types import EVERY_RUN, RunEvent

LONGEST = 60
"""Seconds that a life may take."""

END = "end.json"


class EndOfRun(msgspec.Struct):
    """What must be the same whatever happened in between. `told` is what the model would see."""

    state: str
    answer: str
    error: str
    turns: int
    calls: int
    told: list[Any]
    made: dict[str, int]  # how often each call was, by its id
    types: list[str]  # of its events: these may differ


class End(msgspec.Struct):
    runs: list[EndOfRun]
    points: list[str]


class Life(NamedTuple):
    """`killed` is the signal that ended it, 0 where it came to its end."""

    killed: int
    seconds: float


def fork(work: Callable[[], Coroutine[Any, Any, None]], log: Path) -> int:
    """A child that does this and ends; its id. It fails with status 1, or by SIGALRM after LONGEST, and says why in
    the log."""
    pid = os.fork()
    if pid == 0:
        _child(work, log)
    return pid


def _child(work: Callable[[], Coroutine[Any, Any, None]], log: Path) -> NoReturn:
    status = 1
    try:
        with log.open("a", encoding="utf-8") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        sys.stderr = sys.stdout = os.fdopen(2, "w", buffering=1, closefd=False)
        faulthandler.enable(file=2)
        _end_after(LONGEST)
        asyncio.run(work())
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _end_after(seconds: float) -> None:
    """By SIGALRM, which says first where its thread stands. (Looking at threads that run, as
    `faulthandler.dump_traceback_later` does, ended one life of fifty by SIGSEGV.)"""
    faulthandler.register(signal.SIGALRM, file=2, all_threads=False, chain=True)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def ready() -> None:
    """Call before the first fork: what is there is not looked at again by each child's collector."""
    gc.collect()
    gc.freeze()


def waited(pid: int) -> int:
    """How it ended: the signal, or the status as a negative number where it is not 0."""
    _, status = os.waitpid(pid, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


class ToolsProcess:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pid = 0

    def start(self) -> None:
        """If it does not run. Returns when it listens."""
        if self._pid and (self._folder / SOCKET).exists():
            return
        if self._pid:
            os.waitpid(self._pid, 0)
        self._pid = fork(lambda: serve(self._folder), self._folder / "tools.log")
        until = time.monotonic() + LONGEST
        while not (self._folder / SOCKET).exists():
            assert time.monotonic() < until, "the tools' process does not start"
            time.sleep(0.002)

    def stop(self) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        self._pid = 0


def start_life(
    folder: Path, listings: tuple[Listing, ...], scenario: Scenario, points: Points, **options: float
) -> int:
    async def work() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
        with suppress(asyncio.CancelledError):
            await live()

    async def live() -> None:
        async with opened(folder, listings, scenario.replies, points, **options) as runs:
            if scenario.hasty:
                PointedLedger.hears = scenario.story(runs, folder, "").reply
            await runs.resume_unfinished()
            run = await runs.start_run(ADA, "support", f"Please do this: {scenario.name}.", key="start")
            await scenario.story(runs, folder, run.id).live()
            ends = await all_ends(runs)
        (folder / END).write_bytes(msgspec.json.encode(End(ends, points.names)))

    return fork(work, folder / "gateway.log")


async def all_ends(runs: Runs) -> list[EndOfRun]:
    """Oldest first."""
    page = await runs.list_runs(ADA, size=50, only=EVERY_RUN)
    return [_end([event async for event in runs.watch_run(ADA, run.id)]) for run in reversed(page.runs)]


def _end(events: list[Any]) -> EndOfRun:
    assert all(isinstance(event, RunEvent) for event in events)
    state = fold(events)
    run = state.run
    told = [msgspec.to_builtins(message) for message in messages(state)]
    return EndOfRun(
        run.state.value,
        run.answer,
        run.error_code,
        run.turns,
        run.calls,
        told,
        dict(Counter(event.data["call_id"] for event in events if event.type == "tool_called")),
        [event.type for event in events],
    )
