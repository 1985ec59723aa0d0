"""Backends as real processes: what works, what is dead, what crashes, and that nothing is left behind."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from gateway.backends.pool import Backends
from gateway.backends.timing import Timing
from gateway.core.ports import Listing
from gateway.core.spec import GrpcSpec, HttpSpec, Launch, Spec, StdioSpec
from tests.integration.scripted_tools import ADA
from toolward.errors import DeadlineExceeded, InvalidArguments, NotFound, Unavailable, UnknownTool
from toolward.types import CallContext, ToolCall, ToolResult

REPOSITORY = Path(__file__).parents[2]
QUICK = Timing(connect=40, first_wait=0.05, longest_wait=0.2, grace=1)
IN_TIME = 60.0  # seconds; nothing here waits for it where the code is right


def python(*words: str, **env: str) -> Launch:
    return Launch((sys.executable, *words), {"PYTHONPATH": str(REPOSITORY), **env}, REPOSITORY)


def stdio(name: str, *words: str, timeout: float = 30, **env: str) -> StdioSpec:
    return StdioSpec(name=name, address=name, launch=python(*words, **env), timeout=timeout)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def over_http(name: str, port: int, module: str = "tests.servers.fixture", *, start: bool = True) -> HttpSpec:
    url = f"http://127.0.0.1:{port}/mcp"
    launch = python("-m", module, "--http", f"127.0.0.1:{port}") if start else None
    return HttpSpec(name=name, address=url, url=url, start=launch)


def over_grpc(name: str, port: int) -> GrpcSpec:
    target = f"127.0.0.1:{port}"
    launch = python("-m", "tests.servers.fixture", "--grpc", target)
    return GrpcSpec(name=name, address=target, target=target, start=launch)


def backends(folder: Path, *specs: Spec, timing: Timing = QUICK, starts: bool = True) -> Backends:
    return Backends(specs, logs=folder / "logs", timing=timing, starts=starts)


async def call(
    pool: Backends, backend: str, tool: str, arguments: bytes = b"{}", within: float = 20
) -> ToolResult:
    return await pool.call(backend, ADA, ToolCall(tool, arguments), CallContext(timeout=within))


async def ask(pool: Backends, backend: str, tool: str) -> Any:
    return (await call(pool, backend, tool)).structured


def listing(pool: Backends, name: str) -> Listing:
    return next(one for one in pool.listings() if one.backend == name)


async def until(pool: Backends, holds: Callable[[], bool]) -> None:
    """Wait, by the news of changes, until `holds`."""
    news = asyncio.Event()
    pool.on_change(news.set)
    async with asyncio.timeout(IN_TIME):
        while not holds():
            await news.wait()
            news.clear()


async def gone(*pids: int) -> None:
    """Wait until none of the processes runs."""

    def wait() -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for pid in pids:
            with suppress(psutil.NoSuchProcess):  # which ends while it is looked for, is gone
                found.append(psutil.Process(pid))
        alive = psutil.wait_procs(found, timeout=15)[1]
        return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    assert await asyncio.to_thread(wait) == []


TRANSPORTS: dict[str, Callable[[], Spec]] = {
    "stdio": lambda: stdio("it", "-m", "tests.servers.fixture"),
    "http": lambda: over_http("it", free_port()),
    "grpc": lambda: over_grpc("it", free_port()),
}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_every_transport_carries_the_same(tmp_path: Path, transport: str) -> None:
    async with backends(tmp_path, TRANSPORTS[transport]()) as pool:
        (one,) = pool.listings()
        assert one.problem == ""
        assert (one.backend, one.transport) == ("it", transport)
        add = next(tool for tool in one.tools if tool.name == "add")
        assert add.description == "Add two integers of any size."
        assert add.input_schema["required"] == ["a"]

        big = 10**40 + 1
        added = await call(pool, "it", "add", b'{"a": %d, "b": 0}' % big)
        assert added.structured == {"sum": big}
        value = b'{"value":{"b":[null,true,0.1,"\xc3\xa4"],"a":{}}}'
        echoed = await call(pool, "it", "echo", value)
        assert echoed.structured_json == value
        shown = await call(pool, "it", "show")
        assert [type(piece).__name__ for piece in shown.content] == [
            "TextContent",
            "ImageContent",
            "EmbeddedResource",
        ]
        failed = await call(pool, "it", "fail")
        assert failed.is_error
        assert failed.text == "the shop is closed; come back tomorrow"

        seen: list[float] = []
        context = CallContext(timeout=20, progress=lambda progress: seen.append(progress.progress))
        await pool.call("it", ADA, ToolCall("count", b'{"steps": 3}'), context)
        assert seen == [1, 2, 3]

        with pytest.raises(UnknownTool, match="There is no tool named 'ad'"):
            await call(pool, "it", "ad")
        with pytest.raises(InvalidArguments) as caught:
            await call(pool, "it", "add", b'{"a": "x"}')
        assert [violation.pointer for violation in caught.value.violations] == ["/a"]


async def test_our_own_programs_are_found_where_a_desktop_client_starts_us_without_our_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    spec = StdioSpec(name="calculator", address="x", launch=Launch(("toolserver", "calculator")))
    async with backends(tmp_path, spec) as pool:
        assert [one.problem for one in pool.listings()] == [""]


async def test_a_dead_a_silent_and_a_babbling_backend_hide_no_other(tmp_path: Path) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    port = int(taken.getsockname()[1])
    silent = "import time; time.sleep(600)"
    babble = "print('Welcome to my server!', flush=True); import time; time.sleep(600)"
    leave = "import sys; print('no licence', file=sys.stderr); sys.exit(3)"
    specs = [
        StdioSpec(name="missing", address="x", launch=Launch(("no-such-program-here",))),
        stdio("silent", "-c", silent),
        stdio("babble", "-c", babble),
        stdio("leave", "-c", leave),
        HttpSpec(name="refused", address="x", url=f"http://127.0.0.1:{free_port()}/mcp"),
        over_http("taken", port),
        stdio("good", "-m", "tests.servers.fixture"),
    ]
    timing = Timing(connect=8)
    async with backends(tmp_path, *specs, timing=timing) as pool:
        problems = {one.backend: one.problem for one in pool.listings()}
        assert (await call(pool, "good", "add", b'{"a": 1}')).structured == {"sum": 1}
        with pytest.raises(Unavailable) as caught:
            await call(pool, "leave", "anything")
    taken.close()
    assert list(problems) == [spec.name for spec in specs]
    assert problems["good"] == ""
    assert problems["missing"].startswith("it cannot be started: there is no program 'no-such-program-here'")
    assert "did not answer within" in problems["silent"]
    assert problems["babble"].endswith("it printed what is not MCP: 'Welcome to my server!'")
    assert problems["leave"] == "its process ended with code 3: no licence"
    assert problems["refused"].startswith("cannot be reached: ")
    assert f"another program listens on 127.0.0.1:{port}" in problems["taken"]
    assert caught.value.message == (
        "The backend leave is not running: its process ended with code 3: no licence."
    )
    assert caught.value.retry_after is not None
    assert (tmp_path / "logs" / "leave.log").read_text().startswith("no licence\n")


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_a_crash_fails_the_calls_in_work_and_is_mended_once(tmp_path: Path, transport: str) -> None:
    starts = str(tmp_path / "starts")
    spec: Spec = stdio("moody", "-m", "tests.servers.moody", STARTS=starts)
    if transport == "http":
        spec = over_http("moody", free_port(), "tests.servers.moody")
        assert spec.start is not None
        spec = HttpSpec(
            name="moody",
            address="x",
            url=spec.url,
            start=Launch(spec.start.command, {**spec.start.env, "STARTS": starts}, REPOSITORY),
        )
    async with backends(tmp_path, spec) as pool:
        before = (await ask(pool, "moody", "pid"))["pid"]
        waiting = [asyncio.create_task(call(pool, "moody", "hang")) for _ in range(20)]
        await asyncio.wait({asyncio.create_task(call(pool, "moody", "pid"))})  # it answers beside them
        with pytest.raises(Unavailable):
            await call(pool, "moody", "die")
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(one) for one in ended} == {Unavailable}

        await until(pool, lambda: listing(pool, "moody").problem != "")
        problem = listing(pool, "moody").problem
        assert problem.startswith("its process ended with code 9: ")
        assert problem.endswith("the disk is on fire")
        await until(pool, lambda: listing(pool, "moody").problem == "")
        after = (await ask(pool, "moody", "pid"))["pid"]
        assert after != before
    assert (tmp_path / "starts").read_text().split() == [str(before), str(after)]


async def test_a_server_that_somebody_else_starts_again_is_found_again(tmp_path: Path) -> None:
    port = free_port()
    ours = over_http("it", port, start=False)

    async def start() -> asyncio.subprocess.Process:
        words = ("-m", "tests.servers.fixture", "--http", f"127.0.0.1:{port}")
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, cwd=REPOSITORY, stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr is not None
        assert b"MCP at" in await process.stderr.readline()
        return process

    first = await start()
    async with backends(tmp_path, ours) as pool:
        assert listing(pool, "it").problem == ""
        first.kill()
        await first.communicate()
        with pytest.raises(Unavailable):
            await call(pool, "it", "add", b'{"a": 1}')
        await until(pool, lambda: listing(pool, "it").problem != "")
        second = await start()
        await until(pool, lambda: listing(pool, "it").problem == "")
        assert (await call(pool, "it", "add", b'{"a": 1}')).structured == {"sum": 1}
    second.kill()
    await second.communicate()


async def test_a_changed_list_of_tools_is_seen(tmp_path: Path) -> None:
    async with backends(tmp_path, stdio("legacy", "-m", "tests.servers.legacy")) as pool:
        assert [tool.name for tool in listing(pool, "legacy").tools] == ["first", "second"]
        await call(pool, "legacy", "grow")
        await until(pool, lambda: len(listing(pool, "legacy").tools) == 3)


async def test_resources_of_a_foreign_server_are_listed_read_and_seen_to_change(tmp_path: Path) -> None:
    async with backends(tmp_path, stdio("it", "-m", "tests.servers.legacy", OFFERS="fine")) as pool:
        assert [one.uri for one in listing(pool, "it").resources] == ["legacy://a"]
        context = CallContext(timeout=20, hops=2)
        (body,) = await pool.read_resource("it", ADA, "legacy://a", context)
        assert body.text == '{"toolward/hops": 2}'
        with pytest.raises(NotFound, match="it has no resource at 'legacy://c'"):
            await pool.read_resource("it", ADA, "legacy://c", context)
        with pytest.raises(NotFound, match="it has no prompts"):
            await pool.get_prompt("it", ADA, "p", {}, context)
        await call(pool, "it", "offer")
        await until(pool, lambda: len(listing(pool, "it").resources) == 2)


async def test_a_backend_whose_resources_cannot_be_listed_keeps_its_tools(tmp_path: Path) -> None:
    async with backends(tmp_path, stdio("it", "-m", "tests.servers.legacy", OFFERS="broken")) as pool:
        found = listing(pool, "it")
        assert (len(found.tools), found.resources, found.problem) == (2, (), "")
        assert "its resources and prompts are not known: it answered with an error" in found.warning
        assert (await call(pool, "it", "first")).text == "done"


async def test_a_call_has_a_deadline_and_the_next_call_is_not_harmed(tmp_path: Path) -> None:
    async with backends(tmp_path, stdio("moody", "-m", "tests.servers.moody")) as pool:
        before = await ask(pool, "moody", "pid")
        with pytest.raises(DeadlineExceeded, match=r"moody did not answer hang within 0\.2 s"):
            await call(pool, "moody", "hang", within=0.2)
        assert await ask(pool, "moody", "pid") == before


async def test_a_backend_has_a_longest_time_for_a_call(tmp_path: Path) -> None:
    async with backends(tmp_path, stdio("moody", "-m", "tests.servers.moody", timeout=0.5)) as pool:
        with pytest.raises(DeadlineExceeded, match=r"within 0\.5 s"):
            await call(pool, "moody", "hang", within=100)


async def test_a_child_gets_a_minimal_environment_and_a_token_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    port = free_port()
    specs = [
        over_http("on-http", port, "tests.servers.moody"),
        stdio("on-stdio", "-m", "tests.servers.moody", A="b"),
    ]
    async with backends(tmp_path, *specs) as pool:
        variables = await ask(pool, "on-stdio", "variables")
        assert variables["A"] == "b"
        assert variables["PATH"] == os.environ["PATH"]
        assert {"OPENAI_API_KEY", "TOOLWARD_TOKEN"}.isdisjoint(variables)

        token = (await ask(pool, "on-http", "variables"))["TOOLWARD_TOKEN"]
        pid = (await ask(pool, "on-http", "pid"))["pid"]
        assert len(token) >= 32
        assert token not in " ".join(psutil.Process(pid).cmdline())
        stranger = over_http("stranger", port, start=False)
        async with backends(tmp_path / "other", stranger) as other:
            assert "This door wants to know who calls" in listing(other, "stranger").problem
    async with backends(tmp_path, specs[0]) as pool:
        assert (await ask(pool, "on-http", "variables"))["TOOLWARD_TOKEN"] != token


async def test_nothing_is_left_after_the_end(tmp_path: Path) -> None:
    specs = [stdio("one", "-m", "tests.servers.moody"), over_http("two", free_port(), "tests.servers.moody")]
    pids: list[int] = []
    async with backends(tmp_path, *specs) as pool:
        for name in ("one", "two"):
            pids += [(await ask(pool, name, tool))["pid"] for tool in ("pid", "stubborn_child")]
        assert all(psutil.pid_exists(pid) for pid in pids)
    await gone(*pids)


async def test_nothing_is_left_when_the_task_is_cancelled(tmp_path: Path) -> None:
    pids: list[int] = []
    started = asyncio.Event()

    async def serve() -> None:
        async with backends(tmp_path, stdio("one", "-m", "tests.servers.moody")) as pool:
            pids.extend([(await ask(pool, "one", tool))["pid"] for tool in ("pid", "stubborn_child")])
            started.set()
            await asyncio.Event().wait()

    serving = asyncio.create_task(serve())
    async with asyncio.timeout(IN_TIME):
        await started.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    await gone(*pids)


PARENT = """
import asyncio, sys
from pathlib import Path
from tests.integration.test_backends import ask, backends, free_port, over_http, stdio

async def main():
    specs = [stdio("one", "-m", "tests.servers.moody"), over_http("two", free_port(), "tests.servers.moody")]
    async with backends(Path(sys.argv[1]), *specs) as pool:
        print(*[(await ask(pool, name, "pid"))["pid"] for name in ("one", "two")], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with a killed parent")
async def test_nothing_is_left_when_this_process_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(IN_TIME):
        pids = [int(word) for word in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    os.kill(parent.pid, signal.SIGKILL)
    await gone(*pids)
    await parent.communicate()


SILENT = "import time; time.sleep(600)"


async def test_a_silent_backend_delays_nobody_who_cannot_wait_for_it(tmp_path: Path) -> None:
    specs = [stdio("silent", "-c", SILENT), stdio("good", "-m", "tests.servers.fixture")]
    timing = Timing(connect=300, gather=0.05, grace=0.5)
    async with (
        asyncio.timeout(IN_TIME),
        Backends(specs, logs=tmp_path / "logs", timing=timing, patient=False) as pool,
    ):
        assert (await call(pool, "good", "add", b'{"a": 1}')).structured == {"sum": 1}
        assert listing(pool, "silent").problem == "it has not answered yet"


async def test_where_nobody_has_answered_the_first_answer_is_waited_for(tmp_path: Path) -> None:
    specs = [
        StdioSpec(name="missing", address="x", launch=Launch(("no-such-program-here",))),
        stdio("good", "-m", "tests.servers.fixture"),
    ]
    timing = Timing(connect=IN_TIME, gather=0)
    async with Backends(specs, logs=tmp_path / "logs", timing=timing, patient=False) as pool:
        assert listing(pool, "good").problem == ""


async def test_a_late_one_joins_and_can_be_waited_for(tmp_path: Path) -> None:
    late = "import time, runpy; time.sleep(1); runpy.run_module('tests.servers.fixture', None, '__main__')"
    specs = [stdio("late", "-c", late), stdio("good", "-m", "tests.servers.fixture")]
    timing = Timing(connect=IN_TIME, gather=0)
    async with Backends(specs, logs=tmp_path / "logs", timing=timing, patient=False) as pool:
        await pool.answered("late")
        assert (await call(pool, "late", "add", b'{"a": 1}')).structured == {"sum": 1}
