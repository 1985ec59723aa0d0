"""What people do with runs: messages, pauses, retries from an event, ratings; and gateways that share a ledger."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.agent.state import fold
from gateway.core.neutral import unmarked
from gateway.core.ports import Message
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
from toolward.errors import Conflict, InvalidRequest, NotFound, TooLarge, Unavailable
from toolward.types import (
    Answer,
    Principal,
    RequestKind,
    RequestState,
    Run,
    RunEvent,
    RunState,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "ledger.db")


def spoken(messages: tuple[Message, ...]) -> list[str]:
    """The conversation without the system message: `user: …`, `assistant: …`, `tool: …`."""
    return [f"{message.role}: {unmarked(message.text)}" for message in messages[1:]]


# --- messages -------------------------------------------------------------------------------------------


async def test_a_message_goes_on_with_a_conversation_that_had_ended(house: House):
    model = house.script(says("It is on its way."), says("On Friday."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Where is my order?")
        first = await ended(runs, run)
        again = await runs.send_message(ADA, run.id, "When will it be here?")
        assert again.state is RunState.QUEUED
        second = await ended(runs, run, after=first.last_seq)
    assert (first.answer, second.answer) == ("It is on its way.", "On Friday.")
    assert spoken(model.requests[1].messages) == [
        "user: Where is my order?",
        "assistant: It is on its way.",
        "user: When will it be here?",
    ]


async def test_a_message_while_tools_work_is_heard_with_their_results(house: House):
    model = house.script(calls(("get", "A")), says("Both."))
    house.backends.answers["crm.get"] = slow = Hanging()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Look A up.")
        await slow.reached.wait()
        await runs.send_message(ADA, run.id, "And tell me the time.")
        slow.let_go.set()
        assert (await ended(runs, run)).answer == "Both."
    assert spoken(model.requests[1].messages)[1:] == [
        "assistant: ",
        "tool: get done",
        "user: And tell me the time.",
    ]


async def test_a_message_while_the_model_speaks_is_heard_before_the_run_ends(house: House):
    speaking, go_on = asyncio.Event(), asyncio.Event()

    class Slow(TwinModel):
        async def reply(self, request, on_piece=None):  # type: ignore[no-untyped-def]
            if not self.requests:
                speaking.set()
                await go_on.wait()
            return await super().reply(request, on_piece)

    house.model = model = Slow([says("One."), says("Two.")])
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Count.")
        await speaking.wait()
        await runs.send_message(ADA, run.id, "Further.")
        go_on.set()
        assert (await ended(runs, run)).answer == "Two."
    assert spoken(model.requests[1].messages) == ["user: Count.", "assistant: One.", "user: Further."]


async def test_while_a_person_is_asked_the_user_changes_the_topic_and_comes_back(house: House):
    model = house.script(calls(("refund", "P-1")), says("We open at nine."), says("It is refunded now."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund P-1.")
        request = await waiting(runs, run)
        sent = await runs.send_message(ADA, run.id, "When do you open?")
        await until(runs, run.id, "model_replied", after=sent.last_seq)
        await settled(runs, run, RunState.INPUT_REQUIRED)
        assert [one.id for one in await runs.list_input_requests(LEAD, run.id)] == [request.id]
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        assert (await ended(runs, run)).answer == "It is refunded now."
    assert house.made == ["refund P-1"]
    second, third = (spoken(one.messages) for one in model.requests[1:])
    assert second[2].startswith("tool: There is no result yet: a person must answer first.")
    assert third[: len(second)] == second, "what was said is not said otherwise later"
    assert third[-3:] == ["assistant: We open at nine.", "assistant: ", "tool: done"]


async def test_that_conversation_survives_a_restart_at_every_event(house: House):
    house.script(calls(("refund", "P-1")), says("At nine."), says("Refunded."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund P-1.")
        request = await waiting(runs, run)
    house.script(says("At nine."))
    async with house.open() as runs:
        await runs.resume_unfinished()
        sent = await runs.send_message(ADA, run.id, "When do you open?")
        await until(runs, run.id, "model_replied", after=sent.last_seq)
    house.script(says("Refunded."))
    async with house.open() as runs:
        await runs.resume_unfinished()
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        assert (await ended(runs, run)).answer == "Refunded."
    assert house.made == ["refund P-1"]


async def test_a_message_sent_twice_with_one_key_is_one_message(house: House):
    house.script(says("One."), says("Two."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Count.")
        first = await ended(runs, run)
        for _ in range(2):
            await runs.send_message(ADA, run.id, "Further.", "key-1")
        with pytest.raises(Conflict, match="used for another message"):
            await runs.send_message(ADA, run.id, "Elsewhere.", "key-1")
        events = await until(runs, run.id, after=first.last_seq)
        await runs.send_message(ADA, run.id, "Further.", "key-1")
        assert (await runs.get_run(ADA, run.id)).state is RunState.COMPLETED
    assert types(events).count("message_received") == 1


async def test_limits_count_anew_from_each_message(house: House):
    def rounds() -> list[object]:
        return [*(calls(("get", f"{number}")) for number in range(5)), says("Done.")]

    house.script(*rounds(), *rounds())  # type: ignore[arg-type]
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Go.")
        first = await ended(runs, run)
        assert first.state is RunState.COMPLETED
        await runs.send_message(ADA, run.id, "Again.")
        assert (await ended(runs, run, after=first.last_seq)).state is RunState.COMPLETED


async def test_a_run_that_failed_goes_on_with_a_message(house: House):
    house.model = TwinModel([Unavailable("The model endpoint does not answer."), says("Here I am.")])
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Hello.")
        failed = await ended(runs, run)
        assert failed.state is RunState.FAILED
        await runs.send_message(ADA, run.id, "Hello?")
        again = await ended(runs, run, after=failed.last_seq)
    assert (again.state, again.answer, again.error_code) == (RunState.COMPLETED, "Here I am.", "")


async def test_what_is_no_message_is_refused(house: House):
    house.script(says("Hello."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Hello.")
        await ended(runs, run)
        with pytest.raises(InvalidRequest, match="message cannot be empty"):
            await runs.send_message(ADA, run.id, " \n")
        with pytest.raises(TooLarge, match="at most 100,000"):
            await runs.send_message(ADA, run.id, "x" * 100_001)
        with pytest.raises(InvalidRequest, match="surrogate"):
            await runs.send_message(ADA, run.id, "\ud800")
        with pytest.raises(NotFound):
            await runs.send_message(EVE, run.id, "Hello.")


async def test_a_cancelled_run_takes_no_message(house: House):
    house.script(calls(("refund", "P-1")))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund.")
        await waiting(runs, run)
        await runs.cancel_run(ADA, run.id)
        with pytest.raises(Conflict, match="cancelled and cannot be gone on with"):
            await runs.send_message(ADA, run.id, "But why?")


# --- pausing --------------------------------------------------------------------------------------------


async def test_a_paused_run_ends_what_is_under_way_and_begins_nothing(house: House):
    model = house.script(calls(("get", "A"), ("note", "B")), says("Done."))
    house.backends.answers["crm.note"] = slow = Hanging()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Go.")
        await slow.reached.wait()
        assert (await runs.pause_run(ADA, run.id)).state is RunState.PAUSED
        slow.let_go.set()
        seen = await until(runs, run.id, "tool_returned")
        await until(runs, run.id, "tool_returned", after=seen[-1].seq)
        assert (await runs.get_run(ADA, run.id)).state is RunState.PAUSED
        assert len(model.requests) == 1
        assert (await runs.resume_run(ADA, run.id)).state is RunState.QUEUED
        assert (await ended(runs, run)).answer == "Done."
    assert sorted(house.made) == ["get A", "note B"]


async def test_what_is_under_way_when_a_run_is_paused_and_resumed_is_not_lost(house: House):
    house.script(calls(("note", "A")), says("Noted."))
    house.backends.answers["crm.note"] = slow = Hanging()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Note it.")
        await slow.reached.wait()
        await runs.pause_run(ADA, run.id)
        await runs.resume_run(ADA, run.id)
        slow.let_go.set()
        assert (await ended(runs, run)).answer == "Noted."
    assert house.made == ["note A"]


async def test_a_paused_run_stays_paused_over_a_restart_and_an_answer(house: House):
    house.script(calls(("refund", "P-1")), says("Refunded."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund.")
        request = await waiting(runs, run)
        await runs.pause_run(ADA, run.id)
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        assert (await runs.get_run(ADA, run.id)).state is RunState.PAUSED
    house.script(says("Refunded."))
    async with house.open() as runs:
        assert await runs.resume_unfinished() == 0
        await runs.resume_run(ADA, run.id)
        assert (await ended(runs, run)).answer == "Refunded."
    assert house.made == ["refund P-1"]


async def test_a_run_that_is_resumed_while_people_are_asked_goes_on_waiting(house: House):
    house.script(calls(("refund", "P-1")), says("Refunded."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund.")
        request = await waiting(runs, run)
        await runs.pause_run(ADA, run.id)
        assert (await runs.resume_run(ADA, run.id)).state is RunState.INPUT_REQUIRED
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        assert (await ended(runs, run)).answer == "Refunded."


async def test_pausing_and_resuming_what_has_ended_is_refused(house: House):
    house.script(says("Done."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Go.")
        await ended(runs, run)
        with pytest.raises(Conflict, match="completed and cannot be paused"):
            await runs.pause_run(ADA, run.id)
        with pytest.raises(Conflict, match="completed and cannot be resumed"):
            await runs.resume_run(ADA, run.id)


async def test_a_resumed_run_has_the_rights_that_its_owner_has_then(house: House):
    house.script(calls(("refund", "P-1")))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund.")
        request = await waiting(runs, run)
        await runs.pause_run(ADA, run.id)
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
    model = house.script(says("It cannot be done."))
    house.rights = {"ada": ()}
    async with house.open() as runs:
        await runs.resume_run(ADA, run.id)
        assert (await ended(runs, run)).state is RunState.COMPLETED
    assert house.made == []
    assert "There is no tool named" in model.requests[0].messages[-1].text


async def test_a_run_whose_owner_may_not_call_any_more_ends(house: House):
    house.script(calls(("refund", "P-1")))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund.")
        request = await waiting(runs, run)
    house.rights = {}
    async with house.open() as runs:
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        over = await ended(runs, run)
    assert (over.state, over.error_code) == (RunState.FAILED, "denied")
    assert "ada, for whom it works, may not call this gateway any more" in over.error_message
    assert house.made == []


# --- retrying -------------------------------------------------------------------------------------------


async def finished(house: House, runs: Runs) -> tuple[Run, list[RunEvent]]:
    """A run that read A, saved B and answered."""
    house.script(calls(("get", "A")), calls(("save", "B")), says("Saved."))
    run = await runs.start_run(ADA, "support", "Save.")
    events = await until(runs, run.id)
    return run, events


async def test_a_retried_run_shares_the_events_up_to_one_and_goes_its_own_way(house: House):
    async with house.open() as runs:
        run, events = await finished(house, runs)
        cut = next(event.seq for event in events if event.type == "tool_returned")
        model = house.script(says("Only read."))
        again = await runs.retry_run(ADA, run.id, cut)
        assert (await ended(runs, again)).answer == "Only read."
        assert (await runs.get_run(ADA, run.id)).answer == "Saved."
        theirs = await until(runs, again.id)
    assert [(event.run_id, event.seq) for event in theirs] == [
        (again.id, seq) for seq in range(1, theirs[-1].seq + 1)
    ]
    assert theirs[cut].type == "run_retried"
    assert again.parent == run.id
    assert house.made == ["get A", "save B"]
    assert spoken(model.requests[0].messages) == ["user: Save.", "assistant: ", "tool: done"]
    (effect,) = theirs[cut].data["effects"]
    assert (effect["tool"], effect["arguments_json"], effect["code"]) == ("crm.save", '{"id":"B"}', "ok")


async def test_to_repeat_what_was_done_behind_that_event_needs_a_yes(house: House):
    async with house.open() as runs:
        run, _ = await finished(house, runs)
        house.script(calls(("get", "A")), calls(("save", "C")), says("Saved again."))
        again = await runs.retry_run(ADA, run.id, 1)
        await until(runs, again.id, "input_requested")
        (request,) = await runs.list_input_requests(ADA, again.id)
        assert request.kind is RequestKind.APPROVAL
        assert "has called crm.save already" in request.prompt
        assert house.made == ["get A", "save B", "get A"]
        await runs.answer_input_request(ADA, request.id, Answer(approve=True))
        assert (await ended(runs, again)).answer == "Saved again."
    assert house.made[-1] == "save C"


async def test_who_is_asked_about_a_retried_call_by_policy_is_told_that_it_was_made_before(house: House):
    house.script(calls(("refund", "P-1")), says("Refunded."), calls(("refund", "P-1")), says("Again."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund.")
        first = await waiting(runs, run)
        assert "already" not in first.prompt
        await runs.answer_input_request(LEAD, first.id, Answer(approve=True))
        await until(runs, run.id)
        again = await runs.retry_run(ADA, run.id, 1)
        asked = (await waiting(runs, again)).prompt
        assert "has called crm.refund already, and that was not undone; the rule refunds asks" in asked


async def test_a_call_that_was_under_way_at_that_event_is_an_effect_of_the_other_run(house: House):
    async with house.open() as runs:
        run, events = await finished(house, runs)
        saving = [event for event in events if event.type == "tool_called"][1]
        house.script(says("Left."))
        again = await runs.retry_run(ADA, run.id, saving.seq)
        await until(runs, again.id, "input_requested")  # its saving is asked about before it is done again
        (request,) = await runs.list_input_requests(ADA, again.id)
        await runs.answer_input_request(ADA, request.id, Answer(approve=False, reason="It is done."))
        assert (await ended(runs, again)).answer == "Left."
    assert house.made == ["get A", "save B"]


async def test_a_retry_of_a_retry(house: House):
    async with house.open() as runs:
        run, _ = await finished(house, runs)
        house.script(calls(("get", "C")), says("Second."))
        second = await runs.retry_run(ADA, run.id, 1)
        await ended(runs, second)
        house.script(says("Third."))
        third = await runs.retry_run(ADA, second.id, 2)
        assert (await ended(runs, third)).answer == "Third."
        log = await house.ledger.events(third.id)
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    assert fold(log).run.answer == "Third."


async def test_what_cannot_be_retried_is_refused(house: House):
    async with house.open() as runs:
        run, events = await finished(house, runs)
        with pytest.raises(InvalidRequest, match="has no event 99"):
            await runs.retry_run(ADA, run.id, 99)
        with pytest.raises(InvalidRequest, match="has no event 0"):
            await runs.retry_run(ADA, run.id, 0)
        with pytest.raises(InvalidRequest, match=f"had ended at event {events[-1].seq}"):
            await runs.retry_run(ADA, run.id, events[-1].seq)
        with pytest.raises(NotFound):
            await runs.retry_run(EVE, run.id, 1)
        house.script(says("Once."))
        first = await runs.retry_run(ADA, run.id, 1, "key")
        assert (await runs.retry_run(ADA, run.id, 1, "key")).id == first.id
        await ended(runs, first)


async def test_a_rating_stands_in_the_log_and_changes_nothing_else(house: House):
    house.script(says("Done."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Go.")
        await ended(runs, run)
        rated = await runs.rate_run(ADA, run.id, 0.5, "Good enough.")
        assert (rated.state, rated.answer) == (RunState.COMPLETED, "Done.")
        (*_, last) = await until(runs, run.id)
        assert (last.type, last.data["score"], last.data["comment"]) == ("run_rated", 0.5, "Good enough.")
        for wrong in (1.5, -2, float("nan")):
            with pytest.raises(InvalidRequest, match="is not from -1"):
                await runs.rate_run(ADA, run.id, wrong)


# --- several gateways on one ledger ---------------------------------------------------------------------


@asynccontextmanager
async def two_gateways(house: House, tmp_path: Path) -> AsyncGenerator[tuple[Runs, Runs, House]]:
    other = House(tmp_path / "ledger.db")
    other.clock, other.ids = house.clock, house.ids
    async with house.open() as one, other.open() as two:
        yield one, two, other


async def test_what_one_gateway_does_another_shows_to_those_who_watch_there(house: House, tmp_path: Path):
    house.script(says("Done."))
    async with two_gateways(house, tmp_path) as (one, two, _):
        run = await one.start_run(ADA, "support", "Go.")
        assert types(await until(two, run.id))[-1] == "run_completed"


async def test_an_end_between_two_looks_of_who_watches_elsewhere_is_the_end_there_too(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    house.script(calls(("get", "A")), says("Done."))
    house.backends.answers["crm.get"] = slow = Hanging()
    async with two_gateways(house, tmp_path) as (one, two, _):
        run = await one.start_run(ADA, "support", "Go.")
        await slow.reached.wait()
        look = two.get_run

        async def looks_and_is_late(principal: Principal, run_id: str) -> Run:
            found = await look(principal, run_id)
            slow.let_go.set()
            await ended(one, run)
            return found

        monkeypatch.setattr(two, "get_run", looks_and_is_late)
        async with asyncio.timeout(20):
            seen = [event async for event in two.watch_run(ADA, run.id)]
        assert isinstance(seen[-1], RunEvent)
        assert seen[-1].type == "run_completed"


async def test_a_run_that_one_gateway_works_on_is_cancelled_at_another(house: House, tmp_path: Path):
    house.script(calls(("get", "A")))
    house.backends.answers["crm.get"] = slow = Hanging()
    house.lease_seconds = 0.3
    async with two_gateways(house, tmp_path) as (one, two, _):
        run = await one.start_run(ADA, "support", "Go.")
        await slow.reached.wait()
        assert (await two.cancel_run(ADA, run.id)).state is RunState.CANCELLED
        assert types(await until(one, run.id))[-1] == "run_cancelled"
        slow.let_go.set()
    async with house.open() as one:
        assert (await one.get_run(ADA, run.id)).state is RunState.CANCELLED


async def test_an_answer_given_at_one_gateway_lets_it_go_on_there(house: House, tmp_path: Path):
    house.script(calls(("refund", "P-1")))
    async with two_gateways(house, tmp_path) as (one, two, other):
        other.script(says("Refunded."))
        run = await one.start_run(ADA, "support", "Refund.")
        request = await waiting(one, run)
        await settled(one, run, RunState.INPUT_REQUIRED)
        await two.answer_input_request(LEAD, request.id, Answer(approve=True))
        assert (await ended(two, run)).answer == "Refunded."
        assert other.made == ["refund P-1"]
        assert (await two.get_input_request(LEAD, request.id)).state is RequestState.CONSUMED


async def settled(runs: Runs, run: Run, state: RunState) -> None:
    """Until it has come to this state."""
    async for _ in runs.watch_run(ADA, run.id):
        if (await runs.get_run(ADA, run.id)).state is state:
            return
