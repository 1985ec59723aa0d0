"""Runs that are longer than what a model takes: results are folded, old turns summarised, and nothing that people
said is ever lost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.agent.context import utf8
from gateway.agent.definition import AgentDefinition, Limits
from gateway.agent.loop_tools import CALL, FIND, READ
from gateway.agent.observations import RESULT_LENGTH
from gateway.agent.summarising import SUMMARY_TOKENS
from gateway.core.ports import (
    ContextExceeded,
    ModelPort,
    ModelReply,
    ModelRequest,
    OnPiece,
    ToolUse,
    Usage,
)
from gateway.runs import runner
from gateway.runs.asked import asked_in_turn
from gateway.runs.trajectories import replayed, trajectory
from tests.integration.run_house import ADA, RULES, TOOLS, House, ended, says, until, waiting
from tests.twins import TwinBackends, listing
from toolward.types import Answer, RunState, Tool, text_result

pytestmark = pytest.mark.anyio
BUDGET = 12_000
CLERK = AgentDefinition(
    name="support",
    instructions="Help. Constraint one: amounts are in cents.",
    tools=("crm.*", "people.*"),
    limits=Limits(turns=400, calls=1_000, context_tokens=BUDGET),
    people=("self", "role:lead"),
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path / "ledger.db")
    house.agents = {"support": CLERK}
    house.rules = (
        RULES + "  - {id: asking, principals: ['role:support'], tools: ['people.*'], effect: allow}\n"
    )
    return house


def tokens_of(request: ModelRequest) -> int:
    texts = (
        text
        for one in request.messages
        for text in (one.text, *(use.arguments_json for use in one.tool_uses))
    )
    return sum(map(utf8, texts)) // 3


def is_for_a_summary(request: ModelRequest) -> bool:
    return request.max_output_tokens == SUMMARY_TOKENS


Say = Callable[[int, ModelRequest], ModelReply]


class Counting(ModelPort):
    """Counts what it is sent, and takes no more than `most` tokens of it."""

    def __init__(self, say: Say, most: int = 10**9) -> None:
        self.requests: list[ModelRequest] = []
        self.summaries = 0
        self._say = say
        self._most = most

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        tokens = tokens_of(request)
        if tokens > self._most:
            raise ContextExceeded("It is too long.")
        if is_for_a_summary(request):
            self.summaries += 1
            reply = says("Records were looked up.")  # and everything else forgotten
        else:
            self.requests.append(request)
            reply = self._say(len(self.requests), request)
        return msgspec.structs.replace(reply, usage=Usage(tokens, 20))


def look(number: int) -> ModelReply:
    use = ToolUse(f"use_{number}", "crm__get", f'{{"id":"ORD-{number:04d}"}}')
    return ModelReply(f"I look at {number}.", (use,), "tool_use")


async def test_in_300_turns_no_constraint_is_lost(house: House, monkeypatch: pytest.MonkeyPatch):
    """Planted: in the instructions, in the input, in messages on the way, in a person's answer."""
    planted = ["Constraint one: amounts are in cents.", "Constraint two: never ship to Norway."]
    ask = ToolUse("ask", "people__ask_person", '{"question":"Which carrier?"}')

    def say(turn: int, request: ModelRequest) -> ModelReply:
        said = "\n".join(message.text for message in request.messages)
        missing = [one for one in planted if one not in said]
        assert not missing, (turn, missing)
        if turn == 40:
            return ModelReply("", (ask,), "tool_use")
        return look(turn) if turn % 100 and turn < 300 else says(f"So far: {turn}.")

    house.model = model = Counting(say)
    house.backends.answers["crm.get"] = text_result("It has many fields. " * 60)
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", planted[1])
        request = await waiting(runs, run)
        planted.append("Constraint three: only by the blue carrier.")
        await runs.answer_input_request(ADA, request.id, Answer(text=planted[2]))
        for number, word in enumerate(("four: sign as Ada", "five: no weekends"), 1):
            await until(runs, run.id)
            seq = (await runs.get_run(ADA, run.id)).last_seq
            planted.append(f"Constraint {word}.")
            await runs.send_message(ADA, run.id, planted[-1], f"key-{number}")
            await until(runs, run.id, after=seq)
        read = 0

        async def reading(*of: Any) -> Any:
            nonlocal read
            read += 1
            return await asked_in_turn(*of)

        monkeypatch.setattr(runner, "asked_in_turn", reading)
        found = await trajectory(runs, ADA, run.id)
    assert read < 5  # a request for each list of tools; all others follow from the log
    assert (found.run.state, len(model.requests)) == (RunState.COMPLETED, 300)
    assert max(map(tokens_of, model.requests)) < BUDGET * 1.1
    kinds = [event.type for event in found.events]
    assert model.summaries == kinds.count("turns_summarised") > 1
    assert kinds.count("results_folded") > model.summaries
    # What a model was sent stays as it was, but where room is made: that is what prompt caches live on.
    changed = sum(
        before.messages != after.messages[: len(before.messages)]
        for before, after in zip(model.requests, model.requests[1:], strict=False)
    )
    assert changed <= kinds.count("results_folded") + kinds.count("turns_summarised") < 60
    assert replayed(found) is None


async def test_an_endpoint_that_takes_less_than_was_thought_gets_less(house: House):
    house.model = model = Counting(lambda turn, _: look(turn) if turn < 12 else says("Done."), most=2_500)
    house.backends.answers["crm.get"] = text_result("It has many fields. " * 60)
    async with house.open() as runs:
        run = await ended(runs, await runs.start_run(ADA, "support", "Look at all."))
        events = await until(runs, run.id)
        found = await trajectory(runs, ADA, run.id)
    assert (run.state, run.answer, run.turns) == (RunState.COMPLETED, "Done.", 12)
    assert "limit_reached" in [event.type for event in events]
    assert replayed(found) is None
    assert len(model.requests) == 12


async def test_what_fits_nowhere_ends_the_run_with_a_reason(house: House):
    house.model = Counting(lambda turn, _: look(turn), most=200)
    async with house.open() as runs:
        run = await ended(runs, await runs.start_run(ADA, "support", "x" * 3_000))
    assert (run.state, run.error_code) == (RunState.FAILED, "context_exceeded")


# --- the loop's own tools --------------------------------------------------------------------------------


def wish(tool: str, **arguments: object) -> ModelReply:
    return ModelReply(
        "", (ToolUse(f"use_{tool}", tool, json.dumps(arguments, separators=(",", ":"))),), "tool_use"
    )


def reading_on(whole: str, read: list[str]) -> Say:
    """Reads what was cut off a result, part by part."""

    def say(turn: int, request: ModelRequest) -> ModelReply:
        text = request.messages[-1].text
        assert (READ in [tool.name for tool in request.tools]) is (turn > 1)
        if turn == 1:
            return look(1)
        if turn == 2:
            call_id = text.partition("call_id ")[2].partition(" ")[0]
        else:
            read.append(text.partition("]\n")[2].removesuffix("\n<<<end of data>>>"))
            call_id = json.loads(request.messages[-2].tool_uses[0].arguments_json)["call_id"]
        offset = RESULT_LENGTH + sum(map(len, read))
        return says("Read.") if offset >= len(whole) else wish(READ, call_id=call_id, offset=offset)

    return say


async def test_a_long_result_is_read_to_its_end(house: House):
    whole = "".join(f"line {number}\n" for number in range(4_000))
    read: list[str] = []
    house.backends.answers["crm.get"] = text_result(whole)
    house.model = Counting(reading_on(whole, read))
    async with house.open() as runs:
        run = await ended(runs, await runs.start_run(ADA, "support", "Read it all."))
        assert replayed(await trajectory(runs, ADA, run.id)) is None
    assert (run.state, run.answer) == (RunState.COMPLETED, "Read.")
    assert whole[:RESULT_LENGTH] + "".join(read) == whole
    assert house.made == ["get ORD-0001"]


async def test_of_many_tools_the_model_is_shown_a_search_and_policy_sees_the_real_one(house: House):
    schema = TOOLS[0].input_schema
    many = (
        *TOOLS,
        *(Tool(f"tool_{number}", f"Counts the clouds of field {number}.", schema) for number in range(60)),
    )
    house.backends = TwinBackends(listing("crm", *many))
    house.agents = {"support": msgspec.structs.replace(CLERK, tools=("crm.*",))}
    house.rules = house.rules.replace("crm.note,", "'crm.tool_*',")
    script = [
        wish(FIND, query="refund a payment"),
        wish(CALL, name="crm__get", arguments={"id": "A"}),
        wish(CALL, name="crm__delete", arguments={"id": "A"}),
        wish(CALL, name="crm__gte", arguments={"id": "A"}),
        wish(CALL, name="crm__get", arguments="no object"),
        wish(FIND, words="clouds"),
        says("Done."),
    ]
    house.model = model = Counting(lambda turn, _: script[turn - 1])
    async with house.open() as runs:
        run = await ended(runs, await runs.start_run(ADA, "support", "Get A."))
        found = await trajectory(runs, ADA, run.id)
    assert [tool.name for tool in model.requests[0].tools] == [FIND, CALL]
    assert house.made == ["get A"]
    calls = [event.data for event in found.events if event.type == "tool_called"]
    assert [(one["tool"], one["alias"]) for one in calls[:4]] == [
        ("", FIND),
        ("crm.get", "crm__get"),
        ("crm.delete", "crm__delete"),
        ("", "crm__gte"),
    ]
    assert calls[1]["arguments_json"] == '{"id":"A"}'
    came = [event.data for event in found.events if event.type == "tool_returned"]
    assert [one["code"] for one in came] == [
        "ok", "ok", "denied", "unknown_tool", "invalid_arguments", "invalid_arguments",
    ]  # fmt: skip
    assert "crm__refund" in came[0]["text"]
    assert "Did you mean 'crm__get'?" in came[3]["text"]
    assert replayed(found) is None
