"""Runs over several model endpoints and under budgets a day, with the real ledger."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.agent.definition import AgentDefinition, Classifier, Route
from gateway.core.budgets import Budget
from gateway.core.limits import DAY_MS
from gateway.core.ports import EndpointFacts, ModelReply
from tests.integration.run_house import ADA, EVE, SUPPORT, House, calls, ended, says, until
from tests.twins import TwinModel
from toolward.errors import ToolwardError, Unavailable
from toolward.types import Run, RunEvent, RunState

GONE = Unavailable("The model endpoint 'strong' cannot be reached.", hint="Start it.")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "ledger.db")


def with_endpoints(house: House, agent: AgentDefinition, **scripts: list[ModelReply | ToolwardError]) -> None:
    house.agents = {"support": agent}
    house.endpoints = {name: TwinModel(replies) for name, replies in scripts.items()}


def told(events: list[RunEvent], *fields: str, kind: str = "model_replied") -> list[Any]:
    return [tuple(event.data[field] for field in fields) for event in events if event.type == kind]


TWO = replace(SUPPORT, model=("strong", "cheap"))


async def test_a_fallback_answers_and_keeps_the_round_and_the_next_round_begins_with_the_first_choice(
    house: House,
):
    with_endpoints(house, TWO, strong=[GONE, says("Yes.")], cheap=[calls(("get", "A")), says("It is A.")])
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "What is it?")
        events = await until(runs, run.id)
        assert told(events, "endpoint", "passed_over") == [
            ("cheap", ["strong: unavailable"]),
            ("cheap", []),
        ]
        await runs.send_message(ADA, run.id, "Sure?")
        events = await until(runs, run.id, after=events[-1].seq)
        assert told(events, "endpoint") == [("strong",)]


async def test_within_a_round_no_other_endpoint_takes_over(house: House):
    with_endpoints(house, TWO, strong=[calls(("get", "A")), GONE], cheap=[])
    async with house.open() as runs:
        run = await ended(runs, await runs.start_run(ADA, "support", "What is it?"))
    assert (run.state, run.error_code) == (RunState.FAILED, "unavailable")
    assert run.error_message == GONE.text


async def test_a_small_endpoint_says_what_sort_it_is_and_that_decides_who_answers(house: House):
    routed = replace(
        SUPPORT,
        classifier=Classifier("tiny", {"hard": "weighs rules", "easy": "looks one thing up"}),
        routes=(Route(("cheap",), labels=("easy",)),),
        model=("strong",),
    )
    with_endpoints(
        house, routed, tiny=[says("easy"), says("what?")], cheap=[says("A.")], strong=[says("B, since …")]
    )
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "What is it?")
        events = await until(runs, run.id)
        assert told(events, "label", "endpoint", kind="input_classified") == [("easy", "tiny")]
        assert told(events, "endpoint") == [("cheap",)]
        await runs.send_message(ADA, run.id, "And is that fair?")
        events = await until(runs, run.id, after=events[-1].seq)
        assert told(events, "label", kind="input_classified") == [("hard",)]
        assert told(events, "endpoint") == [("strong",)]
        whole = await runs.get_run(ADA, run.id)
    assert (whole.input_tokens, whole.output_tokens) == (40, 20)  # what classified counts too


async def test_the_budget_of_a_day_ends_runs_before_they_ask_and_the_next_day_they_go_on(house: House):
    house.budgets = (Budget(("user:ada",), tokens_per_day=995),)
    big = replace(says("A."), usage=replace(says("").usage, input_tokens=990))
    house.script(big, says("B."), says("C."))
    async with house.open() as runs:

        async def asks(principal: Any) -> Run:
            run = await runs.start_run(principal, "support", "What is it?")
            async for _ in runs.watch_run(principal, run.id):
                pass
            return await runs.get_run(principal, run.id)

        assert (await asks(ADA)).answer == "A."
        stopped = await asks(ADA)
        assert (stopped.state, stopped.error_code, stopped.turns) == (RunState.FAILED, "limit_reached", 0)
        assert "budget of 995 tokens a day for user:ada (each of them)" in stopped.error_message
        assert (await asks(EVE)).answer == "B."
        house.clock.advance(DAY_MS / 1000)
        assert (await asks(ADA)).answer == "C."


async def test_under_a_budget_of_money_an_endpoint_without_a_price_is_not_asked(house: House):
    house.budgets = (Budget((), cost_per_day=10**9),)
    model = house.script(says("A."))
    model.facts = EndpointFacts("free", priced=False)
    async with house.open() as runs:
        run = await ended(runs, await runs.start_run(ADA, "support", "What is it?"))
    assert (run.error_code, model.requests) == ("limit_reached", [])
    assert "no price" in run.error_message
