"""Two gateways on one ledger, in any order of what they do and of what people do: a log never forks.

Every reply of the model and every call of a tool waits until a step lets it go on; leases run out when a step says
so.
"""

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Engine, event, literal_column

from gateway.agent.state import fold
from gateway.core.ports import ModelPort, ModelReply, ModelRequest, OnPiece
from gateway.ledger.ledger import keys_beside, outside
from gateway.ledger.verify import verify
from gateway.runs.leases import LEASE_SECONDS
from gateway.runs.runner import Runs
from tests.integration.run_house import ADA, LEAD, House, calls, says
from tests.twins import TwinClock
from toolward.errors import Conflict, ToolwardError
from toolward.types import Answer, CallContext, RequestKind, RunState, ToolCall, ToolResult, text_result

SCRIPT = (
    calls(("note", "A"), ("get", "B"), ("save", "C")),
    calls(("refund", "P"), ("note", "D")),
    calls(("get", "E"), ("get", "F")),
)
EXAMPLES = int(os.environ.get("TOOLWARD_EXAMPLES", "6"))

ROUNDS = 60
"""In which a run must come to its end when nothing stands in its way."""

Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["go", "go", "go", "go", "expire", "look", "answer", "message", "pause", "resume", "cancel"]
        ),
        st.integers(0, 5),
    ),
    max_size=30,
)


class Gateway(ModelPort):
    """One of the two. `gates` are what waits in it to be let go on."""

    def __init__(self, path: Path, clock: TwinClock, number: int) -> None:
        self.house = House(path)
        self.house.clock = clock
        self.house.lease_clock = literal_column("lease_now()", BigInteger)
        for _ in range(number * 10_000):  # ids of the one are not those of the other
            self.house.ids.new("skipped")
        self.gates: list[asyncio.Future[None]] = []
        self.house.model = self
        for tool in ("get", "note", "save", "refund"):
            self.house.backends.answers[f"crm.{tool}"] = self._call

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        await self._wait()
        late = sum(use.id.endswith("_late") for message in request.messages for use in message.tool_uses)
        turn = sum(message.role == "assistant" for message in request.messages) - late
        return SCRIPT[turn] if turn < len(SCRIPT) else says(f"Done in turn {turn}.")

    async def _call(self, call: ToolCall, _context: CallContext) -> ToolResult:
        await self._wait()
        return text_result(f"{call.name} done")

    async def _wait(self) -> None:
        gate = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        await gate

    def go(self, which: int) -> None:
        self.gates = [gate for gate in self.gates if not gate.done()]
        if self.gates:
            self.gates[which % len(self.gates)].set_result(None)


class Two:
    def __init__(
        self, clock: TwinClock, gateways: Sequence[Gateway], runs: Sequence[Runs], run_id: str
    ) -> None:
        self.clock, self.gateways, self.runs, self.run_id = clock, gateways, runs, run_id

    async def step(self, what: str, which: int) -> None:
        runs = self.runs[which % 2]
        match what:
            case "go":
                self.gateways[which % 2].go(which // 2)
            case "expire":
                self.clock.advance(LEASE_SECONDS + 1)
            case "look":
                await runs.resume_unfinished()
            case "answer":
                await self.answer(runs)
            case "message":
                await runs.send_message(ADA, self.run_id, f"And {which}?")
            case "pause":
                await runs.pause_run(ADA, self.run_id)
            case "resume":
                await runs.resume_run(ADA, self.run_id)
            case _:
                if which == 0:
                    await runs.cancel_run(ADA, self.run_id)
        await self.rest()

    async def answer(self, runs: Runs) -> None:
        asked = {
            request.id: request
            for person in (ADA, LEAD)
            for request in await runs.list_input_requests(person, self.run_id)
        }
        for request in asked.values():
            answer = Answer(approve=True)
            if request.kind is RequestKind.UNKNOWN_OUTCOME:
                made = request.detail["arguments"]["id"] in self.made(request.detail["tool"])
                answer = Answer(choice="happened" if made else "did_not_happen")
            elif request.kind is RequestKind.ESCALATION:
                answer = Answer(choice="go_on")
            person = LEAD if request.kind is RequestKind.APPROVAL else ADA
            with suppress(Conflict):  # it has been answered in this moment
                await runs.answer_input_request(person, request.id, answer)

    def made(self, tool: str) -> list[str]:
        return [
            call.arguments["id"]
            for gateway in self.gateways
            for _, call, _ in gateway.house.backends.calls
            if f"crm.{call.name}" == tool
        ]

    async def rest(self) -> None:
        """Everybody gets as far as they can without more steps, or nearly."""
        for _ in range(3):
            for gateway in self.gateways:
                await gateway.house.ledger.ready()
                await asyncio.sleep(0)

    async def finish(self) -> None:
        for number in range(ROUNDS):
            state = (await self.gateways[0].house.ledger.get(self.run_id)).run.state
            if state.ended:
                return
            if number % 10 == 0:
                self.clock.advance(LEASE_SECONDS + 1)
            if state is RunState.PAUSED:
                await self.runs[0].resume_run(ADA, self.run_id)
            for gateway, runs in zip(self.gateways, self.runs, strict=True):
                await runs.resume_unfinished()
                await self.answer(runs)
                await self.rest()
                for _ in range(3):
                    gateway.go(0)
                    await self.rest()
        events = await self.gateways[0].house.ledger.events(self.run_id)
        raise AssertionError(f"it does not come to its end: {[event.type for event in events]}")


@contextmanager
def clocked(clock: TwinClock) -> Generator[None]:
    """Leases run out by this clock."""

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.create_function("lease_now", 0, clock.now_ms)

    listen: Any = event.listen
    remove: Any = event.remove
    listen(Engine, "connect", connected)
    try:
        yield
    finally:
        remove(Engine, "connect", connected)


async def _told(path: Path, steps: Sequence[Step]) -> None:
    clock = TwinClock()
    gateways = [Gateway(path, clock, number) for number in range(2)]
    with clocked(clock):
        async with AsyncExitStack() as stack:
            runs = [await stack.enter_async_context(gateway.house.open()) for gateway in gateways]
            run = await runs[0].start_run(ADA, "support", "Do it.")
            two = Two(clock, gateways, runs, run.id)
            for what, which in steps:
                with suppress(ToolwardError):  # a run that has ended cannot be paused, say
                    await two.step(what, which)
            await two.finish()
            ledger = gateways[1].house.ledger
            events = await ledger.events(run.id)
            record = await ledger.get(run.id)
            assert [one.seq for one in events] == list(range(1, len(events) + 1))
            assert fold(events).run == record.run
            for tool in ("crm.note", "crm.refund"):  # they keep no keys
                assert max(Counter(two.made(tool)).values(), default=0) <= 1, tool
            keys = {(call.name, call.arguments["id"]): call.idempotency_key for call in _calls(gateways)}
            assert len(set(keys.values())) == len(keys)
            assert all(
                keys[call.name, call.arguments["id"]] == call.idempotency_key for call in _calls(gateways)
            )
        assert verify(path, keys_beside(str(path)), outside(str(path))).findings == []


def _calls(gateways: Sequence[Gateway]) -> Iterator[ToolCall]:
    for gateway in gateways:
        for _, call, _ in gateway.house.backends.calls:
            yield call


@pytest.mark.timeout(300)
@settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(STEPS)
def test_a_log_never_forks_however_two_gateways_take_turns(steps: Sequence[Step]):
    with TemporaryDirectory() as folder:
        asyncio.run(_told(Path(folder) / "ledger.db", steps))
