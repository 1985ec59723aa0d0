"""Runs from start to end, over a real ledger file and the real dispatch."""

import asyncio
import signal
import sys
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from gateway.agent.events import RunCancelled
from gateway.agent.state import advance, fold
from gateway.agent.stored import encode
from gateway.core.neutral import unmarked
from gateway.core.ports import (
    ModelPort,
    ModelReply,
    ModelRequest,
    OnPiece,
    Piece,
    RequestSpec,
    RunAppend,
    ToolUse,
)
from gateway.core.requests import answered
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
    TooLarge,
    ToolError,
    ToolwardError,
    Unavailable,
)
from toolward.types import (
    Answer,
    CallContext,
    InputRequest,
    Principal,
    RequestKind,
    RequestState,
    RunEvent,
    RunState,
    Said,
    TextDelta,
    ToolCall,
    ToolResult,
    text_result,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "ledger.db")


def told(model: TwinModel, request: int = -1) -> list[tuple[str, bool]]:
    """What a request to the model says of calls: text, is_error."""
    return [
        (unmarked(message.text), message.is_error)
        for message in model.requests[request].messages
        if message.role == "tool"
    ]


# --- the whole way --------------------------------------------------------------------------------------


async def test_a_question_is_answered(house: House):
    model = house.script(calls(("get", "ORD-1"), text="I look."), says("It is on its way."))
    house.backends.answers["crm.get"] = ToolResult(structured_json=b'{"state":"sent"}')
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Where is ORD-1?")
        assert run.state is RunState.QUEUED
        events = await until(runs, run.id)
        assert types(events) == [
            "run_started",
            "run_taken_up",
            "model_replied",
            "tool_called",
            "tool_returned",
            "model_replied",
            "run_completed",
        ]
        assert [event.seq for event in events] == list(range(1, 8))
        done = await runs.get_run(ADA, run.id)
        assert (done.state, done.answer) == (RunState.COMPLETED, "It is on its way.")
        assert (done.turns, done.calls, done.input_tokens, done.output_tokens) == (2, 1, 20, 10)
        assert done == fold(events).run
        recorded = await house.ledger.call_record(events[3].data["call_id"])
        assert (recorded.record.tool, recorded.record.rule, recorded.record.run_id) == (
            "crm.get",
            "reads",
            run.id,
        )
    assert [tool.name for tool in model.requests[0].tools] == [
        "crm__delete",
        "crm__get",
        "crm__note",
        "crm__refund",
        "crm__save",
    ]
    assert told(model) == [('{"state":"sent"}', False)]


async def test_calls_that_read_go_out_together(house: House):
    house.script(calls(("get", "A"), ("get", "B"), ("get", "C")), says("Done."))
    all_there = asyncio.Barrier(3)

    async def meet(call: ToolCall, _context: CallContext) -> ToolResult:
        async with asyncio.timeout(10):
            await all_there.wait()  # passes only when the others are under way too
        return text_result(call.arguments["id"])

    house.backends.answers["crm.get"] = meet
    async with house.open() as runs:
        run = await ended(runs, await runs.start_run(ADA, "support", "All three."))
        assert (run.state, run.calls) == (RunState.COMPLETED, 3)


async def test_calls_that_change_things_go_out_one_after_the_other(house: House):
    model = house.script(calls(("note", "A"), ("save", "B"), ("note", "C")), says("Done."))
    under_way: list[str] = []
    crowds: list[int] = []

    async def alone(call: ToolCall, _context: CallContext) -> ToolResult:
        under_way.append(call.name)
        await asyncio.sleep(0)
        crowds.append(len(under_way))
        under_way.remove(call.name)
        return text_result(call.arguments["id"])

    house.backends.answers |= {"crm.note": alone, "crm.save": alone}
    async with house.open() as runs:
        await ended(runs, await runs.start_run(ADA, "support", "In order."))
    assert house.made == ["note A", "save B", "note C"]
    assert crowds == [1, 1, 1]
    assert told(model) == [("A", False), ("B", False), ("C", False)]


async def test_every_call_has_a_key_of_its_own(house: House):
    house.script(calls(("get", "A"), ("get", "A")), calls(("get", "A")), says("Done."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Thrice.")
        events = await until(runs, run.id)
        keys = [event.data["key"] for event in events if event.type == "tool_called"]
        assert keys == [f"{run.id}/1/0", f"{run.id}/1/1", f"{run.id}/2/0"]
    assert len({call.idempotency_key for _, call, _ in house.backends.calls}) == 3


# --- what goes wrong comes back to the model ------------------------------------------------------------


async def test_mistakes_of_the_model_come_back_to_it(house: House):
    broken = ModelReply(
        "",
        (
            ToolUse("u1", "crm__gte", "{}"),
            ToolUse("u2", "crm__get", '{"id": '),
            ToolUse("u3", "crm__get", '{"idd": "A"}'),
            ToolUse("u4", "crm__get", '{"id": "\ud800"}'),
        ),
        "tool_use",
    )
    model = house.script(broken, says("Sorry."))
    async with house.open() as runs:
        run = await ended(runs, await runs.start_run(ADA, "support", "Try."))
        assert run.state is RunState.COMPLETED
    unknown, no_json, wrong_schema, half_a_pair = told(model)
    assert "Did you mean 'crm__get'?" in unknown[0]
    assert "not valid JSON" in no_json[0]
    assert "did you mean 'id'?" in wrong_schema[0]
    assert [error for _, error in (unknown, no_json, wrong_schema)] == [True, True, True]
    assert half_a_pair == ("done", False)  # what no text can hold was replaced, and the call was made
    assert house.made == ["get ?"]


async def test_failures_of_tools_come_back_to_it(house: House):
    model = house.script(calls(("get", "A"), ("note", "B"), ("save", "C")), says("I could not."))

    async def bug(_call: ToolCall, _context: CallContext) -> ToolResult:
        raise ZeroDivisionError("a secret")

    house.backends.answers |= {
        "crm.get": text_result("No such order.", is_error=True),
        "crm.note": Unavailable("The backend crm is gone.", hint="Start it."),
        "crm.save": bug,
    }
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Try.")
        events = await until(runs, run.id)
        codes = {event.data["text"]: event.data["code"] for event in events if event.type == "tool_returned"}
    assert told(model)[:2] == [("No such order.", True), ("The backend crm is gone. Start it.", True)]
    assert codes["No such order."] == "tool_error"
    assert codes["The backend crm is gone. Start it."] == "unavailable"
    assert not any("secret" in text for text in codes)


async def test_a_denial_comes_back_with_the_rule_on_record(house: House):
    model = house.script(calls(("delete", "A")), says("I may not."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Delete it.")
        events = await until(runs, run.id)
    (returned,) = [event.data for event in events if event.type == "tool_returned"]
    assert (returned["code"], returned["rule"]) == ("denied", "no-deletes")
    assert "Policy denies this call of crm.delete" in told(model)[0][0]
    assert house.made == []


async def test_the_same_failure_again_and_again_ends_the_run(house: House):
    house.script(*[calls(("get", "A"))] * 3)
    house.backends.answers["crm.get"] = text_result("No such order.", is_error=True)
    async with house.open() as runs:
        run = await ended(runs, await runs.start_run(ADA, "support", "Look."))
    assert (run.state, run.error_code) == (RunState.FAILED, "repeated_failure")
    assert "crm.get failed 3 times in the same way: No such order." in run.error_message


async def test_a_model_that_cannot_be_reached_fails_the_run_with_its_reason(house: House):
    house.model = TwinModel([Unavailable("The endpoint default does not answer.", hint="Start it.")])
    async with house.open() as runs:
        run = await ended(runs, await runs.start_run(ADA, "support", "Hello?"))
    assert (run.state, run.error_code) == (RunState.FAILED, "unavailable")
    assert run.error_message == "The endpoint default does not answer. Start it."


async def test_a_bug_in_a_models_adapter_fails_the_run_without_telling_its_details(house: House):
    class Broken(ModelPort):
        async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
            raise ToolError("a secret")

    house.model = Broken()
    async with house.open() as runs:
        run = await ended(runs, await runs.start_run(ADA, "support", "Hello?"))
    assert (run.state, run.error_code) == (RunState.FAILED, "internal")
    assert "secret" not in run.error_message


# --- people ---------------------------------------------------------------------------------------------


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


# --- killed between a call and its outcome --------------------------------------------------------------


async def killed_in_a_call(house: House, tool: str) -> tuple[str, str]:
    """Another process starts a run and is killed (-9) when its tool has been reached: run id, key."""
    gateway = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.killed_run",
        str(house.path),
        tool,
        stdout=asyncio.subprocess.PIPE,
    )
    assert gateway.stdout is not None
    run_id, key = (await gateway.stdout.readline()).decode().split()
    gateway.send_signal(signal.SIGKILL)
    await gateway.wait()
    return run_id, key


async def resumed(house: House, run_id: str) -> list[RunEvent]:
    for _ in range(50):  # ids of the dead process are not to be met again
        house.ids.new("skipped")
    async with house.open() as runs:
        assert await runs.resume_unfinished() == 1
        return await until(runs, run_id)


async def test_after_a_kill_a_call_that_keeps_keys_is_made_again_with_its_key(house: House):
    run_id, key = await killed_in_a_call(house, "save")
    model = house.script(says("Done."))
    events = await resumed(house, run_id)
    assert types(events)[3:] == [
        "tool_called",
        "tool_called",
        "tool_returned",
        "model_replied",
        "run_completed",
    ]
    assert events[3].data == events[4].data
    assert [call.idempotency_key for _, call, _ in house.backends.calls] == [key]
    assert told(model) == [("done", False)]


async def test_after_a_kill_what_only_reads_begins_again_at_the_last_that_is_on_record(house: House):
    """The intents of reads are stored a moment later than they count; the reply that they are of is on record."""
    run_id, key = await killed_in_a_call(house, "get")
    house.script(says("Done."))
    events = await resumed(house, run_id)
    assert types(events)[-2:] == ["model_replied", "run_completed"]
    assert types(events).count("model_replied") == 2
    assert [call.idempotency_key for _, call, _ in house.backends.calls] == [key]
    assert types(events).count("tool_returned") == 1


async def test_after_a_kill_a_person_says_what_became_of_a_call_that_may_not_be_repeated(house: House):
    run_id, _ = await killed_in_a_call(house, "note")
    model = house.script(says("It is noted."))
    async with house.open() as runs:
        await runs.resume_unfinished()
        request = await asked_after(runs, run_id)
        assert request.kind is RequestKind.UNKNOWN_OUTCOME
        assert request.detail["arguments"] == {"id": "A"}
        assert (await runs.get_run(ADA, run_id)).state is RunState.INPUT_REQUIRED
        await runs.answer_input_request(ADA, request.id, Answer(choice="happened", text="It stands there."))
        events = await until(runs, run_id)
    assert types(events)[-3:] == ["tool_returned", "model_replied", "run_completed"]
    assert house.made == []
    ((text, is_error),) = told(model)
    assert not is_error
    assert "did take effect" in text
    assert "It stands there." in text


async def test_what_did_not_happen_is_made_again_with_its_key(house: House):
    run_id, key = await killed_in_a_call(house, "note")
    house.script(says("Noted."))
    async with house.open() as runs:
        await runs.resume_unfinished()
        request = await asked_after(runs, run_id)
        await runs.answer_input_request(ADA, request.id, Answer(choice="did_not_happen"))
        await until(runs, run_id)
    assert [call.idempotency_key for _, call, _ in house.backends.calls] == [key]


async def test_a_person_who_sees_that_a_call_went_wrong_can_end_the_run(house: House):
    run_id, _ = await killed_in_a_call(house, "note")
    async with house.open() as runs:
        await runs.resume_unfinished()
        request = await asked_after(runs, run_id)
        await runs.answer_input_request(ADA, request.id, Answer(choice="cancel"))
        assert types(await until(runs, run_id))[-1] == "run_cancelled"
    assert house.made == []


async def test_when_nobody_says_what_became_of_it_the_model_is_told_that_it_is_unknown(house: House):
    run_id, _ = await killed_in_a_call(house, "note")
    model = house.script(says("I do not know whether it happened."))
    async with house.open() as runs:
        await runs.resume_unfinished()
        await asked_after(runs, run_id)
        house.clock.advance(8 * 24 * 3600)
        await runs.expire_input_requests()
        events = await until(runs, run_id)
    assert [event.data["code"] for event in events if event.type == "tool_returned"] == ["outcome_unknown"]
    assert house.made == []
    assert "It is not known whether this call of crm.note took effect" in told(model)[0][0]


@pytest.mark.parametrize("tool", ["save", "note"], ids=["keeps keys", "keeps none"])
async def test_an_approved_call_that_was_interrupted_is_not_asked_for_again(house: House, tool: str):
    house.rules = house.rules.replace(
        "tools: [crm.refund]", "tools: [crm.refund, crm.save, crm.note]"
    ).replace("tools: [crm.get, crm.note, 'crm.save']", "tools: [crm.get]")
    house.script(calls((tool, "A")))
    house.backends.answers[f"crm.{tool}"] = slow = Hanging()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Do it.")
        first = await waiting(runs, run)
        changed = Answer(approve=True, arguments_json=b'{"id":"B"}')
        second = await runs.answer_input_request(LEAD, first.id, changed)
        await runs.answer_input_request(Principal("leo", ("lead",)), second.id, Answer(approve=True))
        await slow.reached.wait()
    slow.let_go.set()
    model = house.script(says("Done."))
    async with house.open() as runs:
        seen = (await runs.get_run(ADA, run.id)).last_seq
        await runs.resume_unfinished()
        if tool == "note":
            await until(runs, run.id, "input_requested", after=seen)
            (unknown,) = await runs.list_input_requests(ADA, run.id)
            await runs.answer_input_request(ADA, unknown.id, Answer(choice="did_not_happen"))
        events = await until(runs, run.id)
    asked = [event.data["kind"] for event in events[seen:] if event.type == "input_requested"]
    assert asked == (["unknown_outcome"] if tool == "note" else [])
    assert house.made == [f"{tool} B", f"{tool} B"]
    assert len({call.idempotency_key for _, call, _ in house.backends.calls}) == 1
    ((text, is_error),) = told(model)
    assert not is_error
    assert "changed the arguments" in text


async def asked_after(runs: Runs, run_id: str) -> InputRequest:
    """What the run asks of its owner once it has been taken up again."""
    await until(runs, run_id, "input_requested")
    (request,) = await runs.list_input_requests(ADA, run_id)
    return request


async def test_a_run_goes_on_with_a_conversation_which_a_repeat_with_its_key_must_have_too(
    tmp_path: Path,
) -> None:
    house = House(tmp_path / "ledger.db")
    model = house.script(says("You are Ada."))
    before = (Said("user", "I am Ada."), Said("assistant", "Hello."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Who am I?", "k", before)
        assert (await ended(runs, run)).answer == "You are Ada."
        assert (await runs.start_run(ADA, "support", "Who am I?", "k", before)).id == run.id
        with pytest.raises(Conflict, match=run.id):
            await runs.start_run(ADA, "support", "Who am I?", "k")
    told = [(message.role, message.text) for message in model.requests[0].messages[1:]]
    assert told == [("user", "I am Ada."), ("assistant", "Hello."), ("user", "Who am I?")]


@pytest.mark.parametrize(
    ("before", "error"),
    [
        ((Said("user", "x" * 400_001),), TooLarge),
        ((Said("user", "x"),) * 1_001, TooLarge),
        ((Said("user", " "),), InvalidRequest),
        ((Said("user", "\ud800"),), InvalidRequest),
    ],
    ids=["long", "many", "empty", "half"],
)
async def test_a_conversation_has_bounds(
    tmp_path: Path, before: tuple[Said, ...], error: type[ToolwardError]
) -> None:
    async with House(tmp_path / "ledger.db").open() as runs:
        with pytest.raises(error):
            await runs.start_run(ADA, "support", "x", before=before)
