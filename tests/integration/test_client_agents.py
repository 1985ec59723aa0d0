"""Agents and runs through the client, with the connection lost on the way."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest

from tests.integration.scripted_agents import SAID, Agents
from tests.integration.scripted_tools import Tools
from tests.integration.test_grpc_agents import ADA
from tests.integration.test_grpc_serving import relay
from toolward.auth import bearer
from toolward.client import Retries, connect
from toolward.doors.grpc import GrpcDoor, serve_grpc
from toolward.errors import NotFound, Unavailable
from toolward.types import AgentProvider, Answer, RunFilter, RunState, TextDelta


@pytest.fixture
def agents() -> Agents:
    return Agents()


@pytest.fixture
async def door(agents: Agents) -> AsyncGenerator[GrpcDoor, None]:
    known = bearer({"ada's": ADA})
    async with serve_grpc("127.0.0.1:0", Tools(), known, agents=agents, name="test") as door:
        yield door


async def test_a_run_from_its_start_to_its_answer(door: GrpcDoor) -> None:
    async with connect(f"grpc://{door.address}", token="ada's") as client:
        desk = client.agents
        assert [agent.name for agent in await desk.list_agents()] == ["support"]
        asked = asyncio.create_task(desk.ask("support", "Where is it?", key="one"))
        run = await desk.start("support", "Where is it?", key="one")  # the same run, whoever came first
        (request,) = await desk.input_requests(run.id)
        await desk.answer(request.id, Answer(text="ORD-1007"))
        assert (await asked) == await desk.get(run.id)
        assert (await asked).answer == "ORD-1007"
        page = await desk.list_runs(only=RunFilter(state=RunState.COMPLETED))
        assert [one.id for one in page.runs] == [run.id]
        with pytest.raises(NotFound):
            await desk.cancel("run_99")


async def test_watching_goes_on_where_the_connection_was_lost(agents: Agents, door: GrpcDoor) -> None:
    async with relay(door.port) as (port, cut):
        target = f"grpc://127.0.0.1:{port}"
        async with connect(target, token="ada's", retries=Retries(more=50, wait=0.05, longest=0.2)) as client:
            run = await client.agents.start("support", "Where is it?")
            seen: list[int] = []
            async for event in client.agents.watch(run.id):
                seen.append(event.seq)
                if event.seq == 2:
                    cut()
                    await agents.answer_input_request(ADA, f"req_{run.id}", Answer(text="ORD-1007"))
    assert seen == [1, 2, 3]


async def test_watching_gives_up_where_nobody_answers_any_more() -> None:
    async with connect("grpc://127.0.0.1:1", retries=Retries(more=1, wait=0.01)) as client:
        with pytest.raises(Unavailable, match="Nothing answers"):
            await anext(client.agents.watch("run_1"))


async def test_pieces_of_text_come_where_they_are_asked_for(agents: Agents, door: GrpcDoor) -> None:
    async with connect(f"grpc://{door.address}", token="ada's") as client:
        run = await client.agents.start("support", "Where is it?")
        await client.agents.cancel(run.id)
        with_text = [news async for news in client.agents.watch(run.id, 2, deltas=True)]
        assert [news for news in with_text if isinstance(news, TextDelta)] == list(SAID)
        assert [event.seq async for event in client.agents.watch(run.id, 2)] == [3]


class _Forgetful:
    """Does what it is asked; the first answer to each thing is lost."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents
        self.lost: list[str] = []

    def __getattr__(self, name: str) -> Any:
        async def done(*given: Any, **named: Any) -> Any:
            result = await getattr(self._agents, name)(*given, **named)
            if name not in self.lost:
                self.lost.append(name)
                raise Unavailable("The answer was lost.")
            return result

        return done


async def test_what_a_repeat_does_not_change_is_tried_again_and_nothing_is_done_twice() -> None:
    agents = Agents()
    forgetful = _Forgetful(agents)
    known, provider = bearer({"ada's": ADA}), cast(AgentProvider, forgetful)
    async with serve_grpc("127.0.0.1:0", Tools(), known, agents=provider, name="test") as door:
        quick = Retries(more=2, wait=0.01)
        async with connect(f"grpc://{door.address}", token="ada's", retries=quick) as client:
            desk = client.agents
            run = await desk.start("support", "Where is it?")
            assert (await desk.pause(run.id)).state is RunState.PAUSED
            assert (await desk.resume(run.id)).state is RunState.RUNNING
            another = await desk.retry(run.id, 2)
            assert (another.id, another.parent) == ("run_2", run.id)
            await desk.send(run.id, "And when?")
            await desk.send(run.id, "And when?")  # by another key: it is said again
            await desk.rate(run.id, 1, "well done")
            with pytest.raises(Unavailable, match="was lost"):
                await desk.take(f"req_{run.id}")
    assert forgetful.lost == [
        "start_run", "pause_run", "resume_run", "retry_run", "send_message", "rate_run", "take_input_request",
    ]  # fmt: skip
    assert list(agents.runs) == ["run_1", "run_2"]
    said = [event.data for event in agents.logs["run_1"] if event.type == "said"]
    assert said == [{"text": "And when?"}, {"text": "And when?"}]
