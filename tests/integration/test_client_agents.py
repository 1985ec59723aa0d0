"""Agents and runs through the client, with the connection lost on the way."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from tests.integration.scripted_tools import Tools
from tests.integration.test_grpc_agents import ADA, Agents
from tests.integration.test_grpc_serving import relay
from toolward.auth import bearer
from toolward.client import Retries, connect
from toolward.doors.grpc import GrpcDoor, serve_grpc
from toolward.errors import NotFound, Unavailable
from toolward.types import Answer, RunState


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
        page = await desk.list_runs(state=RunState.COMPLETED)
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
