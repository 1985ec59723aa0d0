"""`toolward.v1.AgentService` over real sockets, before a provider that keeps its runs in memory."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2
from msgspec.structs import replace

from tests.integration.scripted_agents import BIG, Agents
from tests.integration.scripted_tools import Tools, failing
from tests.integration.test_grpc_serving import relay
from toolward.auth import bearer
from toolward.client.grpc import GrpcClient
from toolward.doors.grpc import GrpcDoor, serve_grpc
from toolward.errors import Conflict, InvalidRequest, NotFound, Unauthenticated, Unavailable
from toolward.types import (
    Agent,
    Answer,
    Principal,
    RequestState,
    RunEvent,
    RunFilter,
    RunState,
    TextDelta,
)

ADA, BOB, NOBODY = Principal("ada"), Principal("bob"), Principal("")


@pytest.fixture
def agents() -> Agents:
    return Agents()


@pytest.fixture
async def door(agents: Agents) -> AsyncGenerator[GrpcDoor, None]:
    known = bearer({"ada's": ADA, "bob's": BOB})
    async with serve_grpc("127.0.0.1:0", Tools(), known, agents=agents, name="test") as door:
        yield door


@pytest.fixture
async def client(door: GrpcDoor) -> AsyncGenerator[GrpcClient, None]:
    async with GrpcClient(door.address, "ada's") as client:
        yield client


async def test_a_run_from_start_to_answer(agents: Agents, client: GrpcClient) -> None:
    assert await client.list_agents(NOBODY) == (Agent("support", "Support", "Helps customers.", "offline"),)
    run = await client.start_run(NOBODY, "support", "Where is it? 😀", key="k")
    assert run == agents.runs["run_1"]
    assert (run.owner, run.input) == ("ada", "Where is it? 😀")
    assert await client.start_run(NOBODY, "support", "again", key="k") == run

    (request,) = await client.list_input_requests(NOBODY)
    assert request == agents.requests["req_run_1"]
    assert await client.list_input_requests(NOBODY, "run_9") == ()
    answered = await client.answer_input_request(NOBODY, request.id, Answer(text="ORD-1007"))
    assert answered == replace(request, state=RequestState.ANSWERED)

    done = await client.get_run(NOBODY, run.id)
    assert (done.state, done.answer) == (RunState.COMPLETED, "ORD-1007")
    again = await failing(client.answer_input_request(NOBODY, request.id, Answer(approve=True)))
    assert isinstance(again, Conflict)
    assert again.request_id == request.id


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer(approve=True, reason="fine"), RequestState.APPROVED),
        (Answer(approve=False, reason="too much"), RequestState.DENIED),
        (Answer(approve=True, arguments_json=b'{"n": 123456789012345678901}'), RequestState.APPROVED),
        (Answer(text=""), RequestState.ANSWERED),
    ],
)
async def test_each_kind_of_answer_arrives(
    agents: Agents, client: GrpcClient, answer: Answer, state: RequestState
) -> None:
    await client.start_run(NOBODY, "support", "x")
    answered = await client.answer_input_request(NOBODY, "req_run_1", answer)
    assert answered.state is state
    assert agents.last_answer == answer
    assert (await client.get_run(NOBODY, "run_1")).answer == (answer.text or answer.reason)


async def test_a_request_is_looked_at_and_withdrawn(client: GrpcClient) -> None:
    await client.start_run(NOBODY, "support", "x")
    (request,) = await client.list_input_requests(NOBODY)
    assert await client.get_input_request(NOBODY, request.id) == request
    assert (await client.withdraw_input_request(NOBODY, request.id)).state is RequestState.VOID
    assert (await client.get_input_request(NOBODY, request.id)).state is RequestState.VOID


async def test_watching_follows_a_run_to_its_end(agents: Agents, client: GrpcClient) -> None:
    await client.start_run(NOBODY, "support", "x")
    seen: list[RunEvent] = []
    async for event in client.watch_run(NOBODY, "run_1"):
        assert isinstance(event, RunEvent)
        seen.append(event)
        if event.type == "asked":
            await client.cancel_run(NOBODY, "run_1")
    assert seen == agents.logs["run_1"]
    assert [event.seq for event in seen] == [1, 2, 3]
    assert seen[0].data["big"] == BIG


async def test_watching_goes_on_after_what_was_seen(client: GrpcClient) -> None:
    await client.start_run(NOBODY, "support", "x")
    await client.cancel_run(NOBODY, "run_1")
    assert [
        event.seq async for event in client.watch_run(NOBODY, "run_1", after=2) if isinstance(event, RunEvent)
    ] == [3]


async def test_who_stops_watching_leaves_nothing_behind(agents: Agents, client: GrpcClient) -> None:
    await client.start_run(NOBODY, "support", "x")
    async with aclosing(client.watch_run(NOBODY, "run_1")) as events:
        async for _ in events:
            break
    await asyncio.wait_for(agents.left.wait(), 10)


class Flooding(Agents):
    """Says more than goes out before the reader reads."""

    def __init__(self) -> None:
        super().__init__()
        self.more = asyncio.Event()

    async def watch_run(
        self, principal: Principal, run_id: str, after: int = 0, deltas: bool = False
    ) -> AsyncGenerator[RunEvent | TextDelta, None]:
        try:
            yield TextDelta(1, 0, "x")
            self.more.set()
            while True:
                yield TextDelta(1, 1, "x" * 8_000_000)
        finally:
            self.left.set()


async def test_who_is_lost_in_the_middle_of_a_stream_is_no_failure_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    agents = Flooding()
    async with (
        serve_grpc("127.0.0.1:0", Tools(), None, agents=agents, name="test") as door,
        relay(door.port) as (port, cut),
        GrpcClient(f"127.0.0.1:{port}") as client,
    ):
        watching = client.watch_run(NOBODY, "run_1", 0, True)
        await anext(watching)
        await asyncio.wait_for(agents.more.wait(), 30)
        cut()
        await asyncio.wait_for(agents.left.wait(), 30)
        await watching.aclose()
    assert "failed" not in caplog.text


async def test_pages_of_runs(client: GrpcClient) -> None:
    for text in "abc":
        await client.start_run(NOBODY, "support", text)
    await client.cancel_run(NOBODY, "run_2")
    first = await client.list_runs(NOBODY, size=2)
    assert [run.id for run in first.runs] == ["run_3", "run_2"]
    rest = await client.list_runs(NOBODY, size=2, cursor=first.next_cursor)
    assert ([run.id for run in rest.runs], rest.next_cursor) == (["run_1"], None)
    cancelled = await client.list_runs(NOBODY, only=RunFilter(state=RunState.CANCELLED))
    assert [run.id for run in cancelled.runs] == ["run_2"]
    assert isinstance(await failing(client.list_runs(NOBODY, size=201)), InvalidRequest)


async def test_a_caller_sees_their_own_runs_and_no_stranger_sees_any(
    door: GrpcDoor, client: GrpcClient
) -> None:
    await client.start_run(NOBODY, "support", "x")
    async with GrpcClient(door.address, "bob's") as bob, GrpcClient(door.address) as stranger:
        assert (await bob.list_runs(ADA)).runs == ()
        assert isinstance(await failing(bob.get_run(ADA, "run_1")), NotFound)
        assert isinstance(await failing(anext(_events(bob))), NotFound)
        assert isinstance(await failing(stranger.get_run(ADA, "run_1")), Unauthenticated)
        assert isinstance(await failing(anext(_events(stranger))), Unauthenticated)
    missing = await failing(client.start_run(NOBODY, "sales", "x"))
    assert (missing.message, missing.hint) == ("There is no agent named 'sales'.", "There is: support.")


def _events(client: GrpcClient) -> AsyncIterator[RunEvent | TextDelta]:
    return client.watch_run(ADA, "run_1")


async def test_a_drain_does_not_wait_for_watchers(agents: Agents) -> None:
    async with AsyncExitStack() as stack:
        serving = serve_grpc("127.0.0.1:0", Tools(), None, agents=agents, name="test", grace=60)
        door = await stack.enter_async_context(serving)
        async with GrpcClient(door.address) as client:
            await client.start_run(NOBODY, "support", "x")
            waiting = asyncio.create_task(failing(anext(client.watch_run(NOBODY, "run_1", after=2))))
            await asyncio.wait_for(agents.watching.wait(), 10)
            async with asyncio.timeout(10):  # far below the grace period
                await stack.aclose()
            found = await waiting
    assert isinstance(found, Unavailable)
    assert "test is stopping" in found.message
    assert agents.left.is_set()


async def test_reflection_lists_agents_where_there_are_some(door: GrpcDoor) -> None:
    async with grpc.aio.insecure_channel(door.address) as channel:
        method: Any = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        (listed,) = [
            answer
            async for answer in method(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        ]
    names = [service.name for service in listed.list_services_response.service]
    assert {"toolward.v1.AgentService", "toolward.v1.ToolService"} < set(names)
