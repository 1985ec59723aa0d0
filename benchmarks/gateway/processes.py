"""The processes of a measurement: who is measured on the last processor, load and upstream on the first."""

import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STARTING = 240.0  # seconds; some need a minute
STOPPING = 20.0

_FRAMES = " │─╭╮╰╯"  # around what command lines say
_PROCESSORS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


class Missing(Exception):
    """A participant cannot take part; the text says why, and what would help."""


def needed(program: str, package: str) -> str:
    """The path of a program. Raises Missing."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is None:
        raise Missing(f"there is no {program} here: apt-get install {package}")
    return found


def pin_here() -> None:
    """Leave the last processor to who is measured."""
    if len(_PROCESSORS) > 1:
        os.sched_setaffinity(0, _PROCESSORS[:-1])


def environment(**more: str) -> dict[str, str]:
    """Compiled code is kept, and nothing of the user's reaches anybody."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | more


@contextmanager
def process(
    command: Sequence[str],
    *,
    measured: bool,
    folder: Path,
    env: Mapping[str, str] | None = None,
    pinned: bool = True,
) -> Generator[subprocess.Popen[bytes], None, None]:
    """Ended by SIGTERM, or after `STOPPING` seconds by force, its children with it. What it says on stderr lies in
    `folder`."""
    processors = {*(_PROCESSORS[-1:] if measured else _PROCESSORS[:-1])} if pinned else {*_PROCESSORS}
    processors = processors or {*_PROCESSORS}

    def pin() -> None:
        if processors:
            os.sched_setaffinity(0, processors)

    with (folder / f"{Path(command[0]).name}-{time.monotonic_ns()}.log").open("wb") as log:
        started = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            env=dict(env or environment()),
            preexec_fn=pin,  # noqa: PLW1509 -- there is no other thread here
        )
    try:
        yield started
    finally:
        _stop(started)


def _stop(started: subprocess.Popen[bytes]) -> None:
    family = _family(started.pid)[1:]
    go_on(started.pid)
    with suppress(BrokenPipeError):
        if started.stdin is not None:
            started.stdin.close()
    started.terminate()
    try:
        started.wait(STOPPING)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()
    for left in family:
        with suppress(psutil.NoSuchProcess):  # it knows when a number belongs to another process by now
            left.kill()
    if started.stdout is not None:
        started.stdout.close()


def stand_still(pid: int) -> None:
    """While others are measured on the same processor, until `go_on`."""
    for one in _family(pid):
        with suppress(psutil.NoSuchProcess):
            one.suspend()


def go_on(pid: int) -> None:
    for one in _family(pid):
        with suppress(psutil.NoSuchProcess):
            one.resume()


def _family(pid: int) -> list[psutil.Process]:
    """A process and what it has started, where it still is."""
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def first_line(started: subprocess.Popen[bytes], folder: Path) -> bytes:
    """What it says first on stdout. Raises Missing where it ends, or says nothing."""
    assert started.stdout is not None
    ready, _, _ = select.select([started.stdout], [], [], STARTING)
    line = started.stdout.readline() if ready else b""
    if not line:
        raise Missing(f"it did not start: {last_words(folder)}")
    return line


def last_words(folder: Path) -> str:
    """The end of the newest log."""
    logs = sorted(folder.glob("*.log"), key=lambda log: log.stat().st_mtime)
    lines = logs[-1].read_text(errors="replace").splitlines() if logs else []
    said = [words for line in lines if (words := line.strip(_FRAMES))]
    return " / ".join(said[-3:])[-400:] or "it said nothing"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(started: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    """Raises Missing where the process ends, or listens nowhere in time."""
    until = time.monotonic() + STARTING
    while True:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        if started.poll() is not None or time.monotonic() > until:
            raise Missing(f"it did not start: {last_words(folder)}")
        time.sleep(0.05)


# --- what a process has used ------------------------------------------------------------------------------


class Used(NamedTuple):
    cpu: float  # seconds, user and kernel mode, all threads, of a process and its children
    rss: int  # bytes, of the same


def used(pid: int) -> Used:
    """By /proc/PID/stat, which counts in steps of 10 ms: measure for seconds."""
    cpu, rss = 0.0, 0
    for one in _family(pid):
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            cpu += times.user + times.system
            rss += one.memory_info().rss
    return Used(cpu, rss)


def used_once_idle(pid: int) -> Used:
    """When it has done what its last calls left it to do: the ledger writes behind them. After 10 s at most."""
    before = used(pid)
    for _ in range(40):
        time.sleep(0.25)
        now = used(pid)
        if now.cpu - before.cpu < 0.02:
            return now
        before = now
    return before


# --- the upstream -----------------------------------------------------------------------------------------


def build_upstream(folder: Path) -> Path:
    """Raises Missing, and CalledProcessError where the compiler refuses."""
    made = folder / "upstream"
    subprocess.run([needed("cc", "gcc"), "-O2", "-o", str(made), str(HERE / "upstream.c")], check=True)
    return made


@contextmanager
def upstream(program: Path, folder: Path, tools: int = 10) -> Generator[int, None, None]:
    """The port of an MCP server with so many tools."""
    with process([str(program), str(tools)], measured=False, folder=folder) as started:
        yield int(first_line(started, folder))


def own_python(*words: str) -> list[str]:
    return [sys.executable, *words]
