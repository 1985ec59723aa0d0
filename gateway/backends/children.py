"""Processes that run tool servers: started with a minimal environment in a session of their own, and always
stopped with their descendants, also when this process is killed (on Linux)."""

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
from toolward.errors import Unavailable

MAX_LINE = 64 * 1024 * 1024  # one MCP message; above our own bound on results, so that its error answers

INHERITED = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""What a child gets of our environment. The rest, with every secret in it, is not its business."""

_AT_EOF = 1.0  # seconds that a server on stdio has to leave when its input ends
_AFTER_KILL = 2.0
_STEP = 0.02
_LOOK = 0.25  # seconds between looks at whether a child still runs


class Child:
    """A process and its descendants. Made by `running`."""

    def __init__(self, process: asyncio.subprocess.Process, log: LogFile, grace: float) -> None:
        self._process = process
        self._grace = grace
        self._log = log
        output = process.stderr or process.stdout
        assert output is not None  # noqa: S101 -- says to the type checker what `running` does
        self._pump = asyncio.create_task(self._keep(output))

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
        for _ in range(10):  # its end of the pipe closes before its status is known
            if self.has_ended:
                break
            await asyncio.sleep(_STEP)
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
                await self._wait_for_group(_AT_EOF)
            self._signal(signal.SIGTERM)
            await self._wait_for_group(self._grace)
        finally:  # also when whoever waits for this gives up
            self._signal(signal.SIGKILL)
            self._pump.cancel()
            self._log.close()
        with suppress(TimeoutError):  # the others die too, but who reaps them is not ours to know
            async with asyncio.timeout(_AFTER_KILL):
                while not self.has_ended:  # noqa: ASYNC110 -- as in `ended`
                    await asyncio.sleep(_STEP)
        self._close_pipes()

    async def _wait_for_group(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._group_lives() or not self.has_ended:  # noqa: ASYNC110 -- nothing tells of a group's end
                    await asyncio.sleep(_STEP)

    def _group_lives(self) -> bool:
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # macOS says so of a group of zombies
            return not self.has_ended
        return True

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def _keep(self, output: asyncio.StreamReader) -> None:
        with suppress(OSError):  # a full disk stops the log, not the server
            while data := await output.read(65536):
                self._log.write(data)
        while await output.read(65536):
            pass

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
    try:
        process = await asyncio.create_subprocess_exec(
            *_launcher(),
            program,
            *launch.command[1:],
            stdin=pipe if pipes else null,
            stdout=pipe,
            stderr=pipe if pipes else asyncio.subprocess.STDOUT,
            env=environment,
            cwd=launch.cwd,
            start_new_session=True,
            limit=MAX_LINE,
        )
    except (OSError, ValueError) as error:
        log.close()
        raise Unavailable(f"it cannot be started: {error}") from None
    except BaseException:  # a machine so busy that the time to connect ended here
        log.close()
        raise
    child = Child(process, log, grace)
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
    where = environment.get("PATH", os.defpath)
    inside = str(launch.cwd / command) if launch.cwd is not None and "/" in command else command
    if (found := shutil.which(inside, path=where)) is None:
        raise Unavailable(f"it cannot be started: there is no program {command!r}", hint="Install it.")
    return found


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
