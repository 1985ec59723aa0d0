"""Runs that turn to people, over a real ledger file: answered, unanswered, handed over and back, through
restarts."""

from pathlib import Path

import msgspec
import pytest

from gateway.agent import sources
from gateway.agent.definition import AgentDefinition, Limits
from gateway.core.people import ASK, ESCALATE
from gateway.core.ports import ModelReply, ToolUse, Usage
from gateway.runs.runner import Runs
from tests.integration.run_house import ADA, EVE, LEAD, RULES, House, calls, says, until
from tests.twins import TwinModel
from toolward.errors import Conflict, Denied, InvalidRequest
from toolward.names import alias
from toolward.types import (
    Answer,
    CallContext,
    InputRequest,
    InputRequired,
    JsonObject,
    Principal,
    RequestKind,
    RequestState,
    Run,
    RunScope,
    RunState,
    ToolCall,
)

LEO = Principal("leo", ("lead",))
CLERK = AgentDefinition(
    name="support",
    instructions="Help.",
    tools=("crm.*", "people.*"),
    limits=Limits(turns=6, calls=20),
    people=("self", "role:lead"),
)
CASE: JsonObject = {
    "summary": "She wants more than the rules give.",
    "facts": [{"fact": "The order was 84.80.", "source": "ORD-1007"}],
    "tried": ["Read the returns policy: it gives 15 %."],
}
WEEK = 7 * 24 * 3600


def asks(tool: str, arguments: JsonObject) -> ModelReply:
    use = ToolUse("use_1", alias(tool), msgspec.json.encode(arguments).decode())
    return ModelReply("", (use,), "tool_use", Usage(10, 5), "scripted")


def question(text: str = "Which order?", **more: list[str]) -> ModelReply:
    return asks(ASK, {"question": text, **more})


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path / "ledger.db")
    house.agents = {"support": CLERK}
    house.rules = (
        RULES + "  - {id: asking, principals: ['role:support'], tools: ['people.*'], effect: allow}\n"
    )
    return house


async def asked(runs: Runs, run: Run, who: Principal = LEAD) -> InputRequest:
    await until(runs, run.id, "input_requested")
    (request,) = await runs.list_input_requests(who, run.id)
    return request


def told(model: TwinModel) -> tuple[str, bool]:
    """What the last request to the model says of the last call."""
    last = [one for one in model.requests[-1].messages if one.role == "tool"][-1]
    return last.text, last.is_error


async def ended(runs: Runs, run: Run) -> Run:
    await until(runs, run.id)
    return await runs.get_run(ADA, run.id)


# --- questions ------------------------------------------------------------------------------------------


async def test_a_person_answers_and_the_run_goes_on_with_what_they_said(house: House):
    model = house.script(question(), says("It is on its way."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Where is my order?")
        request = await asked(runs, run, ADA)
        assert (request.kind, request.run_id) == (RequestKind.QUESTION, run.id)
        assert (await runs.get_run(ADA, run.id)).state is RunState.INPUT_REQUIRED
        with pytest.raises(InvalidRequest):
            await runs.answer_input_request(ADA, request.id, Answer(approve=True))
        await runs.answer_input_request(ADA, request.id, Answer(text="ORD-1007"))
        done = await ended(runs, run)
        assert (done.state, done.answer) == (RunState.COMPLETED, "It is on its way.")
    assert told(model) == ("ORD-1007", False)
    assert house.made == []  # no tool server heard of it


async def test_a_choice_is_told_with_what_was_said_about_it(house: House):
    model = house.script(question(choices=["the first", "the second"]), says("Done."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Which?")
        request = await asked(runs, run)
        with pytest.raises(InvalidRequest, match="must be one of its choices"):
            await runs.answer_input_request(LEAD, request.id, Answer(text="both"))
        await runs.answer_input_request(LEAD, request.id, Answer(choice="the second", text="from May"))
        (event,) = (one for one in await until(runs, run.id) if one.type == "input_answered")
        assert (event.data["choice"], event.data["by"], event.data["approve"]) == ("the second", "lea", None)
    assert told(model) == ("the second: from May", False)


@pytest.mark.parametrize("restart", [False, True])
async def test_where_nobody_answers_in_time_the_model_is_told(house: House, *, restart: bool):
    model = house.script(question(), says("I do not know which order."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Where is it?")
        await asked(runs, run)
        house.clock.advance(WEEK)
        if not restart:
            await runs.expire_input_requests()
            await ended(runs, run)
    async with house.open() as runs:
        await runs.expire_input_requests()
        assert (await ended(runs, run)).answer == "I do not know which order."
        (returned,) = (one for one in await until(runs, run.id) if one.type == "tool_returned")
        assert returned.data["code"] in sources._OURS  # pyright: ignore[reportPrivateUsage] -- they must agree
    text, is_error = told(model)
    assert text.startswith("There is no answer: nobody answered in time.")
    assert is_error


async def test_a_question_that_is_taken_back_is_told_as_one_without_an_answer(house: House):
    model = house.script(question(), says("Then not."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Where is it?")
        await runs.withdraw_input_request(ADA, (await asked(runs, run)).id)
        await ended(runs, run)
    assert told(model)[0].startswith("There is no answer: nobody is asked any more (ada withdrew it).")


async def test_an_answer_that_came_while_nothing_ran_is_heard_after_a_restart(house: House):
    model = house.script(question(), says("On its way."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Where is it?")
        request = await asked(runs, run)
    async with house.open() as runs:
        await runs.answer_input_request(LEAD, request.id, Answer(text="ORD-1007"))
        assert (await ended(runs, run)).state is RunState.COMPLETED
    assert told(model) == ("ORD-1007", False)


async def test_a_call_asks_once_though_a_crash_took_the_record_that_it_was_made(house: House):
    house.script(question("What else?"))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Which?")
        await asked(runs, run)

        async def ask(call_id: str, text: str = "Which one?", place: int = 1) -> InputRequest:
            call = ToolCall(ASK, msgspec.json.encode({"question": text}), call_id, f"{run.id}/1/{place}")
            scope = RunScope(run.id, "support", CLERK.tools, people=CLERK.people)
            outcome = await house.dispatch.call_tool(ADA, call, CallContext(run=scope))
            assert isinstance(outcome, InputRequired)
            return outcome.requests[0]

        before = await ask("call_1")
        await runs.answer_input_request(LEAD, before.id, Answer(text="The blue one."))
        again = await ask("call_2")
        assert (again.id, again.state) == (before.id, RequestState.ANSWERED)
        twin = await ask("call_4", place=2)  # of the same turn, and one request was open for both
        assert (twin.id, twin.state) == (before.id, RequestState.ANSWERED)
        other = await ask("call_3", "How many?")  # the model was asked again, and said something else
        assert (other.id != before.id, other.state) == (True, RequestState.OPEN)


async def test_calls_beside_a_question_are_made_and_the_rest_waits(house: House):
    both = question()
    both = msgspec.structs.replace(
        both, tool_uses=(ToolUse("use_0", "crm__get", '{"id": "A"}'), *both.tool_uses)
    )
    model = house.script(both, says("Done."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Where is it?")
        request = await asked(runs, run)
        assert house.made == ["get A"]
        await runs.answer_input_request(LEAD, request.id, Answer(text="ORD-1"))
        assert (await ended(runs, run)).state is RunState.COMPLETED
    assert told(model) == ("ORD-1", False)


async def test_only_the_people_of_the_agent_answer(house: House):
    house.agents = {"support": msgspec.structs.replace(CLERK, people=("role:lead",))}
    house.script(question(), says("Done."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Where is it?")
        request = await asked(runs, run)
        with pytest.raises(Denied, match="may not answer"):
            await runs.answer_input_request(ADA, request.id, Answer(text="x"))
        assert await runs.list_input_requests(EVE) == ()
        await runs.answer_input_request(LEO, request.id, Answer(text="x"))
        assert (await ended(runs, run)).state is RunState.COMPLETED


# --- escalations ----------------------------------------------------------------------------------------


async def test_an_escalation_is_answered(house: House):
    model = house.script(asks(ESCALATE, CASE), says("They gave 20 %."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "She wants more.")
        request = await asked(runs, run)
        assert request.kind is RequestKind.ESCALATION
        assert {name: request.detail[name] for name in CASE} == CASE
        await runs.answer_input_request(LEAD, request.id, Answer(text="Give 20 %."))
        assert (await ended(runs, run)).state is RunState.COMPLETED
    assert told(model) == ("Give 20 %.", False)


async def test_a_case_is_taken_over_and_handed_back_however_long_it_takes(house: House):
    model = house.script(asks(ESCALATE, CASE), says("It was refunded."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "She wants more.")
        request = await asked(runs, run)
    async with house.open() as runs:
        held = await runs.take_input_request(LEAD, request.id)
        assert held.state is RequestState.TAKEN
    house.clock.advance(4 * WEEK)
    async with house.open() as runs:
        await runs.expire_input_requests()
        assert (await runs.get_run(ADA, run.id)).state is RunState.INPUT_REQUIRED
        (listed,) = await runs.list_input_requests(LEO)
        assert (listed.state, listed.detail["taken"]["by"]) == (RequestState.TAKEN, "lea")
        with pytest.raises(Conflict, match="lea has taken the request"):
            await runs.answer_input_request(LEO, request.id, Answer(text="Give 20 %."))
    async with house.open() as runs:
        await runs.answer_input_request(LEAD, request.id, Answer(text="Refunded 30.00 by hand."))
    async with house.open() as runs:
        await runs.expire_input_requests()
        assert await runs.resume_unfinished() in (0, 1)
        assert (await ended(runs, run)).answer == "It was refunded."
    text, is_error = told(model)
    assert text.endswith("\nRefunded 30.00 by hand.")
    assert "lea took the case over and has handed it back" in text
    assert not is_error


async def test_a_case_may_be_taken_from_one_who_is_gone(house: House):
    house.script(asks(ESCALATE, CASE), says("Done."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "She wants more.")
        request = await asked(runs, run)
        await runs.take_input_request(LEAD, request.id)
        assert await runs.take_input_request(LEAD, request.id)  # as it is
        taken = await runs.take_input_request(LEO, request.id)
        assert taken.detail["taken"]["from"] == "lea"
        with pytest.raises(Conflict, match="leo has taken"):
            await runs.answer_input_request(LEAD, request.id, Answer(text="x"))
        await runs.answer_input_request(LEO, request.id, Answer(text="x"))
        assert (await ended(runs, run)).state is RunState.COMPLETED


@pytest.mark.parametrize("restart", [False, True])
async def test_a_run_whose_case_is_taken_can_be_cancelled(house: House, *, restart: bool):
    house.script(asks(ESCALATE, CASE))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "She wants more.")
        request = await asked(runs, run)
        await runs.take_input_request(LEAD, request.id)
        if not restart:
            assert (await runs.cancel_run(ADA, run.id)).state is RunState.CANCELLED
    async with house.open() as runs:
        assert (await runs.cancel_run(ADA, run.id)).state is RunState.CANCELLED
        assert (await runs.get_input_request(LEAD, request.id)).state is RequestState.VOID
        with pytest.raises(Conflict, match="ada cancelled the run"):
            await runs.answer_input_request(LEAD, request.id, Answer(text="x"))
        assert await runs.list_input_requests(LEAD) == ()


async def test_an_approval_is_not_taken_over(house: House):
    house.script(calls(("refund", "A")), says("Done."))
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Refund A.")
        request = await asked(runs, run)
        with pytest.raises(InvalidRequest, match="yes or a no"):
            await runs.take_input_request(LEAD, request.id)
