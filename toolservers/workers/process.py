"""One worker process as the server sees it."""

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable

import msgspec

from toolservers.workers.messages import HEADER, Reply, Request, framed
from toolservers.workers.work import Work

log = logging.getLogger(__name__)

_PROGRAM = "toolservers.workers.program"
_KEPT_ENVIRONMENT = (
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SYSTEMROOT",
)  # what finds Python's own libraries
_LAST_WORDS = 2000  # bytes of its standard error that are kept, to tell what it died of
_GRACE = 1.0  # seconds from its last word to its end
_MOST_SAYINGS = 20
_OUT_OF_MEMORY = (b"MemoryError", b"llocate memory", b"out of memory", b"bad_alloc")


class Ended(Exception):
    """The process ended before it answered; says how."""

    def __init__(self, how: str, *, killed: bool, out_of_memory: bool) -> None:
        super().__init__(how)
        self.killed = killed
        self.out_of_memory = out_of_memory


class WorkerProcess:
    """Answers one request at a time, and can be killed at any moment."""

    def __init__(self, process: Process, work: Work, changed: Callable[[], None]) -> None:
        """`changed` is called when an operation is loaded and when the process has ended."""
        self._process = process
        self._work = work
        self._changed = changed
        self._answer: asyncio.Future[Reply] | None = None
        self._last_words = b""
        self._sayings = _MOST_SAYINGS
        self.loaded: set[str] = set()
        self.asked = False
        self.stopping = False
        self._killed = False
        self._ended: Ended | None = None
        self._is_warm = False
        self._turn = asyncio.Event()
        self._watching = asyncio.create_task(self._watch(), name=f"{work.name}'s worker {process.pid}")

    @classmethod
    async def start(cls, work: Work, changed: Callable[[], None]) -> "WorkerProcess":
        """Raises OSError where no process can be started."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-X", "utf8", "-m", _PROGRAM, work.table, str(os.getpid())),
            msgspec.json.encode(work.limits).decode(),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=_environment(),
            cwd="/",
            start_new_session=True,  # a Ctrl-C at the terminal is the server's to handle
        )
        return cls(process, work, changed)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def call(self, request: bytes, attached: bytes | None = None) -> Reply:
        """`request` is a framed Request, which says how many bytes are `attached`. Who gives up waiting for this
        must `kill`. Raises Ended."""
        if self._ended is not None:
            raise self._ended
        self.asked = True
        self._answer = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None  # noqa: S101 -- says to the type checker what `start` does
        self._process.stdin.write(request)
        if attached:
            self._process.stdin.write(attached)
        try:
            return await self._answer
        finally:
            self._answer = None

    def kill(self) -> None:
        """At once; `wait` tells when it is gone. Signalled once: a second signal could take its exit status from
        asyncio, which then knows none."""
        self.stopping = True
        if not self._killed and self._process.returncode is None:
            self._killed = True
            self._process.kill()

    async def wait_loaded(self, *, all_of_it: bool) -> None:
        """Until it can do its first operation, or all of them. Raises Ended."""
        while not (self._is_warm or (self.loaded and not all_of_it)):
            if self._ended is not None:
                raise self._ended
            self._turn.clear()
            await self._turn.wait()

    async def wait(self) -> None:
        """Until it has ended and nothing of it is left."""
        await asyncio.shield(self._watching)

    async def _watch(self) -> None:
        listening = asyncio.create_task(self._listen_to_errors())
        try:
            await self._listen()
        except (asyncio.IncompleteReadError, OSError):
            pass
        except (ValueError, msgspec.MsgspecError) as error:  # it says what it must not
            log.error("the worker %d of %s is not understood: %s", self.pid, self._work.name, error)
        self.stopping = True
        try:
            async with asyncio.timeout(_GRACE):
                status = await self._process.wait()
        except TimeoutError:  # it says no more, and does not end
            self.kill()
            status = await self._process.wait()
        await listening
        self._end(status)

    async def _listen(self) -> None:
        output = self._process.stdout
        assert output is not None  # noqa: S101 -- as above
        while True:
            size = int.from_bytes(await output.readexactly(HEADER), "big")
            if size > self._work.limits.max_message:
                raise ValueError(f"a reply of {size:,} bytes")
            reply = msgspec.json.decode(await output.readexactly(size), type=Reply)
            if reply.kind == "loaded":
                self.loaded.add(reply.operation)
                self._tell()
            elif reply.kind == "warm":
                self._is_warm = True
                self._tell()
            elif self._answer is not None and not self._answer.done():
                if reply.kind == "memory":  # it ends by itself, and gets no more calls
                    self.stopping = True
                self._answer.set_result(reply)

    async def _listen_to_errors(self) -> None:
        errors = self._process.stderr
        assert errors is not None  # noqa: S101 -- as above
        while data := await errors.read(_LAST_WORDS):
            self._last_words = (self._last_words + data)[-_LAST_WORDS:]
            if self._sayings:
                self._sayings -= 1
                text = data.decode(errors="replace").strip()
                log.warning("%s's worker %d says: %s", self._work.name, self.pid, text)

    def _end(self, status: int) -> None:
        how = f"exit code {status}" if status >= 0 else _signal_name(-status)
        out_of_memory = any(sign in self._last_words for sign in _OUT_OF_MEMORY)
        self._ended = Ended(how, killed=status == -signal.SIGKILL, out_of_memory=out_of_memory)
        self.stopping = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._ended)
        self._tell()

    def _tell(self) -> None:
        self._turn.set()
        self._changed()


def request_bytes(operation: str, arguments: dict[str, object], attached: bytes | None) -> bytes:
    return framed(Request(operation, arguments, None if attached is None else len(attached)))


def _environment() -> dict[str, str]:
    """Nothing that is secret; one arena, so that the limit on addresses is one on memory; no zone but UTC."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return kept | {"MALLOC_ARENA_MAX": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8"}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
