"""Warm worker processes, one call at a time each, and a spare one."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, TypeVar

import msgspec

from toolservers.workers.messages import HEADER, Reply
from toolservers.workers.process import Ended, WorkerProcess, request_bytes
from toolservers.workers.work import Crashed, TookTooLong, TookTooMuchMemory, Work
from toolward.errors import Internal, Overloaded, ToolError, Unavailable

log = logging.getLogger(__name__)

AnswerT = TypeVar("AnswerT")

_QUIET_SECONDS = 1.0  # the server answers its first questions before anything is started, unless a call comes
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0  # seconds between attempts to start what does not start


class _Waiting(NamedTuple):
    operation: str
    worker: asyncio.Future[WorkerProcess]


class _Call(NamedTuple):
    operation: str
    request: bytes
    attached: bytes | None
    seconds: float


class Pool:
    """Works elsewhere: `call` sends a name and arguments, and brings back the answer or the refusal."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._limits = work.limits
        self._calls = 0
        self._wanted = asyncio.Event()
        self._workers: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._waiting: deque[_Waiting] = deque()
        self._trouble = ""

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers]

    async def call(
        self,
        operation: str,
        arguments: dict[str, Any],
        answer: type[AnswerT],
        attached: bytes | None = None,
        seconds: float | None = None,
    ) -> AnswerT:
        """The operation's answer; what is `attached` it gets as `data`. `seconds` may be less than the limit.

        Raises ToolError for what the operation refuses, TookTooLong and TookTooMuchMemory, Crashed, Overloaded
        where too many wait, Unavailable where there is no worker to do it."""
        request, most = request_bytes(operation, arguments, attached), self._limits.max_message
        if len(request) - HEADER > most:
            raise ToolError(
                f"The arguments have {len(request):,} bytes, and at most {most:,} are taken; send less at once."
            )
        longest = self._limits.call_seconds
        call = _Call(operation, request, attached, longest if seconds is None else min(seconds, longest))
        try:
            reply = await self._on_a_worker(call)
        except Ended:  # somebody killed it from outside, perhaps before it was asked
            reply = await self._on_a_worker(call, again=True)
        return self._answer_of(reply, operation, answer)

    async def _on_a_worker(self, call: _Call, *, again: bool = False) -> Reply:
        """Raises Ended where it was killed and this is not `again`."""
        worker = await self._take(call.operation)
        try:
            return await self._ask(worker, call)
        except Ended as ended:
            if ended.out_of_memory:
                raise TookTooMuchMemory(self._limits.max_memory, self._work.less) from None
            log.error("the worker %d of %s ended in a call: %s", worker.pid, self._work.name, ended)
            if ended.killed and not again:
                raise
            raise Crashed(str(ended)) from None
        finally:
            self._give_back(worker)

    async def _ask(self, worker: WorkerProcess, call: _Call) -> Reply:
        """Whatever ends this early ends the worker, which is then at something that nobody wants."""
        try:
            async with asyncio.timeout(call.seconds):
                return await worker.call(call.request, call.attached)
        except TimeoutError:
            worker.kill()
            raise TookTooLong(call.seconds, self._work.less) from None
        except asyncio.CancelledError:
            worker.kill()
            raise

    async def _take(self, operation: str) -> WorkerProcess:
        """A worker that has the operation loaded; in the order of asking, except that none waits for a worker
        that could not do its operation yet."""
        self._calls += 1
        self._wanted.set()
        if len(self._waiting) >= self._limits.max_waiting:
            raise Overloaded(
                f"{self._limits.max_waiting} calls wait for their turn, which is the limit.",
                hint="Ask again in a second.",
                retry_after=1.0,
            )
        if self._trouble and not self._workers:
            raise _no_worker(self._trouble)
        waiting = _Waiting(operation, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._match()
        try:
            return await waiting.worker
        except asyncio.CancelledError:
            if waiting.worker.done() and not waiting.worker.cancelled() and not waiting.worker.exception():
                self._give_back(waiting.worker.result())  # it got one just when it gave up
            raise
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def _give_back(self, worker: WorkerProcess) -> None:
        self._busy.discard(worker)
        self._match()

    def _match(self) -> None:
        """Bring those who wait and the workers that are free together."""
        for waiting in list(self._waiting):
            if len(self._busy) >= self._limits.at_once:
                return
            free = (one for one in self._workers if one not in self._busy and not one.stopping)
            worker = next((one for one in free if waiting.operation in one.loaded), None)
            if worker is not None and not waiting.worker.done():
                self._busy.add(worker)
                waiting.worker.set_result(worker)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Pool"]:
        """While this is open, calls can be made. The processes start in the background."""
        keepers = asyncio.create_task(self._keep(), name=f"{self._work.name}'s workers")
        try:
            yield self
        finally:
            keepers.cancel()
            await asyncio.gather(keepers, return_exceptions=True)

    async def _keep(self) -> None:
        """The first starts when it is asked for or the server has been quiet for a while. The others follow with
        the first call, each when the one before it is warm: together they would keep that caller waiting, and a
        server that nobody calls has one process."""
        quiet = _QUIET_SECONDS if self._limits.idle_seconds is None else None
        with suppress(TimeoutError):
            async with asyncio.timeout(quiet):
                await self._wanted.wait()
        async with asyncio.TaskGroup() as places:
            for _ in range(self._limits.workers):
                warm = asyncio.Event()
                places.create_task(self._keep_place(warm))
                await warm.wait()
                await self._wanted.wait()

    async def _keep_place(self, warm: asyncio.Event) -> None:
        """One worker after another at this place; what fails by itself is tried again after a pause that grows."""
        pause = _FIRST_PAUSE
        while True:
            try:
                if await self._one_life(warm):
                    pause = _FIRST_PAUSE
                    if self._limits.idle_seconds is not None:
                        await self._wanted.wait()
                    continue
            except Exception:  # a bug of ours: the other places and the next worker go on
                log.exception("a place of %s's workers failed", self._work.name)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _one_life(self, warm: asyncio.Event) -> bool:
        """Of a worker, until it has ended. False where it ended without having been asked anything."""
        try:
            worker = await WorkerProcess.start(self._work, self._match)
        except (OSError, RuntimeError) as error:  # RuntimeError: no thread to wait for it
            self._fail(f"no process can be started: {getattr(error, 'strerror', None) or error}")
            return False
        self._workers.append(worker)
        try:
            async with asyncio.timeout(self._limits.start_seconds):
                await worker.wait_loaded(all_of_it=False)
                self._trouble = ""
                await worker.wait_loaded(all_of_it=True)
            warm.set()
            await self._until_idle(worker)
        except TimeoutError:
            self._fail(f"it was not ready within {self._limits.start_seconds:g} s")
        except Ended as ended:
            if not worker.loaded:
                self._fail(f"it ended before it was ready: {ended}")
        finally:
            self._workers.remove(worker)
            worker.kill()
            await worker.wait()
        return worker.asked

    async def _until_idle(self, worker: WorkerProcess) -> None:
        """Or until it has ended by itself."""
        while True:
            calls = self._calls
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.idle_seconds):
                    await worker.wait()
                    return
            if calls == self._calls and worker not in self._busy and not self._waiting:
                self._wanted.clear()
                return

    def _fail(self, trouble: str) -> None:
        log.error("%s's worker: %s", self._work.name, trouble)
        self._trouble = trouble
        if any(worker.loaded for worker in self._workers):
            return  # the others go on
        for waiting in self._waiting:
            if not waiting.worker.done():
                waiting.worker.set_exception(_no_worker(trouble))

    def _answer_of(self, reply: Reply, operation: str, answer: type[AnswerT]) -> AnswerT:
        match reply.kind:
            case "result":
                return msgspec.json.decode(reply.result, type=answer)
            case "refused":
                raise ToolError(reply.text)
            case "memory":
                raise TookTooMuchMemory(self._limits.max_memory, self._work.less)
            case "unavailable":
                raise Unavailable(f"{operation} cannot be done here: {reply.text}.", hint=self._work.install)
            case _:
                log.error("%s failed in %s's worker: %s", operation, self._work.name, reply.text)
                raise Internal(f"{operation} failed inside.", hint="The server's log says why.")


def _no_worker(trouble: str) -> Unavailable:
    return Unavailable(
        f"There is no process to work in: {trouble}.",
        hint="The server's log says more; it is tried again by itself.",
    )
