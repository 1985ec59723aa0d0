"""What people can do with runs, the same over gRPC and REST, before a provider that keeps its runs in memory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.servers.rest import rest_app
from tests.contract.agent_drivers import RestAgents
from tests.integration.scripted_agents import SAID, Agents
from tests.integration.scripted_tools import Tools, failing
from toolward.auth import bearer
from toolward.client.grpc import GrpcClient
from toolward.doors.address import parse_address
from toolward.doors.grpc import serve_grpc
from toolward.doors.serve import http_server
from toolward.errors import Conflict, InvalidRequest, NotFound
from toolward.types import (
    Answer,
    Principal,
    RequestState,
    RunFilter,
    RunState,
    Said,
    ServerInfo,
)

ADA, BOB, NOBODY = Principal("ada"), Principal("bob"), Principal("")
KNOWN = bearer({"adas": ADA, "bobs": BOB})
Door = GrpcClient | RestAgents


@pytest.fixture
def agents() -> Agents:
    return Agents()


@asynccontextmanager
async def over_rest(agents: Agents) -> AsyncGenerator[RestAgents, None]:
    app = rest_app(ServerInfo("test", "1"), Tools(), agents, KNOWN, lambda _: {})
    async with (
        http_server(app, parse_address("127.0.0.1:0")) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        yield RestAgents(client, "adas")


@asynccontextmanager
async def over_grpc(agents: Agents) -> AsyncGenerator[GrpcClient, None]:
    async with (
        serve_grpc("127.0.0.1:0", Tools(), KNOWN, agents=agents, name="test") as opened,
        GrpcClient(opened.address, "adas") as client,
    ):
        yield client


@pytest.fixture
async def rest(agents: Agents) -> AsyncGenerator[RestAgents, None]:
    async with over_rest(agents) as client:
        yield client


@pytest.fixture(params=[over_grpc, over_rest], ids=["grpc", "rest"])
async def door(agents: Agents, request: pytest.FixtureRequest) -> AsyncGenerator[Door, None]:
    async with request.param(agents) as client:
        yield client


async def test_a_run_is_paused_and_goes_on(agents: Agents, door: Door) -> None:
    run = await door.start_run(NOBODY, "support", "x")
    for _ in range(2):
        assert (await door.pause_run(NOBODY, run.id)).state is RunState.PAUSED
    for _ in range(2):
        assert await door.resume_run(NOBODY, run.id) == agents.runs[run.id]
    assert agents.runs[run.id].state is RunState.RUNNING
    assert [event.type for event in agents.logs[run.id]].count("moved") == 2


async def test_a_run_goes_on_with_a_conversation_that_was_held_elsewhere(agents: Agents, door: Door) -> None:
    before = (Said("user", "I am Ada. 😀"), Said("assistant", "Hello!"))
    await door.start_run(NOBODY, "support", "Who am I?", before=before)
    assert agents.before == before


async def test_a_retry_is_a_run_of_its_own_and_one_a_key(agents: Agents, door: Door) -> None:
    first = await door.start_run(NOBODY, "support", "x")
    run = await door.retry_run(NOBODY, first.id, 1, "k")
    assert (run.id, run.parent) == ("run_2", first.id)
    assert await door.retry_run(NOBODY, first.id, 1, "k") == run
    assert (await door.retry_run(NOBODY, first.id, 1)).id == "run_3"
    assert isinstance(await failing(door.retry_run(NOBODY, first.id, 9)), InvalidRequest)
    assert [event.seq for event in agents.logs[run.id]] == [1]


async def test_a_message_goes_on_with_the_conversation_once_a_key(agents: Agents, door: Door) -> None:
    run = await door.start_run(NOBODY, "support", "x")
    sent = await door.send_message(NOBODY, run.id, "And when? 😀", "k")
    assert sent == agents.runs[run.id]
    assert await door.send_message(NOBODY, run.id, "And when? 😀", "k") == sent
    said = [event.data["text"] for event in agents.logs[run.id] if event.type == "said"]
    assert said == ["And when? 😀"]
    await door.cancel_run(NOBODY, run.id)
    refused = await failing(door.send_message(NOBODY, run.id, "And now?"))
    assert isinstance(refused, Conflict)
    assert (refused.message, refused.hint) == ("run_1 was cancelled.", "Start another run.")


@pytest.mark.parametrize("score", [-1, 0, 0.25, 1])
async def test_a_rating_arrives(agents: Agents, door: Door, score: float) -> None:
    run = await door.start_run(NOBODY, "support", "x")
    assert (await door.rate_run(NOBODY, run.id, score, "so so")).id == run.id
    assert agents.ratings == [(run.id, score, "so so")]


@pytest.mark.parametrize("score", [-1.5, 2])
async def test_a_rating_beyond_the_scale_is_refused(agents: Agents, door: Door, score: float) -> None:
    run = await door.start_run(NOBODY, "support", "x")
    assert isinstance(await failing(door.rate_run(NOBODY, run.id, score)), InvalidRequest)
    assert agents.ratings == []


@pytest.mark.parametrize(
    "only",
    [
        RunFilter(),
        RunFilter("support", "ada", RunState.PAUSED, "crm.get_record", 1, 2, 3),
        RunFilter(since=2**53 - 1),
    ],
    ids=["none", "all", "a large one"],
)
async def test_filters_arrive_as_they_were_given(agents: Agents, door: Door, only: RunFilter) -> None:
    await door.list_runs(NOBODY, size=3, only=only)
    assert agents.filtered == only


async def test_a_filter_that_makes_no_sense_is_refused(door: Door) -> None:
    assert isinstance(await failing(door.list_runs(NOBODY, only=RunFilter(since=-1))), InvalidRequest)


async def test_one_of_the_choices_is_the_answer(agents: Agents, door: Door) -> None:
    run = await door.start_run(NOBODY, "support", "x")
    request = await door.get_input_request(NOBODY, f"req_{run.id}")
    assert request.choices == ("ORD-1007", "cancel")
    said = Answer(choice="ORD-1007", text="I rang them up.", reason="told")
    answered = await door.answer_input_request(NOBODY, request.id, said)
    assert answered.state is RequestState.ANSWERED
    assert agents.last_answer == said
    assert (await door.get_run(NOBODY, run.id)).answer == "I rang them up."


async def test_a_case_is_taken_over_once_and_handed_back(door: Door) -> None:
    run = await door.start_run(NOBODY, "support", "x")
    request_id = f"req_{run.id}"
    assert (await door.take_input_request(NOBODY, request_id)).state is RequestState.TAKEN
    assert isinstance(await failing(door.take_input_request(NOBODY, request_id)), Conflict)
    answered = await door.answer_input_request(NOBODY, request_id, Answer(text="I rang them up."))
    assert answered.state is RequestState.ANSWERED


async def test_what_a_model_was_asked_arrives_as_it_was(agents: Agents, door: Door) -> None:
    run = await door.start_run(NOBODY, "support", "x")
    assert await door.get_model_request(NOBODY, run.id, 1) == await agents.get_model_request(ADA, run.id, 1)
    assert isinstance(await failing(door.get_model_request(NOBODY, run.id, 2)), NotFound)


async def test_what_belongs_to_others_is_not_found(agents: Agents, door: Door) -> None:
    run = await agents.start_run(BOB, "support", "x")
    for work in (
        door.pause_run(NOBODY, run.id),
        door.resume_run(NOBODY, run.id),
        door.retry_run(NOBODY, run.id, 1),
        door.send_message(NOBODY, run.id, "x"),
        door.rate_run(NOBODY, run.id, 1),
        door.get_model_request(NOBODY, run.id, 1),
        anext(door.watch_run(NOBODY, run.id, 0, True)),
    ):
        found = await failing(work)
        assert isinstance(found, NotFound)
        assert run.id in found.message


async def test_pieces_of_text_come_between_the_events_where_they_are_asked_for(
    agents: Agents, door: Door
) -> None:
    run = await door.start_run(NOBODY, "support", "x")
    await door.cancel_run(NOBODY, run.id)
    asked, *pieces, ended = [news async for news in door.watch_run(NOBODY, run.id, 1, True)]
    assert pieces == list(SAID)
    assert [asked, ended] == agents.logs[run.id][1:]
    assert [one async for one in door.watch_run(NOBODY, run.id, 1)] == [asked, ended]


# --- REST alone ----------------------------------------------------------------------------------------


async def test_a_piece_of_text_has_no_id_so_that_a_client_comes_back_behind_the_last_event(
    rest: RestAgents,
) -> None:
    run = await rest.start_run(NOBODY, "support", "x")
    await rest.cancel_run(NOBODY, run.id)
    events = [(one.event, one.id) async for one in rest.raw_events(run.id, {"deltas": "true"}, "1")]
    assert events == [("asked", "2"), *[("text_delta", None)] * len(SAID), ("ended", "3")]
    (first, *_) = [one async for one in rest.raw_events(run.id, {"deltas": "true"}) if one.id is None]
    assert first.data == '{"turn":1,"offset":0,"text":"Let me see.","kind":"reasoning"}'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("retry", {}),
        ("retry", {"after": -1}),
        ("retry", {"after": "1"}),
        ("messages", {"text": ""}),
        ("messages", {"text": "x", "key": "k"}),
        ("rating", {"score": None}),
        ("rating", {"score": "1"}),
    ],
)
async def test_a_wrong_body_is_told_with_its_place(rest: RestAgents, path: str, body: object) -> None:
    run = await rest.start_run(NOBODY, "support", "x")
    headers = {"authorization": "Bearer adas"}
    answer = await rest.client.post(f"/v1/runs/{run.id}/{path}", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["violations"][0]["pointer"].startswith("/body/")


async def test_a_retry_says_where_the_new_run_is(rest: RestAgents) -> None:
    run = await rest.start_run(NOBODY, "support", "x")
    headers = {"authorization": "Bearer adas"}
    answer = await rest.client.post(f"/v1/runs/{run.id}/retry", json={"after": 1}, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (201, "/v1/runs/run_2")


async def test_the_document_describes_every_route_and_filter(rest: RestAgents) -> None:
    document = (await rest.client.get("/openapi.json")).json()
    paths = document["paths"]
    for path in ("pause", "resume", "retry", "messages", "rating"):
        assert "post" in paths[f"/v1/runs/{{run_id}}/{path}"]
    assert "post" in paths["/v1/input-requests/{request_id}/take"]
    assert "get" in paths["/v1/runs/{run_id}/requests/{turn}"]
    listed = {one["name"]: one for one in paths["/v1/runs"]["get"]["parameters"]}
    assert set(RunFilter.__struct_fields__) < set(listed)
    assert listed["since"]["schema"]["minimum"] == 0
    watched = {one["name"] for one in paths["/v1/runs/{run_id}/events"]["get"]["parameters"]}
    assert {"after", "deltas", "last-event-id"} <= watched
    schemas = document["components"]["schemas"]
    assert "choices" in schemas["InputRequest"]["properties"]
    assert "choice" in schemas["GiveAnswer"]["properties"]
    piece = schemas["TextDelta"]["properties"]
    assert set(piece) == {"turn", "offset", "text", "kind"}
    assert set(piece["kind"]["enum"]) == {"text", "reasoning", "call"}
