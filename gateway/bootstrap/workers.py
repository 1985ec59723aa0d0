"""Processes that do one gateway's work, kept alive by this one: spawned (never forked, for there are threads and
gRPC here), started again when they end, stopped with it.

A worker ends with its supervisor, however that dies: the end of its standard input tells it, and on Linux the
kernel kills it.
"""

import asyncio
import logging
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec

from gateway.bootstrap.handover import MAX_LINE, Go, Handover, Report, line
from toolward.errors import ConfigurationError, Unavailable

log = logging.getLogger(__name__)


class WorkerTiming(msgspec.Struct, frozen=True):
    """Seconds. A worker has `ready` to begin, and `stop` to end after SIGTERM: more than the calls in work have at
    its doors. One that ends is started again after `first_wait`, doubled up to `longest_wait` unless it had held
    for `steady`."""

    ready: float = 60.0
    stop: float = 30.0
    first_wait: float = 0.1
    longest_wait: float = 10.0
    steady: float = 10.0


class Workers:
    """Entering it starts `count` workers by `command`, and returns when all are ready. Leaving it stops them."""

    def __init__(
        self,
        command: Sequence[str],
        handover: Callable[[int], Handover],
        count: int,
        timing: WorkerTiming | None = None,
    ) -> None:
        """`handover` is for the worker of a number, from 1 on."""
        self._command, self._handover, self._count = command, handover, count
        self._timing = timing or WorkerTiming()
        self._processes: dict[int, Process] = {}
        self._ready: dict[int, Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._going = self._says = False
        self.reports: dict[int, Report] = {}

    async def __aenter__(self) -> Self:
        """Raises ConfigurationError or Unavailable, with what a worker said, when one does not come up."""
        numbers = range(1, self._count + 1)
        try:
            started = [asyncio.create_task(self._start(number)) for number in numbers]
            try:
                await asyncio.gather(*started)
            finally:
                for one in started:
                    one.cancel()
                await asyncio.wait(started)
        except BaseException:
            await self._stop()
            raise
        self._keepers = [
            asyncio.create_task(self._keep(number), name=f"worker {number}") for number in numbers
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def go(self, *, says: bool) -> None:
        """All are ready: they may take up what was left. `says` is whether the first is to tell people what
        runs."""
        self._going, self._says = True, says
        for number, process in self._ready.items():
            one = says and number == 1
            _tell(process, Go(says=one, tells=one))

    def pass_on(self, number: signal.Signals) -> None:
        """To every worker that is ready: one that still begins would be ended by it, and reads everything anew."""
        for process in self._ready.values():
            _signal(process, number)

    async def _start(self, number: int) -> Process:
        """A worker that is ready. Raises ConfigurationError, Unavailable."""
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, start_new_session=True, limit=MAX_LINE
        )
        self._processes[number] = process
        _tell(process, self._handover(number))
        report = await self._report(number, process)
        self._ready[number] = process
        self.reports[number] = report
        if self._going:
            _tell(process, Go(tells=self._says and number == 1))
        return process

    async def _report(self, number: int, process: Process) -> Report:
        assert process.stdout is not None  # noqa: S101 -- says to the type checker what `_start` does
        try:
            async with asyncio.timeout(self._timing.ready):
                said = await process.stdout.readline()
            report = msgspec.json.decode(said, type=Report)
        except TimeoutError:
            await self._kill(process, after=0)
            raise Unavailable(
                f"Worker {number} was not ready within {self._timing.ready:g} s.", hint="Its log has more."
            ) from None
        except (ValueError, msgspec.DecodeError):
            await self._kill(process)
            raise Unavailable(
                f"Worker {number} {_how(process)} before it was ready.", hint="Its log has more."
            ) from None
        if report.error:
            await self._kill(process)
            raise ConfigurationError(report.error, hint=report.hint)
        return report

    async def _keep(self, number: int) -> None:
        """One worker after another, until this is cancelled."""
        now, timing, failures = asyncio.get_running_loop().time, self._timing, 0
        while True:
            process, since = self._ready.get(number), now()
            if process is not None:
                await process.wait()
                del self._ready[number]
                log.error(
                    "worker %d (process %d) %s; it is started again", number, process.pid, _how(process)
                )
            failures = 0 if process is not None and now() - since > timing.steady else failures + 1
            await asyncio.sleep(min(timing.longest_wait, timing.first_wait * 2 ** min(failures, 20)))
            try:
                started = await self._start(number)
                log.warning("worker %d is back (process %d)", number, started.pid)
            except (ConfigurationError, Unavailable, OSError) as error:
                log.error("worker %d does not come up: %s", number, getattr(error, "text", error))

    async def _stop(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        if self._keepers:
            await asyncio.wait(self._keepers)
        for process in self._processes.values():
            _signal(process, signal.SIGTERM)
        try:
            ends = [asyncio.create_task(one.wait()) for one in self._processes.values()]
            if ends:
                await asyncio.wait(ends, timeout=self._timing.stop)
        finally:
            for process in self._processes.values():
                _signal(process, signal.SIGKILL)
        for process in self._processes.values():
            await process.wait()

    async def _kill(self, process: Process, after: float = 1.0) -> None:
        """Where it has not ended by itself, as one does that said why; it has `after` seconds for that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(after):
                await process.wait()
        _signal(process, signal.SIGKILL)
        await process.wait()


def _tell(process: Process, said: msgspec.Struct) -> None:
    """One that has ended hears nothing; that it has is seen elsewhere."""
    if process.stdin is not None:
        process.stdin.write(line(said))


def _signal(process: Process, number: signal.Signals) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(number)


def _how(process: Process) -> str:
    code = process.returncode
    if code is None:
        return "said nothing that can be read"
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
