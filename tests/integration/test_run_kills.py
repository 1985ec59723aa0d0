"""Runs whose gateway is killed between a call and its outcome."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from gateway.core.ports import RequestSpec
from gateway.runs.runner import Runs
from tests.integration.run_house import (
    ADA,
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
    InvalidRequest,
    TooLarge,
    ToolwardError,
)
from toolward.types import (
    Answer,
    InputRequest,
    Principal,
    RequestKind,
    RunEvent,
    RunState,
    Said,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "ledger.db")


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


@pytest.mark.parametrize("happened", [True, False])
async def test_nobody_is_asked_again_what_they_said_before_the_run_had_recorded_that_it_asks(
    house: House, happened: bool, monkeypatch: pytest.MonkeyPatch
):
    run_id, _ = await killed_in_a_call(house, "note")
    said = Answer(choice="happened" if happened else "did_not_happen")
    house.script(says("Noted."))
    answered = asyncio.Event()
    async with house.open() as runs:
        opens = house.ledger.open_request

        async def open_and_stop(spec: RequestSpec, at_most: int = 0) -> InputRequest:
            request = await opens(spec, at_most)
            await runs.answer_input_request(ADA, request.id, said)
            answered.set()
            return await asyncio.Future()

        monkeypatch.setattr(house.ledger, "open_request", open_and_stop)
        await runs.resume_unfinished()
        await answered.wait()
    async with house.open() as runs:
        await runs.resume_unfinished()
        events = await until(runs, run_id)
    assert types(events).count("input_requested") == 1
    assert house.made == ([] if happened else ["note A"])


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
