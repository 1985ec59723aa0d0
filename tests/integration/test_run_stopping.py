"""A run that is cancelled, or whose gateway leaves, in the middle of something: the model endpoint's connection and
the tool's work end at once, not when they would have."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway.agent.definition import AgentDefinition
from gateway.backends.pool import Backends
from gateway.bootstrap.models import open_models
from gateway.core.model_spec import ModelSpec
from gateway.core.ports import ModelReply, ToolUse
from gateway.core.spec import HttpSpec, StdioSpec
from gateway.runs.runner import Runs
from tests.integration.run_house import ADA, RULES, House, ended, says, until
from tests.integration.test_backends import backends, free_port, python
from tests.twins import TwinModel
from toolward.types import RunState, TextDelta

SOON = 2.0  # seconds; it takes hundredths of one
AGENT = AgentDefinition(name="support", instructions="Help.", tools=("*.*",))
ALLOWED = RULES + "  - {id: it, principals: ['role:support'], tools: ['it.*'], effect: allow}\n"


class Heard:
    """What was told, and when."""

    def __init__(self) -> None:
        self.go = asyncio.Event()  # lets the endpoint say the rest
        self._said: asyncio.Queue[tuple[str, float]] = asyncio.Queue()

    def say(self, what: str) -> None:
        self._said.put_nowait((what, time.perf_counter()))

    async def next(self, what: str) -> float:
        async with asyncio.timeout(30):
            said, at = await self._said.get()
        assert said == what
        return at


# --- a model endpoint that says two words and no more


def chunk(text: str, finish: str | None = None) -> bytes:
    delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}
    data = f"data: {json.dumps(delta)}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


@asynccontextmanager
async def hanging_endpoint(heard: Heard) -> AsyncGenerator[str, None]:
    """It tells `began` when the words are out, and `gone` when the client has hung up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"ength:" in line]
        await reader.readexactly(length)
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        writer.write(chunk("Let me"))
        await writer.drain()
        heard.say("began")
        left = asyncio.create_task(reader.read())
        going_on = asyncio.create_task(heard.go.wait())
        await asyncio.wait({left, going_on}, return_when=asyncio.FIRST_COMPLETED)
        if heard.go.is_set():
            writer.write(chunk(" see.", "stop") + b"0\r\n\r\n")
        going_on.cancel()
        with suppress(ConnectionError):
            await left
        heard.say("gone")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@asynccontextmanager
async def streaming(folder: Path) -> AsyncGenerator[tuple[House, Heard], None]:
    heard = Heard()
    async with hanging_endpoint(heard) as url:
        spec = ModelSpec(name="hangs", wire="openai_chat", base_url=url, model="any")
        async with open_models([spec], {}) as models:
            house = House(folder / "ledger.db")
            house.model = models.endpoint("hangs")
            yield house, heard


async def test_a_cancelled_run_hangs_up_in_the_middle_of_a_stream(tmp_path: Path) -> None:
    async with streaming(tmp_path) as (house, heard), house.open() as runs:
        run = await runs.start_run(ADA, "support", "Hello.")
        await heard.next("began")
        cancelled = time.perf_counter()
        assert (await runs.cancel_run(ADA, run.id)).state is RunState.CANCELLED
        assert await heard.next("gone") - cancelled < SOON
        assert (await until(runs, run.id))[-1].type == "run_cancelled"


async def test_a_gateway_that_leaves_in_the_middle_of_a_stream_hangs_up_and_another_asks_again(
    tmp_path: Path,
) -> None:
    async with streaming(tmp_path) as (house, heard):
        async with house.open() as runs:
            run = await runs.start_run(ADA, "support", "Hello.")
            await heard.next("began")
            leaving = time.perf_counter()
        assert await heard.next("gone") - leaving < SOON
        house.model = TwinModel([says("Good day.")])
        async with house.open() as runs:
            await runs.resume_unfinished()
            assert (await ended(runs, run)).answer == "Good day."


async def test_a_pause_in_the_middle_of_a_stream_lets_it_come_to_its_end_and_begins_nothing_after(
    tmp_path: Path,
) -> None:
    async with streaming(tmp_path) as (house, heard), house.open() as runs:
        run = await runs.start_run(ADA, "support", "Hello.")
        await heard.next("began")
        assert (await runs.pause_run(ADA, run.id)).state is RunState.PAUSED
        heard.go.set()
        pieces: list[TextDelta] = []
        async for news in runs.watch_run(ADA, run.id, 3, True):
            if isinstance(news, TextDelta):
                pieces.append(news)
            elif news.type == "model_replied":
                break
        assert pieces in ([], [TextDelta(1, 6, " see.")])
        assert (await runs.get_run(ADA, run.id)).state is RunState.PAUSED
        await runs.resume_run(ADA, run.id)
        assert (await ended(runs, run)).answer == "Let me see."


# --- tools at work


def over_stdio(port: int) -> StdioSpec:
    launch = python("-m", "tests.servers.telling", TELL_PORT=str(port))
    return StdioSpec(name="it", address="it", launch=launch, timeout=60)


def over_http(port: int) -> HttpSpec:
    at = f"127.0.0.1:{free_port()}"
    start = python("-m", "tests.servers.telling", "--http", at, TELL_PORT=str(port))
    return HttpSpec(name="it", address=at, url=f"http://{at}/mcp", start=start, timeout=60)


class Listener(asyncio.DatagramProtocol):
    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._heard.say(data.decode())


class RealHouse(House):
    """With backends that are processes."""

    def __init__(self, folder: Path, pool: Backends) -> None:
        super().__init__(folder / "ledger.db")
        self.backends = pool  # pyright: ignore[reportAttributeAccessIssue, reportIncompatibleVariableOverride]
        self.rules = ALLOWED
        self.agents = {"support": AGENT}


@asynccontextmanager
async def working(
    folder: Path, spec: Callable[[int], HttpSpec | StdioSpec]
) -> AsyncGenerator[tuple[RealHouse, Heard], None]:
    heard = Heard()
    loop = asyncio.get_running_loop()
    out, _ = await loop.create_datagram_endpoint(lambda: Listener(heard), ("127.0.0.1", 0))
    async with AsyncExitStack() as stack:
        stack.callback(out.close)
        pool = await stack.enter_async_context(backends(folder, spec(out.get_extra_info("sockname")[1])))
        yield RealHouse(folder, pool), heard


def waits() -> TwinModel:
    use = ToolUse("use_1", "it__wait", "{}")
    return TwinModel([ModelReply("", (use,), "tool_use"), says("Done.")])


async def seconds_to_stop(runs: Runs, heard: Heard, stop: Callable[[str], Awaitable[object]]) -> float:
    """From the word to the tool's own end."""
    run = await runs.start_run(ADA, "support", "Wait.")
    await heard.next("began")
    asked = time.perf_counter()
    await stop(run.id)
    return await heard.next("cancelled") - asked


@pytest.mark.parametrize("spec", [over_stdio, over_http], ids=["stdio", "http"])
async def test_a_cancelled_run_stops_the_tool_that_works_for_it(
    tmp_path: Path, spec: Callable[[int], HttpSpec | StdioSpec]
) -> None:
    async with working(tmp_path, spec) as (house, heard):
        house.model = waits()
        async with house.open() as runs:
            assert await seconds_to_stop(runs, heard, lambda run_id: runs.cancel_run(ADA, run_id)) < SOON
        house.model = waits()
        async with house.open() as runs:  # and so does a gateway that leaves
            assert await seconds_to_stop(runs, heard, lambda _: runs.close()) < SOON
