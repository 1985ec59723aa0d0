"""Nothing of a backend's process outlives it, the gateway that started it, or the supervisor between them. Real
processes, which do what they can to stay."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gateway.backends import launcher
from gateway.backends.children import SUPERVISED
from gateway.backends.pool import Backends
from tests.integration.test_backends import (
    IN_TIME,
    REPOSITORY,
    ask,
    backends,
    call,
    free_port,
    gone,
    listing,
    over_http,
    stdio,
    until,
)
from toolward.errors import Unavailable

pytestmark = pytest.mark.skipif(not SUPERVISED, reason="only Linux has subreapers")

MODULE = "tests.servers.leaking"


async def leaked(pool: Backends, backend: str, how: str) -> list[int]:
    """Processes that the server left behind, and last the server's own."""
    found = (await call(pool, backend, "leak", b'{"how": "%s"}' % how.encode())).structured
    return [*found["pids"], found["own"]]


@pytest.mark.parametrize("how", ["daemon", "family"])
async def test_who_leaves_the_session_is_found_at_the_end(tmp_path: Path, how: str) -> None:
    async with backends(tmp_path, stdio("one", "-m", MODULE), over_http("two", free_port(), MODULE)) as pool:
        pids = [pid for name in ("one", "two") for pid in await leaked(pool, name, how)]
        assert all(psutil.pid_exists(pid) for pid in pids)
    await gone(*pids)


async def test_who_is_left_by_a_crash_is_ended_before_the_next_start(tmp_path: Path) -> None:
    async with backends(tmp_path, stdio("one", "-m", MODULE)) as pool:
        pids = await leaked(pool, "one", "daemon") + await leaked(pool, "one", "family")
        with pytest.raises(Unavailable):
            await call(pool, "one", "leave")
        await until(pool, lambda: listing(pool, "one").problem != "")
        assert listing(pool, "one").problem.startswith("its process ended with code 7: ")
        assert listing(pool, "one").problem.endswith("I am off")
        assert not any(map(alive, pids))


async def test_forking_on_and_on_does_not_get_away(tmp_path: Path) -> None:
    async with backends(tmp_path, stdio("one", "-m", MODULE)) as pool:
        (first, own) = await leaked(pool, "one", "bomb")
        group = os.getsid(own)
        assert await asyncio.to_thread(members_of, first)
    await gone(own)
    assert await asyncio.to_thread(members_of, first) == []
    assert await asyncio.to_thread(members_of, group) == []


PARENT = """
import asyncio, sys
from pathlib import Path
from tests.integration.test_backends import backends, free_port, over_http, stdio
from tests.integration.test_reaping import MODULE, leaked

async def main():
    specs = [stdio("one", "-m", MODULE), over_http("two", free_port(), MODULE)]
    async with backends(Path(sys.argv[1]), *specs) as pool:
        pids = [await leaked(pool, name, how) for name in ("one", "two") for how in ("daemon", "family")]
        print(*sum(pids, []), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_nothing_is_left_when_the_gateway_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(IN_TIME):
        pids = [int(word) for word in (await parent.stdout.readline()).split()]
    assert len(pids) == 10
    assert all(map(alive, pids))
    os.kill(parent.pid, signal.SIGKILL)
    await gone(*pids)
    await parent.communicate()


async def test_a_killed_supervisor_takes_its_program_along(tmp_path: Path) -> None:
    async with backends(tmp_path, stdio("one", "-m", "tests.servers.moody")) as pool:
        seen: list[str] = []
        pool.on_change(lambda: seen.append(listing(pool, "one").problem))
        own = (await ask(pool, "one", "pid"))["pid"]
        supervisor = psutil.Process(own).parent()
        assert supervisor is not None
        assert str(launcher.__file__) in supervisor.cmdline()
        supervisor.kill()
        await gone(own)
        await until(pool, lambda: len(seen) > 1 and not seen[-1])
    assert seen[0].startswith("its process was killed by SIGKILL")


class TestSupervisor:
    """The script alone."""

    @pytest.mark.parametrize(
        ("script", "ends_with"),
        [
            ("exit 0", 0),
            ("exit 5", 5),
            ("kill -SEGV $$", -signal.SIGSEGV),
            ("kill -USR1 $$", -signal.SIGUSR1),
        ],
    )
    def test_ends_as_its_program_did(self, script: str, ends_with: int) -> None:
        assert supervised("sh", "-c", script).returncode == ends_with

    def test_hands_the_streams_through(self) -> None:
        done = supervised("sh", "-c", "cat; echo done >&2", said=b"\x00\xffbytes")
        assert (done.stdout, done.stderr) == (b"\x00\xffbytes", b"done\n")

    def test_says_that_a_program_cannot_be_started(self) -> None:
        done = supervised("/no/such/program")
        assert (done.returncode, done.stderr) == (127, b"/no/such/program: No such file or directory\n")

    def test_the_program_hears_sigterm_and_may_take_its_time(self) -> None:
        script = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"
        process = start("sh", "-c", script)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=IN_TIME)[0] == b"bye\n"
        assert process.returncode == 3

    def test_the_program_gets_signals_as_if_nothing_stood_between(self) -> None:
        script = "import signal; print(sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))))"
        assert supervised(sys.executable, "-c", script).stdout == b"[]\n"


def start(*command: str) -> "subprocess.Popen[bytes]":
    words = (sys.executable, "-I", "-S", str(launcher.__file__), str(os.getpid()), *command)
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)


def supervised(*command: str, said: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    process = start(*command)
    out, err = process.communicate(said, timeout=IN_TIME)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def members_of(session: int) -> list[int]:
    found: list[int] = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and alive(process.pid):
                found.append(process.pid)
        except OSError:
            continue
    return found
