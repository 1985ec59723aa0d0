"""Workers of one gateway: kept alive, ended with their supervisor, at one address, before backends that only the
supervisor may start."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from gateway.backends.pool import Backends
from gateway.bootstrap.handover import Handover
from gateway.bootstrap.owned import reached_by
from gateway.bootstrap.relay import relayed
from gateway.bootstrap.workers import Workers, WorkerTiming
from gateway.core.spec import HttpSpec, Launch, Spec, StdioSpec
from tests.integration.scripted_tools import ADA, failing
from tests.integration.test_backends import IN_TIME, ask, backends, call, gone, listing, stdio
from toolward.doors.address import Address, listening_socket, reserved
from toolward.errors import ConfigurationError, DeadlineExceeded, InvalidArguments, ToolwardError, Unavailable
from toolward.types import CallContext, ToolCall

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers need Linux")

WORKER = """
import json, os, signal, sys
told = json.loads(sys.stdin.readline())
{before}
print(json.dumps({{"unfinished": told["number"]}}), flush=True)
os.close(1)
while line := sys.stdin.readline():
    with open("go.%d" % told["number"], "a") as file:
        file.write("%d %s" % (os.getpid(), line))
"""


def handover(number: int) -> Handover:
    at = ("127.0.0.1", 1)
    return Handover(number=number, workers=2, supervisor=os.getpid(), http=at, grpc=at, owned={})


def workers(before: str = "", **timing: float) -> Workers:
    quick = WorkerTiming(first_wait=0.01, longest_wait=0.05, **timing)
    return Workers((sys.executable, "-S", "-c", WORKER.format(before=before)), handover, 2, quick)


def children() -> set[int]:
    """Workers of this test's process that live."""
    own = psutil.Process().children()
    return {one.pid for one in own if one.status() != psutil.STATUS_ZOMBIE and "-S" in one.cmdline()}


async def told(number: int, lines: int) -> list[list[str]]:
    """What the workers of this number were told so far: process and JSON."""
    file = Path(f"go.{number}")

    def read() -> list[list[str]]:
        found = file.read_text().splitlines() if file.exists() else []
        return [line.split(" ", 1) for line in found]

    async with asyncio.timeout(IN_TIME):
        while len(found := read()) < lines:  # noqa: ASYNC110 -- another process writes it
            await asyncio.sleep(0.01)
    return found


async def test_workers_are_ready_together_come_back_and_end_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with workers() as made:
        assert {number: report.unfinished for number, report in made.reports.items()} == {1: 1, 2: 2}
        made.go(says=True)
        ((first, says),), ((second, silent),) = await told(1, 1), await told(2, 1)
        assert ('"says":true' in says, '"says":true' in silent) == (True, False)
        assert children() == {int(first), int(second)}

        os.kill(int(first), signal.SIGKILL)
        (_, (again, says)) = await told(1, 2)
        assert again != first
        assert '"says":true' not in says, "one that comes back is told to go on, and tells nobody"
        assert children() == {int(again), int(second)}
    assert children() == set()


FAILING = {
    "says why": (
        """print('{"error": "The model is wrong.", "hint": "Mend it."}', flush=True); sys.exit(1)""",
        ConfigurationError,
        "The model is wrong",
    ),
    "dies": ("os._exit(3)", Unavailable, "Worker 2 ended with code 3"),
    "babbles": ("print('hello', flush=True)", Unavailable, "Worker 2 "),
    "hangs": ("signal.pause()", Unavailable, "was not ready within 0.5 s"),
}


@pytest.mark.parametrize("before", FAILING, ids=FAILING.keys())
async def test_one_that_does_not_come_up_ends_all_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    monkeypatch.chdir(tmp_path)
    what, kind, said = FAILING[before]
    with pytest.raises(kind, match=said):
        async with workers(f"if told['number'] == 2: {what}", ready=0.5 if before == "hangs" else IN_TIME):
            pass
    assert children() == set()


async def test_one_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with workers("signal.signal(signal.SIGTERM, signal.SIG_IGN)", stop=0.2):
        assert len(children()) == 2
    assert children() == set()


def test_an_address_is_shared_by_workers_and_with_nobody_else() -> None:
    with reserved(Address("127.0.0.1", 0)) as at:
        with listening_socket(at, shared=True), listening_socket(at, shared=True):
            with pytest.raises(ConfigurationError, match="Cannot listen on"), reserved(at):
                pass  # a second gateway, whose workers would share it too
            with pytest.raises(ConfigurationError, match="Cannot listen on"):
                listening_socket(at)
        with pytest.raises(OSError, match="refused"):  # what is reserved takes no connections
            socket.create_connection(at, timeout=1)


@asynccontextmanager
async def behind(folder: Path, *specs: StdioSpec) -> AsyncGenerator[tuple[Backends, Backends, Backends]]:
    """A supervisor's backends, and those of two workers."""
    async with AsyncExitStack() as stack:
        owned = await stack.enter_async_context(backends(folder, *specs))
        handed = {spec.name: await stack.enter_async_context(relayed(owned, spec)) for spec in specs}
        reached: tuple[Spec, ...] = reached_by(handed)(specs)
        one = await stack.enter_async_context(backends(folder, *reached))
        yield owned, one, await stack.enter_async_context(backends(folder, *reached))


async def test_a_worker_has_all_of_a_server_on_stdio(tmp_path: Path) -> None:
    specs = [stdio(name, "-m", f"tests.servers.{name}") for name in ("fixture", "offering", "trusted")]
    specs[2] = StdioSpec(name="trusted", address="trusted", launch=specs[2].launch, on_behalf_of=True)
    async with behind(tmp_path, *specs) as (owned, one, other):
        assert one.listings() == other.listings() == owned.listings()
        assert [found.problem for found in one.listings()] == ["", "", ""]
        assert [found.name for found in listing(one, "offering").prompts] == ["greet"]

        big = 10**40 + 1
        assert (await call(one, "fixture", "add", b'{"a": %d, "b": 0}' % big)).structured == {"sum": big}
        failed = await call(one, "fixture", "fail")
        assert (failed.is_error, failed.text) == (True, "the shop is closed; come back tomorrow")
        error = await failing(call(one, "fixture", "add", b'{"a": "x"}'))
        assert isinstance(error, InvalidArguments)
        assert [violation.pointer for violation in error.violations] == ["/a"]
        seen: list[float] = []
        context = CallContext(timeout=20, progress=lambda progress: seen.append(progress.progress))
        await one.call("fixture", ADA, ToolCall("count", b'{"steps": 3}'), context)
        assert seen == [1, 2, 3]

        assert (await ask(one, "trusted", "whoami"))["id"] == "ada"
        (body,) = await one.read_resource("offering", ADA, "test://things/7", CallContext(timeout=20))
        assert body.text == '{"id":7}'
        said = await one.get_prompt("offering", ADA, "greet", {"name": "Bo"}, CallContext(timeout=20))
        assert len(said.messages) == 2


async def test_one_process_serves_all_workers_and_its_end_is_seen_by_each(tmp_path: Path) -> None:
    async with behind(tmp_path, stdio("moody", "-m", "tests.servers.moody")) as (_, one, other):
        first = (await ask(one, "moody", "pid"))["pid"]
        assert (await ask(other, "moody", "pid"))["pid"] == first
        with pytest.raises(ToolwardError):
            await call(one, "moody", "die")
        await gone(first)

        async def again(pool: Backends) -> int:
            """Its new process, once this worker has heard of it."""
            async with asyncio.timeout(IN_TIME):
                while True:
                    try:
                        return int((await ask(pool, "moody", "pid"))["pid"])
                    except (Unavailable, DeadlineExceeded):
                        await asyncio.sleep(0.05)  # while it is left alone, a refusal takes no time

        second, third = await asyncio.gather(again(one), again(other))
        assert second == third != first


async def test_a_relay_serves_nobody_but_workers(tmp_path: Path) -> None:
    spec = StdioSpec(name="none", address="none", launch=Launch(("true",)))
    async with relayed(Backends((), logs=tmp_path), spec) as handed, httpx.AsyncClient() as client:
        told = reached_by({"none": handed})((spec,))[0]
        assert isinstance(told, HttpSpec)
        hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        for token in ("guessed", f"{handed.token}x"):
            answer = await client.post(told.url, json=hello, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 401
