"""The model's text as it comes, from real runs through real doors, to several watchers at once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import msgspec
import pytest

from gateway.core.ports import ModelReply, ModelRequest, OnPiece, Piece
from gateway.runs.runner import Runs
from gateway.servers.rest import rest_app
from tests.contract.agent_drivers import RestAgents
from tests.integration.run_house import ADA, House, calls, says
from tests.integration.scripted_tools import Tools
from tests.twins import TwinModel
from toolward.auth import bearer
from toolward.client import connect
from toolward.client.client import Client
from toolward.doors.address import parse_address
from toolward.doors.grpc import serve_grpc
from toolward.doors.serve import http_server
from toolward.errors import Unavailable
from toolward.types import RunEvent, RunState, ServerInfo, TextDelta

REPLIES = (calls(("get", "A"), text="I look it up."), says("It is on its way 😀."))


class Typing(TwinModel):
    """Says its replies letter by letter, the next one when it is let go on."""

    def __init__(self, *replies: ModelReply) -> None:
        super().__init__(replies)
        self.more = asyncio.Semaphore(0)

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        reply = await super().reply(request)
        assert on_piece is not None
        for letter in reply.text:
            await self.more.acquire()
            on_piece(Piece("text", letter))
        await self.more.acquire()
        return reply

    def go_on(self, letters: int = 1) -> None:
        for _ in range(letters):
            self.more.release()


class Doors:
    def __init__(self, house: House, runs: Runs, model: Typing, rest: RestAgents, grpc: Client) -> None:
        self.house, self.runs, self.model, self.rest, self.grpc = house, runs, model, rest, grpc

    def over(self, door: str, run_id: str, after: int = 0) -> AsyncGenerator[RunEvent | TextDelta, None]:
        if door == "rest":
            return self.rest.watch_run(ADA, run_id, after, True)
        return self.grpc.agents.watch(run_id, after, deltas=True)


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncGenerator[Doors, None]:
    house = House(tmp_path / "ledger.db")
    house.model = model = Typing(*REPLIES)
    known = bearer({"adas": ADA})
    async with AsyncExitStack() as stack:
        runs = await stack.enter_async_context(house.open())
        app = rest_app(ServerInfo("test", "1"), Tools(), runs, known, lambda _: {})
        port = await stack.enter_async_context(http_server(app, parse_address("127.0.0.1:0")))
        http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30)
        await stack.enter_async_context(http)
        serving = serve_grpc("127.0.0.1:0", Tools(), known, agents=runs, name="test")
        door = await stack.enter_async_context(serving)
        grpc = await stack.enter_async_context(connect(f"grpc://{door.address}", token="adas"))
        yield Doors(house, runs, model, RestAgents(http, "adas"), grpc)


def events(seen: list[RunEvent | TextDelta]) -> list[RunEvent]:
    return [news for news in seen if isinstance(news, RunEvent)]


def check_pieces(seen: list[RunEvent | TextDelta]) -> None:
    """Each stands where it says, before its reply, in order."""
    whole = {turn: reply.text for turn, reply in enumerate(REPLIES, 1)}
    replied, at = 0, 0
    for news in seen:
        if isinstance(news, TextDelta):
            assert news.turn == replied + 1
            assert news.offset >= at
            at = news.offset + len(news.text)
            assert whole[news.turn][news.offset : at] == news.text
        elif news.type == "model_replied":
            replied, at = news.data["turn"], 0
            assert news.data["text"] == whole[replied]


async def test_watchers_at_both_doors_read_along(doors: Doors) -> None:
    run = await doors.runs.start_run(ADA, "support", "Where is it?")
    heard = {"rest": "", "grpc": ""}
    there: set[str] = set()

    async def read(door: str) -> list[RunEvent | TextDelta]:
        seen: list[RunEvent | TextDelta] = []
        async for news in doors.over(door, run.id):
            seen.append(news)
            there.add(door)
            if len(seen) == 1 and len(there) == len(heard):
                doors.model.go_on()
            if isinstance(news, TextDelta) and news.turn == 1:
                heard[door] += news.text
                if all(len(text) == len(heard[door]) for text in heard.values()):
                    doors.model.go_on()  # both have the letter: now the next
            elif isinstance(news, RunEvent) and news.type == "tool_returned":
                doors.model.go_on(100)
        return seen

    reading = [asyncio.create_task(read(door)) for door in heard]
    async with asyncio.timeout(30):
        rest, grpc = await asyncio.gather(*reading)
    assert heard == {"rest": REPLIES[0].text, "grpc": REPLIES[0].text}
    assert events(rest) == events(grpc) == list(await doors.house.ledger.events(run.id))
    for seen in (rest, grpc):
        check_pieces(seen)
    assert (await doors.runs.get_run(ADA, run.id)).state is RunState.COMPLETED


@pytest.mark.parametrize("door", ["rest", "grpc"])
async def test_who_comes_in_the_middle_of_a_turn_reads_on_from_there(doors: Doors, door: str) -> None:
    run = await doors.runs.start_run(ADA, "support", "Where is it?")
    first: list[RunEvent | TextDelta] = []
    async with asyncio.timeout(30):
        async for news in doors.over(door, run.id):
            if not first:  # so it watches: what is said before that, nobody hears
                doors.model.go_on(7)
            first.append(news)
            if isinstance(news, TextDelta) and news.offset + len(news.text) == 7:
                break
    last = events(first)[-1].seq
    later: list[RunEvent | TextDelta] = []
    async with asyncio.timeout(30):
        async for news in doors.over(door, run.id, last - 1):
            later.append(news)
            if isinstance(news, RunEvent) and news.seq == last:  # so it watches: let all come
                doors.model.go_on(200)
    assert all(news.offset >= 7 for news in later if isinstance(news, TextDelta) and news.turn == 1)
    check_pieces(later)
    assert events(later) == list(await doors.house.ledger.events(run.id, last - 1))
    assert (await doors.runs.get_run(ADA, run.id)).answer == REPLIES[1].text


@pytest.mark.parametrize("door", ["rest", "grpc"])
async def test_a_gateway_that_stops_in_the_middle_of_a_turn_lets_its_watchers_go_at_once(
    doors: Doors, door: str
) -> None:
    """They are told; a client of ours comes back behind the last event when there is a gateway again."""
    run = await doors.runs.start_run(ADA, "support", "Where is it?")
    seen: list[RunEvent | TextDelta] = []

    async def watch() -> None:
        if door == "grpc":
            provider = doors.grpc.agents._provider  # pyright: ignore[reportPrivateUsage] -- it tries once
            async for news in provider.watch_run(ADA, run.id, 0, True):
                seen.append(news)  # noqa: PERF401 -- looked at meanwhile
        else:
            async for one in doors.rest.raw_events(run.id, {"deltas": True}):
                if one.event == "problem":
                    raise Unavailable(one.data)
                kind = TextDelta if one.event == "text_delta" else RunEvent
                seen.append(msgspec.json.decode(one.data, type=kind))

    watching = asyncio.create_task(watch())
    async with asyncio.timeout(20):
        while not seen:  # noqa: ASYNC110 -- it is another client
            await asyncio.sleep(0.005)
        doors.model.go_on(3)  # not before it watches: what is said is not said again
        while not any(isinstance(one, TextDelta) for one in seen):  # noqa: ASYNC110 -- likewise
            await asyncio.sleep(0.005)
        doors.runs.stop_watching()
        with pytest.raises(Unavailable, match="The gateway stops"):
            await watching
        with pytest.raises(Unavailable, match="The gateway stops"):
            async for _ in doors.runs.watch_run(ADA, run.id, 99):
                pass
