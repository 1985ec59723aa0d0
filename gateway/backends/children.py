"""Processes that run tool servers: started with a minimal environment in a session of their own, and always
stopped with their descendants. On Linux each has a supervisor (`launcher`), which also finds those descendants that
left the session, and works when this process is killed; elsewhere the process group must do."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from gateway.backends import launcher
from gateway.backends.logfile import LogFile
from gateway.core.spec import Launch
from toolward.client.pace import Pace
from toolward.errors import Unavailable

MAX_LINE = 64 * 1024 * 1024  # one MCP message; above our own bound on results, so that its error answers

INHERITED = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""What a child gets of our environment. The rest, with every secret in it, is not its business."""

SUPERVISED = sys.platform == "linux"

MAX_LOG_RATE = 1024 * 1024
"""Bytes a second that a server may say on stderr."""

_READ = 64 * 1024
_AT_EOF = 1.0  # seconds that a server on stdio has to leave when its input ends
_AFTER_KILL = 2.5  # of which the supervisor takes at most 2
_TO_DIE = 0.4  # seconds that a supervisor may take to end what its program left behind
_STEP = 0.02
_LOOK = 0.25  # seconds between looks at whether a child still runs


class Child:
    """A process and its descendants. Made by `running`. On Linux `pid` is the supervisor's, which ends as the
    program does, when nothing of it is left."""

    def __init__(self, process: asyncio.subprocess.Process, said: int, log: LogFile, grace: float) -> None:
        """`said` is the end to read from of the pipe for its log."""
        self._process = process
        self._grace = grace
        self._log = log
        self._pump = asyncio.create_task(self._keep(said))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stdout(self) -> asyncio.StreamReader:
        """Of a child that was started with pipes."""
        assert self._process.stdout is not None  # noqa: S101 -- says to the type checker what `running` does
        return self._process.stdout

    @property
    def stdin(self) -> asyncio.StreamWriter:
        assert self._process.stdin is not None  # noqa: S101 -- likewise
        return self._process.stdin

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    async def ended(self) -> None:
        """Returns when the process itself has ended, whoever still holds its pipes."""
        while not self.has_ended:  # noqa: ASYNC110 -- asyncio's own wait() waits for the pipes too
            await asyncio.sleep(_LOOK)

    async def obituary(self) -> str:
        """How it ended, with its last words: "its process ended with code 1: ..."; empty while it runs."""
        await self._wait(_TO_DIE)  # its end of the pipe closes before its status is known
        code = self._process.returncode
        if code is None:
            return ""
        await asyncio.wait({self._pump}, timeout=0.2)
        how = f"was killed by {_signal(-code)}" if code < 0 else f"ended with code {code}"
        words = self._log.last_words()
        return f"its process {how}: {words}" if words else f"its process {how}"

    async def stop(self) -> None:
        """End it and its descendants: by the end of its input, then SIGTERM, then SIGKILL."""
        try:
            if self._process.stdin is not None:
                self._process.stdin.close()
                await self._wait(_AT_EOF)
            self._signal(signal.SIGTERM)
            await self._wait(self._grace)
        finally:  # also when whoever waits for this gives up
            self._signal(launcher.KILL_ALL if SUPERVISED else signal.SIGKILL)
            self._pump.cancel()
            self._log.close()
        await self._wait(_AFTER_KILL)
        if not self.has_ended:
            self._signal(signal.SIGKILL)
        self._close_pipes()

    async def _wait(self, seconds: float) -> None:
        """Until it and its descendants have ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._lives():  # noqa: ASYNC110 -- nothing tells of a group's end
                    await asyncio.sleep(_STEP)

    def _lives(self) -> bool:
        if SUPERVISED or not self.has_ended:
            return not self.has_ended
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if not SUPERVISED:
                os.killpg(self.pid, number)
            elif not self.has_ended:
                os.kill(self.pid, number)

    async def _keep(self, said: int) -> None:
        """A server that says too much waits, and does not keep us from the others."""
        output = asyncio.StreamReader(limit=_READ)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(said, "rb", 0)
        )
        pace = Pace(MAX_LOG_RATE)
        try:
            while data := await output.read(_READ):
                with suppress(OSError):  # a full disk stops the log, not the server
                    self._log.write(data)
                await pace.take(len(data))
        finally:
            transport.close()

    def _close_pipes(self) -> None:
        """A descendant that left the group may hold their other ends; nothing public closes ours."""
        transport: Any = getattr(self._process, "_transport", None)
        transport.close()


@asynccontextmanager
async def running(
    launch: Launch, name: str, logs: Path, *, pipes: bool, grace: float
) -> AsyncGenerator[Child]:
    """The process while this is open. With `pipes` its standard streams are ours, and stderr goes to
    `logs`/NAME.log; without, all that it prints goes there. `grace` are the seconds
    that it has to end after SIGTERM. Start it in a thread that lives as long as this
    process: Linux counts the end of that thread as the parent's death. Raises Unavailable where it cannot start.
    """
    environment = child_environment(launch.env)
    program = _program(launch, environment)
    try:
        log = LogFile(logs / f"{name}.log", launch.hidden)
    except OSError as error:
        raise Unavailable(f"its log in {logs} cannot be written: {error.strerror}") from None
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    said, to_say = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *_launcher(),
            program,
            *launch.command[1:],
            stdin=pipe if pipes else null,
            stdout=pipe if pipes else to_say,
            stderr=to_say,
            env=environment,
            cwd=launch.cwd,
            start_new_session=True,
            limit=MAX_LINE,
        )
    except BaseException as error:
        log.close()
        os.close(said)
        if isinstance(error, OSError | ValueError):
            raise Unavailable(f"it cannot be started: {error}") from None
        raise
    finally:
        os.close(to_say)
    child = Child(process, said, log, grace)
    try:
        yield child
    finally:
        await child.stop()


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | dict(extra)


def _launcher() -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", str(launcher.__file__), str(os.getpid()))


def _program(launch: Launch, environment: Mapping[str, str]) -> str:
    """Looked up here, for a clear word when it is not there."""
    if launch.cwd is not None and not launch.cwd.is_dir():
        raise Unavailable(f"it cannot be started: there is no folder {launch.cwd}")
    command = launch.command[0]
    # Last where our own programs are: a desktop client starts us without the PATH that they are on.
    where = f"{environment.get('PATH', os.defpath)}{os.pathsep}{Path(sys.executable).parent}"
    inside = str(launch.cwd / command) if launch.cwd is not None and "/" in command else command
    if (found := shutil.which(inside, path=where)) is None:
        raise Unavailable(f"it cannot be started: there is no program {command!r}", hint="Install it.")
    return found


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
