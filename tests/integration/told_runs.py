"""A run with something of everything, over the real worker, dispatch and ledger for tests of what is
made of logs."""

from pathlib import Path

from msgspec.structs import replace

from gateway.agent.definition import AgentDefinition, Limits
from gateway.core.ports import ModelReply, ToolUse, Usage
from gateway.runs.runner import Runs
from tests.integration.run_house import ADA, LEAD, RULES, House, calls, says, until
from toolward.types import Answer, text_result

CLERK = AgentDefinition(
    name="support",
    instructions="Help.",
    tools=("crm.*", "people.*"),
    limits=Limits(turns=6, calls=20, context_tokens=1_000),
    people=("self", "role:lead"),
)
QUESTION = ToolUse("use_1", "people__ask_person", '{"question":"Which of the two?"}')
MISTAKES = (
    ToolUse("use_1", "crm__get", '{"id":"A"}'),
    ToolUse("use_2", "crm__gte", '{"id":"A"}'),
    ToolUse("use_3", "crm__get", "{"),
    ToolUse("use_4", "crm__delete", '{"id":"A"}'),
)


def wishes(*uses: ToolUse, text: str = "") -> ModelReply:
    return ModelReply(text, uses, "tool_use", Usage(10, 5), "scripted")


def told_house(path: Path) -> House:
    house = House(path)
    house.agents = {"support": CLERK}
    house.rules = (
        RULES + "  - {id: asking, principals: ['role:support'], tools: ['people.*'], effect: allow}\n"
    )
    house.backends.answers["crm.save"] = text_result("Saved. " + "It has many fields. " * 40)
    house.backends.answers["crm.get"] = text_result("It is A. 😀")
    return house


async def tell(house: House, runs: Runs) -> tuple[str, str]:
    """Ada's run: mistakes, an approval, a no, a question; paused, gone on with, rated. And a retry of it, which
    comes to its limits."""
    house.script(
        wishes(*MISTAKES, text="I look."),
        calls(("refund", "P-1"), ("refund", "P-2")),
        wishes(QUESTION),
        says("All is done."),
        says("You are welcome."),
        *[_long(number) for number in range(5)],
        says("They looked for records, and saved them."),
        _long(5),
        says("That is all I could do."),
    )
    run_id = (await runs.start_run(ADA, "support", "Refund it. 😀")).id
    seen = await _answered(runs, run_id, 0, Answer(approve=True))
    seen = await _answered(runs, run_id, seen, Answer(approve=False, reason="not that"))
    seen = (await until(runs, run_id, "input_requested", seen))[-1].seq
    await runs.pause_run(ADA, run_id)
    await runs.resume_run(ADA, run_id)
    await _answer(runs, run_id, Answer(text="The first."))
    await until(runs, run_id)
    await runs.rate_run(ADA, run_id, -0.5, "slow")
    await runs.rate_run(ADA, run_id, 1, "but right")
    await runs.send_message(ADA, run_id, "Thank you.", "key-1")
    log = await until(runs, run_id)
    after = next(event.seq for event in log if event.type == "tool_returned")
    retried = (await runs.retry_run(ADA, run_id, after)).id
    await until(runs, retried)
    return run_id, retried


def _long(number: int) -> ModelReply:
    """A turn after which the conversation is longer than it may be."""
    made = calls(("get", str(number)), ("save", str(number)))
    return replace(made, usage=Usage(3_000, 5))


async def _answered(runs: Runs, run_id: str, seen: int, answer: Answer) -> int:
    seen = (await until(runs, run_id, "input_requested", seen))[-1].seq
    await _answer(runs, run_id, answer)
    return seen


async def _answer(runs: Runs, run_id: str, answer: Answer) -> None:
    (request,) = await runs.list_input_requests(LEAD, run_id)
    await runs.answer_input_request(LEAD, request.id, answer)
