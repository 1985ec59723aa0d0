"""People in a run: they approve, deny and change its calls, and answer while nothing runs."""

import asyncio
from pathlib import Path

import pytest

from gateway.agent.state import fold
from gateway.core.ports import (
    RequestSpec,
)
from gateway.core.requests import answered
from tests.integration.run_house import (
    ADA,
    EVE,
    LEAD,
    Hanging,
    House,
    calls,
    ended,
    says,
    told,
    types,
    until,
    waiting,
)
from toolward.errors import (
    Conflict,
    Denied,
    NotFound,
)
from toolward.types import (
    Answer,
    Principal,
    RequestState,
    RunState,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "ledger.db")


async def test_an_approved_call_is_made_once_and_the_run_goes_on(house: House):
    model = house.script(calls(("refund", "P-1")), says("Refunded."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        request = await waiting(runs, run)
        assert (await runs.get_run(ADA, run.id)).state is RunState.INPUT_REQUIRED
        assert house.made == []
        answered = await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        assert answered.state is RequestState.APPROVED
        events = await until(runs, run.id)
        assert types(events)[3:] == [
            "tool_called",
            "input_requested",
            "input_answered",
            "run_taken_up",
            "tool_called",
            "tool_returned",
            "model_replied",
            "run_completed",
        ]
        assert events[5].data["by"] == "lea"
        assert (await runs.list_input_requests(LEAD)) == ()
        assert (await house.ledger.get_request(request.id)).request.state is RequestState.CONSUMED
    assert house.made == ["refund P-1"]
    assert told(model) == [("done", False)]


async def test_a_run_sees_that_a_person_changed_the_arguments(house: House):
    model = house.script(calls(("refund", "P-1")), says("Refunded another."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        request = await waiting(runs, run)
        changed = Answer(approve=True, arguments_json=b'{"id":"P-2"}')
        second = await runs.answer_input_request(LEAD, request.id, changed)
        assert second.state is RequestState.OPEN
        again = await until(runs, run.id, "input_requested", after=5)
        assert again[-1].data["request_id"] == second.id
        with pytest.raises(Denied, match="changed the arguments"):
            await runs.answer_input_request(LEAD, second.id, Answer(approve=True))
        await runs.answer_input_request(Principal("leo", ("lead",)), second.id, Answer(approve=True))
        events = await until(runs, run.id)
        assert (await runs.get_run(ADA, run.id)).answer == "Refunded another."
        fold(events)
    answers = [event.data for event in events if event.type == "input_answered"]
    assert "lea changed the arguments" in answers[0]["void"]
    assert (answers[0]["approve"], answers[0]["again"]) == (False, True)
    assert answers[1]["arguments_json"] == '{"id":"P-2"}'
    assert (answers[1]["by"], answers[1]["edited_by"]) == ("leo", ["lea"])
    assert house.made == ["refund P-2"]
    ((text, is_error),) = told(model)
    assert not is_error
    assert "A person (lea) changed the arguments" in text
    assert '{"id":"P-2"}' in text


async def test_a_run_whose_request_is_withdrawn_or_expires_goes_on(house: House):
    model = house.script(
        calls(("refund", "P-1")), says("Not done."), calls(("refund", "P-1")), says("Nor now.")
    )
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        request = await waiting(runs, run)
        with pytest.raises(Denied, match="Only who made the request"):
            await runs.withdraw_input_request(LEAD, request.id)
        assert (await runs.withdraw_input_request(ADA, request.id)).state is RequestState.VOID
        assert (await ended(runs, run)).answer == "Not done."
        assert "ada withdrew it" in told(model)[0][0]
        other = await runs.start_run(ADA, "support", "Refund it again.")
        late = await waiting(runs, other)
        house.clock.advance(25 * 3600)
        assert (await runs.get_input_request(LEAD, late.id)).state is RequestState.EXPIRED
        await runs.expire_input_requests()
        assert (await ended(runs, other)).answer == "Nor now."
        assert (await house.ledger.get_request(late.id)).request.state is RequestState.EXPIRED
    assert house.made == []


async def test_it_goes_on_after_a_restart(house: House):
    house.script(calls(("refund", "P-1")), says("Refunded."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        request = await waiting(runs, run)
    async with house.open() as runs:
        assert await runs.resume_unfinished() == 0  # it goes on waiting
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        assert (await ended(runs, run)).answer == "Refunded."
    assert house.made == ["refund P-1"]


async def test_an_answer_that_the_run_had_not_heard_of_is_heard_after_a_restart(house: House):
    house.script(calls(("refund", "P-1")), says("Refunded."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        request = await waiting(runs, run)
        approved = answered(request, Answer(approve=True), LEAD, house.clock.now_ms())
        await house.ledger.close_request(request.id, approved, "lea")  # and then the power fails
    async with house.open() as runs:
        await runs.resume_unfinished()
        assert (await ended(runs, run)).answer == "Refunded."
    assert house.made == ["refund P-1"]


async def test_answers_that_come_before_a_queued_run_is_taken_up_are_heard(house: House):
    model = house.script(calls(("refund", "P-1")), says("At nine, and it is refunded."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        request = await waiting(runs, run)
        approved = answered(request, Answer(approve=True), LEAD, house.clock.now_ms())
        await house.ledger.close_request(request.id, approved, "lea")  # at another gateway, which stops here
        await runs.send_message(ADA, run.id, "And when do you open?")  # queues it, before it hears of that
        assert (await ended(runs, run)).answer == "At nine, and it is refunded."
    assert house.made == ["refund P-1"]
    assert len(model.requests) == 2


async def test_a_person_who_says_no_is_heard_by_the_model(house: House):
    model = house.script(calls(("refund", "P-1")), says("It was not approved."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        request = await waiting(runs, run)
        await runs.answer_input_request(LEAD, request.id, Answer(approve=False, reason="Too late for that."))
        assert (await ended(runs, run)).state is RunState.COMPLETED
    assert house.made == []
    ((text, is_error),) = told(model)
    assert is_error
    assert "did not approve this call of crm.refund, so it was not made: Too late for that." in text


async def test_an_approval_that_nobody_gave_in_time_is_told_after_a_restart(house: House):
    model = house.script(calls(("refund", "P-1")), says("Nobody approved."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        await waiting(runs, run)
    house.clock.advance(48 * 3600)
    async with house.open() as runs:
        await runs.resume_unfinished()
        await ended(runs, run)
    assert "Nobody approved this call of crm.refund in time" in told(model)[0][0]


async def test_an_answer_while_another_call_is_under_way_is_not_lost(house: House):
    model = house.script(calls(("refund", "P-1"), ("get", "A")), says("Both."))
    house.backends.answers["crm.get"] = slow = Hanging()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Both.")
        await slow.reached.wait()
        request = await waiting(runs, run)
        assert (await runs.get_run(ADA, run.id)).state is RunState.RUNNING
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        slow.let_go.set()
        assert (await ended(runs, run)).answer == "Both."
    assert told(model) == [("done", False), ("get done", False)]


async def test_an_answer_in_the_moment_in_which_the_work_stops_is_not_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    house.script(calls(("refund", "P-1")), says("Refunded."))
    looked, go_on = asyncio.Event(), asyncio.Event()
    async with house.open() as runs:
        get_request = house.ledger.get_request

        async def stale(request_id: str) -> RequestSpec:
            """The first to look (the work on the run) is told late that nobody had answered."""
            spec = await get_request(request_id)
            if not looked.is_set():
                looked.set()
                await go_on.wait()
            return spec

        monkeypatch.setattr(house.ledger, "get_request", stale)
        run = await runs.start_run(ADA, "support", "Refund it.")
        await looked.wait()
        (request,) = await runs.list_input_requests(LEAD)
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        go_on.set()
        assert (await ended(runs, run)).answer == "Refunded."


async def test_what_comes_after_a_call_that_waits_waits_too(house: House):
    house.script(calls(("refund", "P-1"), ("note", "refunded"), ("get", "A")), says("All."))
    house.backends.answers["crm.get"] = slow = Hanging()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund, then note it.")
        request = await waiting(runs, run)
        slow.let_go.set()
        await until(runs, run.id, "tool_returned")
        assert (await runs.get_run(ADA, run.id)).state is RunState.INPUT_REQUIRED
        assert house.made == ["get A"]
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        await ended(runs, run)
    assert house.made == ["get A", "refund P-1", "note refunded"]


async def test_two_equal_calls_need_two_approvals(house: House):
    house.script(calls(("refund", "P-1"), ("refund", "P-1")), says("Twice."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it twice.")
        first = await waiting(runs, run)
        await runs.answer_input_request(LEAD, first.id, Answer(approve=True))
        seen = await until(runs, run.id, "tool_returned")
        await until(runs, run.id, "input_requested", after=seen[-1].seq)
        (second,) = await runs.list_input_requests(LEAD, run.id)
        assert second.id != first.id
        assert house.made == ["refund P-1"]
        await runs.answer_input_request(LEAD, second.id, Answer(approve=True))
        await ended(runs, run)
    assert house.made == ["refund P-1", "refund P-1"]


async def test_who_may_not_answer_is_told_so_or_nothing(house: House):
    house.script(calls(("refund", "P-1")))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund it.")
        request = await waiting(runs, run)
        with pytest.raises(Denied, match="cannot approve it too"):
            await runs.answer_input_request(ADA, request.id, Answer(approve=True))
        for who, number in ((EVE, request.id), (LEAD, "req_404")):
            with pytest.raises(NotFound, match="There is no input request"):
                await runs.answer_input_request(who, number, Answer(approve=True))
        await runs.answer_input_request(LEAD, request.id, Answer(approve=False))
        with pytest.raises(Conflict):
            await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        assert await runs.list_input_requests(EVE) == ()
