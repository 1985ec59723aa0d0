"""Whole runs through the real loop, ledger and dispatch, over each wire to a real HTTP endpoint; and stopped in the
middle: what is asked after a restart is, byte for byte, what an undisturbed run asks."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.endpoints import Call, Reply, ScriptedEndpoint, Tokens, says, scripted_endpoint
from tests.endpoints.official import WIRES, WireName
from tests.endpoints.script import Step
from tests.endpoints.talking import our_endpoint
from tests.integration.run_house import ADA, LEAD, House, ended, waiting
from toolward.types import Answer, Run, RunState

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
