"""The work that is measured: real runs over a real ledger, with a model and tools that answer at once."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gateway.agent import events as ev
from gateway.agent.context import Asked
from gateway.agent.definition import AgentDefinition, Limits
from gateway.agent.loop import CallModel
from gateway.agent.making import model_replied
from gateway.agent.model_requests import request_digest
from gateway.agent.state import RunStateData, advance, begin
from gateway.agent.stored import encode
from gateway.core.ports import ModelPort, ModelReply, ModelRequest, RunAppend, RunRecord, ToolUse, Usage
from gateway.ledger.ledger import Ledger
from tests.integration.run_house import ADA, FACTS, House
from toolward.types import Run, RunEvent, RunFilter, RunState

AGENT = AgentDefinition(
    name="support", instructions="Help.", tools=("crm.*",), limits=Limits(turns=500, calls=5_000)
)
STARTED = ev.RunStarted(
    agent="support", owner="ada", tenant="default", input="Where is my order ORD-1003?", definition=AGENT
)

NOTHING_ASKED = Asked((), (), partial(request_digest, ()))


class Size(NamedTuple):
    """How much is done: runs that append at once, events of each, unfinished runs, turns of the long
    conversation."""

    at_once: int = 256
    events_each: int = 80
    unfinished: int = 1_000
    turns: tuple[int, ...] = (10, 100, 200)


SMALL = Size(8, 8, 8, (10,))


class Appended(NamedTuple):
    a_second: float
    cpu_us: float


class Resumed(NamedTuple):
    taken_up: float
    ended: float


async def append_at_once(folder: Path, size: Size) -> Appended:
    """256 runs, each appending one event after the other under its lease; all events are on disk in the end."""
    async with Ledger.open(folder / "ledger.db") as ledger:
        logs = [await _opened(ledger, number) for number in range(size.at_once)]
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(_append(ledger, state, epoch, size.events_each) for state, epoch in logs))
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        events = size.at_once * size.events_each
        return Appended(events / wall, cpu / events * 1e6)


async def _opened(ledger: Ledger, number: int) -> tuple[RunStateData, int]:
    state = begin(f"run_{number:06d}", STARTED, 1)
    await ledger.create(RunRecord(state.run, "default", ("support",)), [encode(STARTED)])
    lease = await ledger.take(state.run.id, "bench", 60)
    assert lease is not None
    taken = ev.RunTakenUp()
    moved = advance(state, taken, 1)
    await ledger.append(RunAppend(state.run.id, 1, (encode(taken),), moved.run, lease.epoch))
    return moved, lease.epoch


async def _append(ledger: Ledger, state: RunStateData, epoch: int, events: int) -> None:
    for number in range(events):
        event = _event(state, number)
        moved = advance(state, event, number)
        await ledger.append(RunAppend(state.run.id, state.seq, (encode(event),), moved.run, epoch))
        state = moved


def _event(state: RunStateData, number: int) -> ev.Event:
    """In turn: a reply that calls, the call, its outcome."""
    turn = len(state.turns)
    match number % 3:
        case 0:
            use = ToolUse(f"use_{number}", "crm__get", f'{{"id":"ORD-{number:04d}"}}')
            reply = ModelReply(f"I look at order {number}.", (use,), "tool_use", Usage(900, 40), "bench")
            return model_replied(state, CallModel(turn + 1), reply, NOTHING_ASKED, "tools", 5)
        case 1:
            return ev.ToolCalled(
                turn=turn, index=0, call_id=f"call_{state.run.id}_{number}", use_id=f"use_{number - 1}",
                tool="crm.get", alias="crm__get", arguments_json=f'{{"id":"ORD-{number - 1:04d}"}}',
                key=f"{state.run.id}/{turn}/0",
            )  # fmt: skip
        case _:
            text = f'{{"id":"ORD-{number - 2:04d}","state":"shipped","carrier":"{number * 7919 % 100_000}"}}'
            call_id = f"call_{state.run.id}_{number - 1}"
            return ev.ToolReturned(call_id=call_id, code="ok", is_error=False, text=text, duration_ms=3)


async def resumed_after(folder: Path, size: Size) -> Resumed:
    """1,000 runs that a gateway left in the middle of their work, taken up by the next one."""
    house = _house(folder, _Says())
    async with Ledger.open(house.path) as ledger:
        for number in range(0, size.unfinished, size.at_once):
            some = range(number, min(size.unfinished, number + size.at_once))
            await asyncio.gather(*(_left_in_the_middle(ledger, one) for one in some))
    started = time.perf_counter()
    async with house.open() as runs:
        assert await runs.resume_unfinished() == size.unfinished
        await _until(house.ledger, [RunState.QUEUED])
        taken_up = time.perf_counter() - started
        await _until(house.ledger, [RunState.QUEUED, RunState.RUNNING])
        return Resumed(taken_up, time.perf_counter() - started)


async def _left_in_the_middle(ledger: Ledger, number: int) -> None:
    """With a reply whose call was not made yet."""
    state = begin(f"run_{number:06d}", STARTED, number + 1)
    await ledger.create(RunRecord(state.run, "default", ("support",)), [encode(STARTED)])
    if number % 2:
        return  # not even taken up
    taken = advance(state, ev.RunTakenUp(), number + 1)
    reply = _event(taken, 0)
    replied = advance(taken, reply, number + 1)
    await ledger.append(RunAppend(state.run.id, 1, (encode(ev.RunTakenUp()), encode(reply)), replied.run))


async def _until(ledger: Ledger, gone: Sequence[RunState]) -> None:
    """Until no run is in these states."""
    for state in gone:
        only = RunFilter(state=state)
        while (await ledger.find("default", only, size=1, cursor=None)).runs:  # noqa: ASYNC110 -- as seen from outside
            await asyncio.sleep(0.1)


async def turn_bytes(folder: Path, size: Size) -> dict[int, float]:
    """The bytes by which the ledger's tables grow in the turns around 10, 100 and 200 of one conversation, in which
    every turn says as much as any other."""
    house = _house(folder, _Calls(max(size.turns) + 5))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Look at all orders.")
        sizes: dict[int, int] = {}
        async for event in runs.watch_run(ADA, run.id):
            if isinstance(event, RunEvent) and event.type == "model_replied":
                sizes[event.data["turn"]] = _size(house.path, run)
    return {turn: (sizes[turn + 5] - sizes[turn - 5]) / 10 for turn in size.turns}


def _size(file: Path, run: Run) -> int:
    """Of what the run's log has, in bytes of its columns."""
    events = "SELECT sum(length(data) + length(salt) + length(data_digest)) FROM run_events"
    texts = "SELECT sum(length(body) + length(digest)) FROM run_texts"
    with closing(sqlite3.connect(file)) as connection:
        found = (
            connection.execute(f"{query} WHERE run_id IN (?, '')", (run.id,)) for query in (events, texts)
        )
        return sum(row[0] for rows in found for row in rows)


class _Says(ModelPort):
    async def reply(self, request: ModelRequest, on_piece: object = None) -> ModelReply:
        return ModelReply("It was shipped on Monday.", usage=Usage(900, 40), model="bench")


class _Calls(ModelPort):
    """Calls once a turn, so many turns, then answers."""

    def __init__(self, turns: int) -> None:
        self._turns = turns
        self._made = 0

    async def reply(self, request: ModelRequest, on_piece: object = None) -> ModelReply:
        self._made += 1
        if self._made >= self._turns:
            return ModelReply("All were shipped.", model="bench")
        use = ToolUse(f"use_{self._made:04d}", "crm__get", f'{{"id":"ORD-{self._made:04d}"}}')
        return ModelReply(f"I look at order {self._made:04d}.", (use,), "tool_use", Usage(900, 40), "bench")


def _house(folder: Path, model: object) -> House:
    house = House(folder / "ledger.db")
    house.agents = {"support": AGENT}
    house.model = model  # type: ignore[assignment]
    assert not FACTS["crm.get"].changes
    return house
