"""Runs that are cancelled, watched, and seen only by those whose they are."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from gateway.agent.events import RunCancelled
from gateway.agent.state import advance, fold
from gateway.agent.stored import encode
from gateway.core.ports import (
    ModelPort,
    ModelReply,
    ModelRequest,
    OnPiece,
    Piece,
    RunAppend,
)
from gateway.runs.runner import Runs
from tests.integration.run_house import (
    ADA,
    EVE,
    LEAD,
    Hanging,
    House,
    calls,
    ended,
    says,
    types,
    until,
    waiting,
)
from tests.twins import TwinModel
from toolward.errors import (
    Conflict,
    Denied,
    InvalidRequest,
    NotFound,
    Unavailable,
)
from toolward.types import (
    Answer,
    RequestState,
    RunEvent,
    RunState,
    TextDelta,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "ledger.db")


# --- cancelling -----------------------------------------------------------------------------------------


async def test_a_waiting_run_is_cancelled_and_its_request_withdrawn(house: House):
    house.script(calls(("refund", "P-1")))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        request = await waiting(runs, run)
        cancelled = await runs.cancel_run(ADA, run.id)
        assert cancelled.state is RunState.CANCELLED
        assert await runs.list_input_requests(LEAD) == ()
        with pytest.raises(Conflict):
            await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        assert await runs.cancel_run(ADA, run.id) == cancelled
    assert house.made == []


async def test_what_a_run_had_asked_is_not_left_in_the_inbox_when_the_power_fails_as_it_is_cancelled(
    house: House,
):
    house.script(calls(("refund", "P-1")))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        request = await waiting(runs, run)
        state = advance(fold(await until(runs, run.id, "input_requested")), RunCancelled(by="ada"), 1)
        more = RunAppend(run.id, state.seq - 1, (encode(RunCancelled(by="ada")),), state.run)
        await house.ledger.append(more)  # and then the power fails
    async with house.open() as runs:
        await runs.resume_unfinished()
        assert (await runs.get_input_request(LEAD, request.id)).state is RequestState.VOID


async def test_a_call_that_has_just_asked_as_its_run_is_cancelled_leaves_nothing_in_the_inbox(house: House):
    house.script(calls(("refund", "P-1"), ("get", "A")))
    house.backends.answers["crm.get"] = slow = Hanging()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        await slow.reached.wait()
        await until(runs, run.id, "input_requested")
        spec = (await house.ledger.list_requests("default", run.id))[0]
        other = msgspec.structs.replace(spec.request, id="req_untold")
        untold = msgspec.structs.replace(spec, request=other, arguments_digest="another")
        await house.ledger.open_request(untold)  # and its run has not heard of it yet
        await runs.cancel_run(ADA, run.id)
        assert await runs.list_input_requests(LEAD) == ()
        assert (await runs.get_input_request(LEAD, "req_untold")).detail["void"]["by"] == "ada"


async def test_a_run_in_a_call_is_cancelled_and_the_call_with_it(house: House):
    house.script(calls(("get", "A")))
    house.backends.answers["crm.get"] = slow = Hanging()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Look.")
        await slow.reached.wait()
        await runs.cancel_run(ADA, run.id)
        assert slow.cancelled
        events = await until(runs, run.id)
        assert types(events)[-1] == "run_cancelled"
        call_id = events[3].data["call_id"]
        outcome = (await house.ledger.call_record(call_id)).outcome
        assert outcome is not None
        assert outcome.code == "cancelled"


async def test_a_run_is_cancelled_while_its_model_thinks(house: House):
    asked = asyncio.Event()

    class Thinking(ModelPort):
        async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
            asked.set()
            return await asyncio.Future()

    house.model = Thinking()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Look.")
        await asked.wait()
        assert (await runs.cancel_run(ADA, run.id)).state is RunState.CANCELLED
        assert types(await until(runs, run.id)) == ["run_started", "run_taken_up", "run_cancelled"]


# --- watching -------------------------------------------------------------------------------------------


async def test_watchers_at_any_point_see_every_event_once(house: House):
    house.script(calls(("get", "A")), calls(("get", "B")), says("Done."))
    house.backends.answers["crm.get"] = slow = Hanging()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Look.")
        early = asyncio.create_task(until(runs, run.id))
        await slow.reached.wait()
        seen = await until(runs, run.id, "tool_called")
        resumed = asyncio.create_task(until(runs, run.id, after=seen[-1].seq))
        slow.let_go.set()
        whole = await early
        assert [event.seq for event in whole] == list(range(1, len(whole) + 1))
        assert seen + await resumed == whole
        assert await until(runs, run.id) == whole  # after the end, from the log
        assert await until(runs, run.id, after=len(whole)) == []
        assert await until(runs, run.id, after=999) == []


async def test_watching_beyond_the_log_ends_with_the_run(house: House):
    house.script(calls(("get", "A")), says("Done."))
    house.backends.answers["crm.get"] = slow = Hanging()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Look.")
        await slow.reached.wait()
        ahead = asyncio.create_task(until(runs, run.id, after=999))
        slow.let_go.set()
        assert await ahead == []


class Speaking(TwinModel):
    """Says the text of its replies in two pieces, and each time waits until it is let go on."""

    def __init__(self, *replies: ModelReply) -> None:
        super().__init__(replies)
        self.let_go = asyncio.Event()

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        reply = await super().reply(request)
        assert on_piece is not None
        on_piece(Piece("text", reply.text[:5]))
        await self.let_go.wait()
        self.let_go.clear()
        on_piece(Piece("text", reply.text[5:]))
        return reply


async def test_text_comes_to_those_who_want_it_before_its_reply_and_never_after(house: House):
    house.model = model = Speaking(calls(("get", "A"), text="Let me see."), says("Hello there."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Hello.")
        plain = asyncio.create_task(until(runs, run.id))
        seen: list[RunEvent | TextDelta] = []
        async for news in runs.watch_run(ADA, run.id, 0, deltas=True):
            seen.append(news)
            if isinstance(news, TextDelta) and news.offset == 0:
                model.let_go.set()
        events = await plain
    pieces = [news for news in seen if isinstance(news, TextDelta)]
    assert [piece for piece in pieces if piece.offset == 0] == [
        TextDelta(1, 0, "Let m"),
        TextDelta(2, 0, "Hello"),
    ]
    assert [news for news in seen if isinstance(news, RunEvent)] == events
    replied = 0
    for news in seen:
        if isinstance(news, TextDelta):
            assert news.turn == replied + 1
        elif news.type == "model_replied":
            replied = news.data["turn"]
    assert replied == 2


async def test_two_watchers_and_one_who_went_away_are_each_told_of_the_text(house: House):
    house.model = model = Speaking(says("Hello there."))

    async def first_piece(runs: Runs, run_id: str) -> TextDelta:
        async with aclosing(runs.watch_run(ADA, run_id, 0, deltas=True)) as watched:
            async for news in watched:
                if isinstance(news, TextDelta):
                    return news
        raise AssertionError("no text came")

    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Hello.")
        heard = await asyncio.gather(*(first_piece(runs, run.id) for _ in range(2)))
        assert list(heard) == [TextDelta(1, 0, "Hello")] * 2
        model.let_go.set()  # nobody listens any more
        assert (await ended(runs, run)).answer == "Hello there."


async def test_watchers_are_told_when_the_ledger_fails(house: House):
    house.script(calls(("get", "A")))
    house.backends.answers["crm.get"] = slow = Hanging()
    opened = house.open()
    runs = await opened.__aenter__()
    run = await runs.start_run(ADA, "support", "Look.")
    await slow.reached.wait()
    watching = asyncio.create_task(until(runs, run.id))
    await until(runs, run.id, "tool_called")
    await house.ledger.close()
    slow.let_go.set()
    with pytest.raises(Unavailable, match="is closed"):
        await watching
    await opened.__aexit__(None, None, None)
    slow.let_go.clear()
    house.script(calls(("get", "A")), says("Done."))
    async with house.open() as runs:  # nothing is lost: it goes on where the log ends
        await runs.resume_unfinished()
        slow.let_go.set()
        assert (await ended(runs, run)).state is RunState.COMPLETED


# --- whose runs -----------------------------------------------------------------------------------------


async def test_what_belongs_to_others_is_not_there(house: House):
    house.script(says("Done."), says("Done."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Look.")
        await ended(runs, run)
        for wanted in (run.id, "run_404"):
            with pytest.raises(NotFound, match=f"There is no run '{wanted}'"):
                await runs.get_run(EVE, wanted)
            with pytest.raises(NotFound):
                await runs.cancel_run(EVE, wanted)
            with pytest.raises(NotFound):
                await anext(runs.watch_run(EVE, wanted))
        assert (await runs.list_runs(EVE)).runs == ()
        assert [one.id for one in (await runs.list_runs(ADA)).runs] == [run.id]


async def test_policy_decides_who_starts_reads_and_answers(house: House):
    """One rule after the other is taken away or added."""
    house.script(calls(("refund", "P-1")))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        request = await waiting(runs, run)
    nothing = house.rules.partition("  - {id: starts")[0]
    house.rules = nothing
    async with house.open() as runs:
        assert await runs.list_agents(ADA) == ()
        assert (await runs.list_runs(ADA)).runs == ()
        assert await runs.list_input_requests(LEAD) == ()
        for refused in (
            runs.start_run(ADA, "support", "Look."),
            runs.get_run(ADA, run.id),
            runs.cancel_run(ADA, run.id),
            anext(runs.watch_run(ADA, run.id)),
            runs.answer_input_request(ADA, request.id, Answer(approve=True)),
        ):
            with pytest.raises(Denied, match="no rule allows"):
                await refused
        with pytest.raises(NotFound):
            await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        with pytest.raises(NotFound) as caught:
            await runs.start_run(ADA, "suport", "Look.")
        assert "support" not in caught.value.hint
    house.rules = nothing + "  - {id: leads, principals: ['role:lead'], operations: ['*'], effect: allow}\n"
    async with house.open() as runs:
        assert (await runs.get_run(LEAD, run.id)).owner == ADA.id
        with pytest.raises(NotFound):
            await runs.get_run(msgspec.structs.replace(LEAD, tenant="other"), run.id)
        cancelled = await runs.cancel_run(LEAD, run.id)
    assert cancelled.state is RunState.CANCELLED
    assert house.made == []


async def test_a_repeated_start_with_its_key_is_one_run(house: House):
    house.script(says("Done."))
    async with house.open() as runs:
        first = await runs.start_run(ADA, "support", "Look.", key="k1")
        again = await runs.start_run(ADA, "support", "Look.", key="k1")
        assert again.id == first.id
        with pytest.raises(Conflict, match="k1"):
            await runs.start_run(ADA, "support", "Something else.", key="k1")
        await ended(runs, first)


async def test_a_start_that_cannot_be_is_refused(house: House):
    async with house.open() as runs:
        with pytest.raises(NotFound) as caught:
            await runs.start_run(ADA, "suport", "Look.")
        assert caught.value.hint == "Did you mean 'support'?"
        with pytest.raises(InvalidRequest, match="cannot be empty"):
            await runs.start_run(ADA, "support", " \n")
        assert [agent.name for agent in await runs.list_agents(ADA)] == ["support"]


async def test_a_run_whose_agent_is_gone_ends_with_that_reason(house: House):
    house.script(calls(("refund", "P-1")))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        request = await waiting(runs, run)
    house.agents = {}
    async with house.open() as runs:
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        done = await ended(runs, run)
    assert (done.state, done.error_code) == (RunState.FAILED, "not_found")
    assert house.made == []
