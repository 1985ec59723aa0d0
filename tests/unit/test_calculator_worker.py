"""The calculator's workers, as real processes: what they bear, what is told, and that nothing of them is left."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from msgspec import structs

from tests.servers.straining import Told
from toolservers.calculator import limits
from toolservers.calculator.operations import WORK
from toolservers.workers.pool import Pool
from toolward.errors import Internal, Overloaded, ToolError, Unavailable

STRAINING = replace(WORK, table="tests.servers.straining")


@asynccontextmanager
async def straining(seconds: float = 20) -> AsyncGenerator[Pool]:
    limits = structs.replace(WORK.limits, call_seconds=seconds)
    async with Pool(replace(STRAINING, limits=limits)).running() as pool:
        yield pool


async def echo(pool: Pool, text: str = "here") -> str:
    return (await pool.call("echo", {"text": text}, Told)).text


async def until(true: Callable[[], bool]) -> None:
    """What another process does is seen by looking."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.01)


def said(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def appears(path: Path) -> int:
    """The process id that `hang` writes, as soon as it is there."""
    await until(lambda: bool(said(path)))
    return int(said(path))


async def gone(pid: int) -> None:
    def is_gone() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    await until(is_gone)


async def test_answers_refusals_and_bugs_come_back_as_what_they_are(caplog: pytest.LogCaptureFixture) -> None:
    async with straining() as pool:
        assert await echo(pool, "½ ünïcode") == "½ ünïcode"
        with pytest.raises(ToolError, match=r"^not this$"):
            await pool.call("refuse", {"text": "not this"}, Told)
        with pytest.raises(Internal) as told:
            await pool.call("fail", {"text": "inner secret"}, Told)
        assert "inner secret" not in told.value.text
        assert "inner secret" in caplog.text
        with pytest.raises(Unavailable, match="no_such_package_here"):
            await pool.call("missing", {}, Told)
        with pytest.raises(ToolError, match=r"2,000,\d+ bytes, and at most 1,048,576"):
            await echo(pool, "x" * 2_000_000)
        with pytest.raises(ToolError, match=r"2,000,011 bytes"):
            await pool.call("long", {"size": 2_000_000}, Told)
        assert len(pool.pids) >= 1


async def test_a_worker_knows_nothing_of_the_servers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLWARD_TOKEN", "secret")
    async with straining() as pool:
        names = (await pool.call("environment", {}, Told)).text.split("\n")
    its_own = {"GRPC_ENABLE_FORK_SUPPORT"}  # `toolward`'s, set by the worker itself
    assert set(names) - its_own <= {"LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "MALLOC_ARENA_MAX", "TZ"}


async def test_over_its_deadline_it_is_killed_and_the_spare_serves_at_once(tmp_path: Path) -> None:
    async with straining(seconds=0.5) as pool:
        await echo(pool)
        await until(lambda: len(pool.pids) == limits.WORKERS)
        there = {str(pid) for pid in pool.pids}
        with pytest.raises(ToolError, match=r"longer than 0\.5 s, which is the limit"):
            await pool.call("hang", {"path": str(tmp_path / "pid")}, Told)
        killed = said(tmp_path / "pid")
        served = (await pool.call("process", {}, Told)).text
        assert served in there - {killed}
        await gone(int(killed))


@pytest.mark.parametrize("by", ["python", "c"])
async def test_over_its_memory_it_is_told_and_replaced(by: str) -> None:
    async with straining() as pool:
        with pytest.raises(ToolError, match="more than 384 MB of memory, which is the limit"):
            await pool.call("grow", {"by": by}, Told)
        assert await echo(pool) == "here"


async def test_one_that_dies_is_told_and_replaced() -> None:
    async with straining() as pool:
        with pytest.raises(Unavailable, match=r"in the middle of this call \(exit code 7\)"):
            await pool.call("die", {"status": 7}, Told)
        assert await echo(pool) == "here"
        os.kill(pool.pids[0], signal.SIGKILL)  # one that does nothing: nobody is told
        assert await echo(pool) == "here"


async def test_so_many_at_once_and_who_gives_up_makes_room(tmp_path: Path) -> None:
    async with straining() as pool:
        hanging = [
            asyncio.create_task(pool.call("hang", {"path": str(tmp_path / f"{number}")}, Told))
            for number in range(limits.AT_ONCE)
        ]
        pids = [await appears(tmp_path / f"{number}") for number in range(limits.AT_ONCE)]
        assert len(set(pids)) == limits.AT_ONCE
        waiting = [asyncio.create_task(echo(pool, str(number))) for number in range(limits.MAX_WAITING)]
        await asyncio.sleep(0)  # they stand in the queue now
        with pytest.raises(Overloaded):
            await echo(pool)
        waiting.pop().cancel()
        await asyncio.sleep(0)
        hanging[0].cancel()
        assert await asyncio.gather(*waiting) == [str(number) for number in range(limits.MAX_WAITING - 1)]
        await gone(pids[0])
        hanging[1].cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        await gone(pids[1])


async def test_where_no_process_can_be_started_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    async with straining() as pool:
        with pytest.raises(Unavailable, match=r"no process can be started: No such file or directory"):
            await echo(pool)


async def test_where_no_worker_gets_ready_it_says_so() -> None:
    async with Pool(replace(WORK, table="tests.servers.no_such_table")).running() as pool:
        with pytest.raises(Unavailable, match=r"it ended before it was ready: exit code 1"):
            await echo(pool)


async def test_nothing_is_left_when_the_server_stops() -> None:
    async with straining() as pool:
        await echo(pool)
        pids = pool.pids
    for pid in pids:
        await gone(pid)


@pytest.mark.parametrize("idle", [True, False], ids=["idle", "computing"])
async def test_nothing_is_left_when_the_server_is_killed(idle: bool, tmp_path: Path) -> None:
    work = "echo(pool)" if idle else f"pool.call('hang', {{'path': {str(tmp_path / 'pid')!r}}}, Told)"
    program = (
        "import asyncio\n"
        "from tests.unit.test_calculator_worker import Told, echo, straining\n"
        "async def main():\n"
        "    async with straining() as pool:\n"
        "        await echo(pool)\n"
        "        print(*pool.pids, flush=True)\n"
        f"        await {work}\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    pids = [int(pid) for pid in (await process.stdout.readline()).split()]
    if not idle:
        pids.append(await appears(tmp_path / "pid"))
    process.kill()
    await process.wait()
    for pid in pids:
        await gone(pid)


async def test_the_server_computes_there_and_loads_nothing_itself() -> None:
    program = (
        "import asyncio, sys\n"
        "from toolservers.calculator.tools import server\n"
        "from toolward.types import CallContext, Principal, ToolCall\n"
        "async def main():\n"
        "    async with server.running():\n"
        '        call = ToolCall("calculate", b\'{"expression": "0.1 + 0.2"}\')\n'
        "        print((await server.call_tool(Principal('me'), call, CallContext())).structured['exact'])\n"
        "asyncio.run(main())\n"
        "print(*{'lark', 'flint', 'pint'} & set(sys.modules))\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert said.decode().split() == ["0.3"]
