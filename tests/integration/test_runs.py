"""Runs from start to end, over a real ledger file and the real dispatch."""

import asyncio
from pathlib import Path

import pytest

from gateway.agent.state import fold
from gateway.core.ports import (
    ModelPort,
    ModelReply,
    ModelRequest,
    OnPiece,
    ToolUse,
)
from tests.integration.run_house import (
    ADA,
    House,
    calls,
    ended,
    says,
    told,
    types,
    until,
)
from tests.twins import TwinModel
from toolward.errors import (
    ToolError,
    Unavailable,
)
from toolward.types import (
    CallContext,
    RunState,
    ToolCall,
    ToolResult,
    text_result,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "ledger.db")


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
