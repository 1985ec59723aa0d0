"""Warm worker processes, one call at a time each, and a spare one."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, TypeVar

import msgspec

from toolservers.calculator import limits
from toolservers.calculator.worker.messages import HEADER, Reply
from toolservers.calculator.worker.process import Ended, WorkerProcess, request_bytes
from toolward.errors import Internal, Overloaded, ToolError, Unavailable

log = logging.getLogger(__name__)

AnswerT = TypeVar("AnswerT")

_QUIET_SECONDS = 1.0  # the server answers its first questions before anything is started, unless a call comes
_INSTALL = "Install it: pip install 'toolward[calculator]'."
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0  # seconds between attempts to start what does not start


class _Waiting(NamedTuple):
    operation: str
    worker: asyncio.Future[WorkerProcess]


class Pool:
    """Computes elsewhere: `call` sends a name and arguments, and brings back the answer or the refusal."""

    def __init__(self, table: str, *, seconds: float = limits.CALL_SECONDS) -> None:
        """`table` is the module whose OPERATIONS the workers have."""
        self._table = table
        self._seconds = seconds
        self._wanted = asyncio.Event()
        self._workers: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._waiting: deque[_Waiting] = deque()
        self._trouble = ""

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers]

    async def call(self, operation: str, arguments: dict[str, Any], answer: type[AnswerT]) -> AnswerT:
        """The operation's answer. Raises ToolError for what the operation refuses and for what is over a limit,
        Overloaded where too many wait, Unavailable where there is no worker to do it."""
        request = request_bytes(operation, arguments)
        if len(request) - HEADER > limits.MAX_MESSAGE:
            raise ToolError(
                f"The arguments have {len(request):,} bytes, and at most {limits.MAX_MESSAGE:,} are taken; "
                "send less at once."
            )
        try:
            reply = await self._on_a_worker(operation, request)
        except Ended:  # somebody killed it from outside, perhaps before it was asked
            reply = await self._on_a_worker(operation, request, again=True)
        return _answer_of(reply, operation, answer)

    async def _on_a_worker(self, operation: str, request: bytes, *, again: bool = False) -> Reply:
        """Raises Ended where it was killed and this is not `again`."""
        worker = await self._take(operation)
        try:
            return await self._ask(worker, request)
        except Ended as ended:
            if ended.out_of_memory:
                raise _out_of_memory() from None
            log.error("the worker %d of the calculator ended in a call: %s", worker.pid, ended)
            if ended.killed and not again:
                raise
            raise Unavailable(
                f"The process that computes ended in the middle of this call ({ended}); another takes its place.",
                hint="Ask once more; if it happens again, write it in another way.",
            ) from None
        finally:
            self._give_back(worker)

    async def _ask(self, worker: WorkerProcess, request: bytes) -> Reply:
        """Whatever ends this early ends the worker, which is then at something that nobody wants."""
        try:
            async with asyncio.timeout(self._seconds):
                return await worker.call(request)
        except TimeoutError:
            worker.kill()
            raise ToolError(
                f"This took longer than {self._seconds:g} s, which is the limit of time for one call, and was "
                "stopped. Ask for less at once: smaller numbers, fewer digits, or several calls."
            ) from None
        except asyncio.CancelledError:
            worker.kill()
            raise

    async def _take(self, operation: str) -> WorkerProcess:
        """A worker that has the operation loaded; in the order of asking, except that none waits for a worker
        that could not do its operation yet."""
        self._wanted.set()
        if len(self._waiting) >= limits.MAX_WAITING:
            raise Overloaded(
                f"{limits.MAX_WAITING} calls wait for their turn, which is the limit.",
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
            if len(self._busy) >= limits.AT_ONCE:
                return
            free = (one for one in self._workers if one not in self._busy and not one.stopping)
            worker = next((one for one in free if waiting.operation in one.loaded), None)
            if worker is not None and not waiting.worker.done():
                self._busy.add(worker)
                waiting.worker.set_result(worker)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Pool"]:
        """While this is open, calls can be made. The processes start in the background."""
        keepers = asyncio.create_task(self._keep(), name="the calculator's workers")
        try:
            yield self
        finally:
            keepers.cancel()
            await asyncio.gather(keepers, return_exceptions=True)

    async def _keep(self) -> None:
        """The first starts when it is asked for or the server has been quiet for a while. The others follow with
        the first call, each when the one before it is warm: together they would keep that caller waiting, and a
        server that nobody calls has one process."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_QUIET_SECONDS):
                await self._wanted.wait()
        async with asyncio.TaskGroup() as places:
            for _ in range(limits.WORKERS):
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
                    continue
            except Exception:  # a bug of ours: the other places and the next worker go on
                log.exception("a place of the calculator's workers failed")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _one_life(self, warm: asyncio.Event) -> bool:
        """Of a worker, until it has ended. False where it ended without having been asked anything."""
        try:
            worker = await WorkerProcess.start(self._table, self._match)
        except (OSError, RuntimeError) as error:  # RuntimeError: no thread to wait for it
            self._fail(f"no process can be started: {getattr(error, 'strerror', None) or error}")
            return False
        self._workers.append(worker)
        try:
            async with asyncio.timeout(limits.START_SECONDS):
                await worker.wait_loaded(all_of_it=False)
                self._trouble = ""
                await worker.wait_loaded(all_of_it=True)
            warm.set()
            await worker.wait()
        except TimeoutError:
            self._fail(f"it was not ready within {limits.START_SECONDS:g} s")
        except Ended as ended:
            if not worker.loaded:
                self._fail(f"it ended before it was ready: {ended}")
        finally:
            self._workers.remove(worker)
            worker.kill()
            await worker.wait()
        return worker.asked

    def _fail(self, trouble: str) -> None:
        log.error("the calculator's worker: %s", trouble)
        self._trouble = trouble
        if any(worker.loaded for worker in self._workers):
            return  # the others go on
        for waiting in self._waiting:
            if not waiting.worker.done():
                waiting.worker.set_exception(_no_worker(trouble))


def _answer_of(reply: Reply, operation: str, answer: type[AnswerT]) -> AnswerT:
    match reply.kind:
        case "result":
            return msgspec.json.decode(reply.result, type=answer)
        case "refused":
            raise ToolError(reply.text)
        case "memory":
            raise _out_of_memory()
        case "unavailable":
            raise Unavailable(f"{operation} cannot be done here: {reply.text}.", hint=_INSTALL)
        case _:
            log.error("%s failed in the calculator's worker: %s", operation, reply.text)
            raise Internal(f"{operation} failed inside.", hint="The server's log says why.")


def _out_of_memory() -> ToolError:
    return ToolError(
        f"This needed more than {limits.MAX_MEMORY // 1024**2} MB of memory, which is the limit, and was stopped. "
        "Ask for less at once: smaller numbers, fewer digits, or several calls."
    )


def _no_worker(trouble: str) -> Unavailable:
    return Unavailable(
        f"There is no process to compute in: {trouble}.",
        hint="The server's log says more; it is tried again by itself.",
    )
