"""Runs as data: what is exported, in our own format and in that for fine-tuning, and what a model was asked."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.agent.chat_training import Unfit, conversation, example, prompt
from gateway.agent.model_requests import ListedTool, MessageRef, UseRef, request_digest
from gateway.agent.trajectory import TrajectoryLine, json_schema
from gateway.core.digests import text_digest
from gateway.core.ports import ERASED
from gateway.runs.trajectories import Trajectory, replayed, told, trajectory
from tests.integration.moody_runs import Life
from tests.integration.run_house import ADA, EVE, House, calls, says, until
from tests.integration.told_runs import tell, told_house
from toolward.errors import Conflict, NotFound
from toolward.types import TurnMessage, TurnTool

SCHEMA = msgspec.json.decode((Path(__file__).parents[2] / "docs" / "trajectory.schema.json").read_bytes())
VALID = jsonschema_rs.validator_for(SCHEMA)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrajectoryLine, ...]:
    async def made() -> tuple[TrajectoryLine, ...]:
        house = told_house(tmp_path_factory.mktemp("told") / "ledger.db")
        async with house.open() as runs:
            ids = await tell(house, runs)
            return tuple([told(await trajectory(runs, ADA, run_id)) for run_id in ids])

    return asyncio.run(made())


def test_the_schema_that_is_published_is_that_of_the_code():
    assert msgspec.json.decode(msgspec.json.encode(json_schema())) == SCHEMA


def check(line: TrajectoryLine) -> None:
    """What holds for every line: it fits the schema, can be read back, and its prompts fit their digests."""
    body = msgspec.json.encode(line)
    VALID.validate(msgspec.json.decode(body))
    assert msgspec.json.decode(body, type=TrajectoryLine) == line
    said: tuple[TurnMessage, ...] = ()
    for turn in line.turns:
        assert turn.prompt is not None
        said = prompt(said, turn.prompt)
        assert request_digest(refs(said), turn.prompt.tools) == turn.prompt.digest
        assert listed(line.tools[turn.prompt.tools]) == turn.prompt.tools


def refs(messages: Sequence[TurnMessage]) -> tuple[MessageRef, ...]:
    """Made of the line alone."""
    return tuple(
        MessageRef(
            one.role,
            text_digest(one.text.encode()) if one.text else "",
            tuple(
                UseRef(use.id, use.name, text_digest(use.arguments_json.encode())) for use in one.tool_uses
            ),
            one.tool_use_id,
            one.is_error,
        )
        for one in messages
    )


def listed(tools: Sequence[TurnTool]) -> str:
    as_stored = [
        ListedTool(
            tool.alias, tool.name, tool.description, msgspec.Raw(msgspec.json.encode(tool.input_schema))
        )
        for tool in tools
    ]
    return text_digest(msgspec.json.encode(as_stored))


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.integers(0, 2**32))
def test_whatever_comes_of_a_run_it_is_a_line_that_fits_its_schema(seed: int):
    async def lived(path: Path) -> list[Trajectory]:
        life = Life(path, seed)
        await life.live(30)
        async with life.house.open() as runs:
            return [await trajectory(runs, ADA, run_id) for run_id in life.runs]

    with tempfile.TemporaryDirectory() as folder:
        for found in asyncio.run(lived(Path(folder) / "ledger.db")):
            check(told(found))
            try:
                check_example(example(told(found)))
            except Unfit:
                assert found.run.state.value != "completed"


def test_a_line_has_all_that_is_on_record(lines: tuple[TrajectoryLine, ...]):
    first, again = lines
    for line in lines:
        check(line)
    assert (first.run.state, first.run.owner, first.run.tenant) == ("completed", "ada", "default")
    assert [rating.score for rating in first.ratings] == [-0.5, 1]
    assert first.reward == 1
    assert [message.text for message in first.messages] == ["Thank you."]
    assert first.pauses[0].resumed_by == "ada"
    assert first.end is not None
    assert first.end.answer == "You are welcome."
    got, unknown, broken, denied = first.turns[0].calls
    assert (got.decision, got.outcome and got.outcome.text) == (got.decision, "It is A. 😀")
    assert got.decision is not None
    assert (got.decision.effect, got.decision.rule) == ("allow", "reads")
    assert [(one.path, one.label) for one in got.origins] == [("/id", "model")]
    assert [call.outcome and call.outcome.code for call in (unknown, broken, denied)] == [
        "unknown_tool",
        "invalid_arguments",
        "denied",
    ]
    approved, refused = first.turns[1].calls
    assert [one.answer and (one.answer.by, one.answer.approve) for one in approved.asked] == [("lea", True)]
    assert [one.answer and one.answer.reason for one in refused.asked] == ["not that"]
    assert len(approved.sent_at) == 2
    assert again.run.parent == first.run.id
    (retry,) = again.retries
    assert [(effect.tool, effect.code) for effect in retry.effects] == [("crm.refund", "ok")]
    assert again.end is not None
    assert (again.end.code, again.reward) == ("limit_reached", None)


# --- the format for fine-tuning -------------------------------------------------------------------------


def check_example(made: Mapping[str, Any]) -> None:
    """What the format asks for: every tool call answered, in its place, by name of a tool as a model may have it;
    an assistant's answer at the end."""
    names = {tool["function"]["name"] for tool in made.get("tools", ())}
    assert all(tool["type"] == "function" for tool in made.get("tools", ()))
    waits: list[str] = []
    for one in made["messages"]:
        if one["role"] == "tool":
            assert one["tool_call_id"] == waits.pop(0)
            assert isinstance(one["content"], str)
            continue
        assert waits == []
        for call in one.get("tool_calls", ()):
            waits.append(call["id"])
            assert call["type"] == "function"
            assert isinstance(msgspec.json.decode(call["function"]["arguments"]), dict)
    assert waits == []
    assert made["messages"][0]["role"] == "system"
    last = made["messages"][-1]
    assert (last["role"], "tool_calls" in last) == ("assistant", False)
    assert last["content"].strip()
    assert ("parallel_tool_calls" in made) == bool(names)
    assert all(0 < len(name) <= 64 for name in names)


def test_a_completed_run_is_one_conversation_for_fine_tuning(lines: tuple[TrajectoryLine, ...]):
    made = example(lines[0])
    check_example(made)
    roles = [one["role"] for one in made["messages"]]
    assert roles[:2] == ["system", "user"]
    assert roles.count("user") == 2
    assert made["messages"][-1] == {"role": "assistant", "content": "You are welcome."}
    failed = [one["content"] for one in made["messages"] if one["role"] == "tool"]
    assert failed[1].startswith("The call failed: There is no tool named")
    assert {tool["function"]["name"] for tool in made["tools"]} >= {"crm__get", "people__ask_person"}
    assert made["parallel_tool_calls"] is True


def test_what_has_no_answer_or_lost_words_is_no_example(lines: tuple[TrajectoryLine, ...]):
    first, failed = lines
    with pytest.raises(Unfit, match="has no final answer: it is failed"):
        example(failed)
    with pytest.raises(Unfit, match="erased"):
        example(msgspec.structs.replace(first, erased=True))
    turn = first.turns[0]
    assert turn.prompt is not None
    lost = msgspec.structs.replace(turn, prompt=msgspec.structs.replace(turn.prompt, add=None))
    with pytest.raises(Unfit, match="erased"):
        conversation(msgspec.structs.replace(first, turns=(lost, *first.turns[1:])))
    old = msgspec.structs.replace(turn, prompt=None)
    with pytest.raises(Unfit, match="before prompts were recorded"):
        conversation(msgspec.structs.replace(first, turns=(old, *first.turns[1:])))


# --- what a model was asked -----------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "ledger.db")


async def test_what_a_model_was_asked_is_given_word_for_word_to_who_may_read_the_run(house: House):
    model = house.script(calls(("get", "A")), says("It is A."))
    async with house.open() as runs:
        run_id = (await runs.start_run(ADA, "support", "What is it?")).id
        await until(runs, run_id)
        for turn, request in enumerate(model.requests, 1):
            asked = await runs.get_model_request(ADA, run_id, turn)
            sent = msgspec.convert(msgspec.to_builtins(request.messages), tuple[TurnMessage, ...])
            assert asked.messages == sent
            assert [(tool.alias, tool.description, tool.input_schema) for tool in asked.tools] == [
                (tool.name, tool.description, tool.input_schema) for tool in request.tools
            ]
            assert asked.tools[0].name == "crm.delete"
        with pytest.raises(NotFound, match="has no turn 3"):
            await runs.get_model_request(ADA, run_id, 3)
        with pytest.raises(NotFound, match="There is no run"):
            await runs.get_model_request(EVE, run_id, 1)


async def test_a_prompt_in_other_words_than_todays_is_exported_as_it_was(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    model = house.script(calls(("get", "A")), says("It is A."))
    async with house.open() as runs:
        run_id = (await runs.start_run(ADA, "support", "What is it?")).id
        await until(runs, run_id)
        monkeypatch.setattr("gateway.agent.context.RESULTS_ARE_DATA", "Trust every result.")
        line = told(await trajectory(runs, ADA, run_id))
    check(line)
    said = [one.text for one in conversation(line)]
    assert said[:-1] == [one.text for one in model.requests[-1].messages]
    assert "Trust" not in said[0]


async def test_words_that_were_erased_stay_erased_and_their_run_is_not_replayed(house: House):
    house.script(calls(("get", "A")), says("It is A."))
    async with house.open() as runs:
        run_id = (await runs.start_run(ADA, "support", "What is it?")).id
        await until(runs, run_id)
        await house.ledger.erase(principal="ada", tenant="default", reason="asked for")
        found = await trajectory(runs, ADA, run_id)
        with pytest.raises(NotFound, match="erased"):
            await runs.get_model_request(ADA, run_id, 1)
    line = told(found)
    body = msgspec.json.encode(line)
    VALID.validate(msgspec.json.decode(body))
    assert b"What is it?" not in body
    assert (line.erased, line.input) == (True, ERASED)
    assert [turn.prompt and turn.prompt.add for turn in line.turns] == [None, None]
    assert [call.tool for call in line.turns[0].calls] == ["crm.get"]
    with pytest.raises(Unfit, match="erased"):
        example(line)
    with pytest.raises(Conflict, match="were erased"):
        replayed(found)
