"""Whole runs through the real loop, ledger and dispatch, over each wire to a real HTTP endpoint; and stopped in the
middle: what is asked after a restart is, byte for byte, what an undisturbed run asks."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace as changed

from gateway.agent.definition import Limits
from tests.endpoints import Call, Reply, Request, ScriptedEndpoint, Tokens, says, scripted_endpoint
from tests.endpoints.script import Step
from tests.endpoints.speech import WIRES, WireName
from tests.endpoints.talking import our_endpoint
from tests.integration.run_house import ADA, LEAD, SUPPORT, House, ended, types, until, waiting
from toolward.types import Answer, Run, RunState, text_result

FIRST = Reply(
    "I look at both.",
    "The first é, then 漢字.",
    sealed=True,
    calls=(Call("crm__get", {"id": "A"}), Call("crm__get", {"id": "ü"}), Call("crm__note", {"id": "C"})),
    tokens=Tokens(900, 80, cached=500, reasoning=60),
)
SECOND = Reply(
    "",
    "So B is to be refunded.",
    sealed=True,
    calls=(Call("crm__refund", {"id": "B"}), Call("crm__get", {"id": "D"})),
)
SCRIPT = (FIRST, SECOND, says("B was refunded.", reasoning="All is done."))
MADE = {"get A", "get ü", "note C", "get D", "refund B"}


class Told(NamedTuple):
    run: Run
    bodies: list[bytes]
    made: list[str]


@pytest.fixture(params=[True, False], ids=["streamed", "whole"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return request.param


@asynccontextmanager
async def house_at(
    path: Path, wire: WireName, streamed: bool, script: Sequence[Step]
) -> AsyncGenerator[tuple[House, ScriptedEndpoint]]:
    path.mkdir()  # noqa: ASYNC240 -- an empty folder of a test
    async with scripted_endpoint() as endpoint, our_endpoint(wire, endpoint.url, stream=streamed) as model:
        endpoint.script(script)
        house = House(path / "ledger.db")
        house.model = model
        yield house, endpoint


def told(house: House, endpoint: ScriptedEndpoint, run: Run) -> Told:
    return Told(run, [request.body for request in endpoint.requests], house.made)


async def undisturbed(path: Path, wire: WireName, streamed: bool) -> Told:
    async with house_at(path, wire, streamed, SCRIPT) as (house, endpoint), house.open() as runs:
        run = await runs.start_run(ADA, "support", "What of A, ü and B?")
        request = await waiting(runs, run)
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        return told(house, endpoint, await ended(runs, run))


async def stopped(path: Path, wire: WireName, streamed: bool) -> Told:
    """In the middle of its second reply, while a person is asked, and in the middle of its last reply."""
    halves = [step.sent(then="stall", until=0.5) for step in SCRIPT]
    script = (FIRST, halves[1], SECOND, halves[2], SCRIPT[2])
    async with house_at(path, wire, streamed, script) as (house, endpoint):
        async with house.open() as runs:
            run = await runs.start_run(ADA, "support", "What of A, ü and B?")
            await endpoint.stalled.wait()
        endpoint.stalled.clear()
        async with house.open() as runs:
            await runs.resume_unfinished()
            request = await waiting(runs, run)
        async with house.open() as runs:
            await runs.resume_unfinished()
            await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
            await endpoint.stalled.wait()
        async with house.open() as runs:
            await runs.resume_unfinished()
            return told(house, endpoint, await ended(runs, run))


@pytest.mark.parametrize("wire", WIRES)
async def test_a_run_asks_the_same_after_a_restart(tmp_path: Path, wire: WireName, streamed: bool) -> None:
    whole = await undisturbed(tmp_path / "undisturbed", wire, streamed)
    assert (whole.run.state, whole.run.answer) == (RunState.COMPLETED, "B was refunded.")
    assert set(whole.made) == MADE
    first, second, third = whole.bodies
    done = await stopped(tmp_path / "stopped", wire, streamed)
    assert done.run.answer == whole.run.answer
    assert sorted(done.made) == sorted(whole.made)
    assert done.bodies == [first, second, second, third, third]


LAST_WORDS = (FIRST, says("x y z").sent(then="stall", until=0.5), says("That is all I have."))


@pytest.mark.parametrize("wire", WIRES)
async def test_at_its_limit_a_run_asks_the_same_after_a_restart(tmp_path: Path, wire: WireName) -> None:
    """Without tools, but the beginning of the conversation stays the one that the endpoint has in its cache."""
    async with house_at(tmp_path / "house", wire, True, LAST_WORDS) as (house, endpoint):
        house.agents = {"support": changed(SUPPORT, limits=Limits(turns=1, calls=20))}
        async with house.open() as runs:
            run = await runs.start_run(ADA, "support", "What of A, ü and B?")
            await endpoint.stalled.wait()
        async with house.open() as runs:
            await runs.resume_unfinished()
            run = await ended(runs, run)
    assert (run.state, run.answer) == (RunState.FAILED, "That is all I have.")
    _, last, again = endpoint.requests
    assert again.body == last.body
    assert last.json["tool_choice"] == ({"type": "none"} if wire == "anthropic_messages" else "none")
    assert last.json["tools"] == endpoint.requests[0].json["tools"]


class Long:
    """A model that goes on for some rounds, with two large results each, and sums up when it has no tools. Tokens
    are counted by the bytes that it is sent, so that a run comes to fold."""

    def __init__(self, endpoint: ScriptedEndpoint, stalls_at: int) -> None:
        self._endpoint = endpoint
        self._stalls_at = stalls_at
        self._rounds = 0

    def __call__(self, request: Request) -> Step:
        tokens = Tokens(len(request.body) // 4, 50)
        if len(self._endpoint.requests) == self._stalls_at:
            return says("x y z").sent(then="stall", until=0.5)
        if "tools" not in request.json:
            return says("Much was looked at.", tokens=tokens)
        self._rounds += 1
        if self._rounds > 8:
            return says("All done.", tokens=tokens)
        called = (Call("crm__get", {"id": f"A{self._rounds}"}), Call("crm__get", {"id": f"B{self._rounds}"}))
        return Reply("", f"Thought {self._rounds} é.", sealed=True, calls=called, tokens=tokens)


async def long_run(path: Path, wire: WireName, stalls_at: int = 0) -> tuple[Run, list[bytes], list[str]]:
    async with house_at(path, wire, True, ()) as (house, endpoint):
        endpoint.answer_with(Long(endpoint, stalls_at))
        house.agents = {"support": changed(SUPPORT, limits=Limits(turns=40, calls=200, context_tokens=1000))}
        house.backends.answers["crm.get"] = text_result("word " * 150)
        async with house.open() as runs:
            run = await runs.start_run(ADA, "support", "What of all of them? é")
            if not stalls_at:
                run = await ended(runs, run)
            else:
                await endpoint.stalled.wait()
        if stalls_at:
            async with house.open() as runs:
                await runs.resume_unfinished()
                run = await ended(runs, run)
        async with house.open() as runs:
            log = types(await until(runs, run.id))
        return run, [request.body for request in endpoint.requests], log


@pytest.mark.parametrize("wire", WIRES)
async def test_a_long_run_is_folded_into_requests_that_the_service_takes(
    tmp_path: Path, wire: WireName
) -> None:
    """And they are the same after a restart behind all that was folded and summarised."""
    run, bodies, log = await long_run(tmp_path / "undisturbed", wire)
    assert (run.state, run.answer) == (RunState.COMPLETED, "All done.")
    assert {"results_folded", "turns_summarised"} <= set(log)
    last = len(bodies)
    again, told, _ = await long_run(tmp_path / "stopped", wire, stalls_at=last)
    assert again.answer == run.answer
    assert told == [*bodies, bodies[-1]]
