"""Agents as tools: a call starts a run as the caller, and answers with it, or says how to look again."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from msgspec.structs import replace as changed

from gateway.agent.definition import Limits
from gateway.core.agent_tools import OUTPUT
from gateway.runs.runner import Begun, Runs
from tests.integration.run_house import ADA, EVE, LEAD, RULES, SUPPORT, Hanging, House, calls, says, until
from tests.integration.scripted_tools import failing
from toolward.errors import Conflict, DeadlineExceeded, InvalidRequest, NotFound, UnknownTool
from toolward.schema import Schema
from toolward.types import (
    Answer,
    CallContext,
    JsonObject,
    Principal,
    Progress,
    RunEvent,
    RunScope,
    RunState,
    TextDelta,
    ToolCall,
    ToolResult,
)

AGENTS = """
  - {id: agents, principals: ['role:support', 'role:lead'], tools: ['agents.*'], effect: allow}
  - {id: no-starts-at-night, principals: ['user:nat'], operations: [run.start], effect: deny}
"""
NAT = Principal("nat", ("support",))
SHAPE = Schema(OUTPUT, "output schema")


class Told(NamedTuple):
    result: ToolResult
    said: JsonObject


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path / "ledger.db")
    house.rules = RULES + AGENTS
    return house


async def ask(
    house: House,
    tool: str = "support",
    /,
    *,
    by: Principal = ADA,
    key: str = "",
    context: CallContext = CallContext(),  # noqa: B008 -- frozen
    **arguments: Any,
) -> Told:
    call = ToolCall(f"agents.{tool}", msgspec.json.encode(arguments), idempotency_key=key)
    outcome = await house.dispatch.call_tool(by, call, context)
    assert isinstance(outcome, ToolResult)
    assert SHAPE.violations(outcome.structured) == ()
    assert outcome.text.endswith(outcome.structured["note"])
    return Told(outcome, outcome.structured)


def hanging(house: House) -> Hanging:
    house.backends.answers["crm.get"] = tool = Hanging()
    return tool


async def test_a_call_answers_with_what_the_agent_says(house: House) -> None:
    house.script(calls(("get", "A")), says("It is on its way."))
    heard: list[Progress] = []
    async with house.open() as runs:
        result, said = await ask(house, input="Where is A?", context=CallContext(progress=heard.append))
        run = await runs.get_run(ADA, said["run_id"])
    assert (run.owner, run.agent, run.input, run.state) == ("ada", "support", "Where is A?", "completed")
    assert (said["state"], said["answer"]) == ("completed", "It is on its way.")
    assert result.text.startswith("It is on its way.\n")
    assert not result.is_error
    assert "error" not in said
    assert "input_requests" not in said
    assert [one.message for one in heard] == ["Turn 1", "Calls crm.get", "Turn 2"]
    assert [one.progress for one in heard] == sorted({one.progress for one in heard})


async def test_whoever_hears_late_of_a_run_hears_all_of_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.script(calls(("get", "A")), says("It is on its way."))
    heard: list[Progress] = []
    watch_run = Runs.watch_run

    async def late(
        runs: Runs, principal: Principal, run_id: str, after: int = 0
    ) -> AsyncGenerator[RunEvent | TextDelta]:
        async for _ in watch_run(runs, principal, run_id):
            pass  # until it has ended
        async for event in watch_run(runs, principal, run_id, after):
            yield event

    monkeypatch.setattr(Runs, "watch_run", late)
    async with house.open():
        await ask(house, input="Where is A?", context=CallContext(progress=heard.append))
    assert [one.message for one in heard] == ["Turn 1", "Calls crm.get", "Turn 2"]


async def test_a_run_that_waits_for_a_person_answers_at_once_and_is_looked_at_again(house: House) -> None:
    house.script(calls(("refund", "A")), says("Done."))
    async with house.open() as runs:
        result, said = await ask(house, input="Refund A.")
        (request,) = said["input_requests"]
        assert (said["state"], request["kind"]) == ("input_required", "approval")
        assert request["id"] in result.text
        assert "agents.get_run" in said["note"]
        assert (await ask(house, "get_run", run_id=said["run_id"])).said == said
        await runs.answer_input_request(LEAD, request["id"], Answer(approve=True))
        again = await ask(house, "get_run", run_id=said["run_id"])
    assert (again.said["state"], again.said["answer"]) == ("completed", "Done.")


async def test_when_the_time_is_over_the_run_is_handed_back_and_goes_on(house: House) -> None:
    tool = hanging(house)
    house.script(calls(("get", "A")), says("Found."), says("You are welcome."))
    async with house.open() as runs:
        _, said = await ask(house, input="Look.", wait_seconds=0)
        run_id = said["run_id"]
        assert (said["state"], said["answer"]) == ("queued", "")
        assert f"Look again with agents.get_run: its run_id is {run_id}." in said["note"]
        await tool.reached.wait()
        # Whatever it says: a call answers before its own deadline.
        again = await ask(house, "get_run", run_id=run_id, context=CallContext(timeout=0.6))
        assert again.said["state"] == "running"
        looking = asyncio.create_task(ask(house, "get_run", run_id=run_id))
        tool.let_go.set()
        assert (await looking).said["answer"] == "Found."
        thanks = await ask(house, "send_message", run_id=run_id, text="Thanks.", key="k")
        assert thanks.said["answer"] == "You are welcome."
        assert (await ask(house, "send_message", run_id=run_id, text="Thanks.", key="k")).said == thanks.said
        assert (await ask(house, "cancel_run", run_id=run_id)).said["state"] == "completed"
        assert (await runs.get_run(ADA, run_id)).turns == 3


async def ended(runs: Runs, run_id: str) -> RunState:
    await until(runs, run_id)
    return (await runs.get_run(ADA, run_id)).state


async def only_run(runs: Runs) -> str:
    (run,) = (await runs.list_runs(ADA)).runs
    return run.id


async def test_who_gives_up_a_call_before_they_know_of_its_run_has_cancelled_it(house: House) -> None:
    tool = hanging(house)
    house.script(calls(("get", "A")))
    async with house.open() as runs:
        asking = asyncio.create_task(ask(house, input="x"))
        await tool.reached.wait()
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()
        assert await ended(runs, await only_run(runs)) is RunState.CANCELLED
    assert tool.cancelled


async def test_so_has_a_deadline_that_comes_first(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging(house)
    house.script(calls(("get", "A")))
    monkeypatch.setattr("gateway.runs.agent_tools.MARGIN", -60.0)  # it is never answered in time
    async with house.open():
        late = await failing(ask(house, input="x", context=CallContext(timeout=0.2)))
        assert isinstance(late, DeadlineExceeded)
        assert late.message == "agents.support took longer than 0.2 seconds and was stopped."
    async with house.open() as runs:
        assert (await runs.get_run(ADA, await only_run(runs))).state is RunState.CANCELLED


async def test_a_call_that_is_given_up_while_its_run_is_being_stored_leaves_none(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.script(says("Nobody hears it."))
    async with house.open() as runs:
        create, storing = house.ledger.create, asyncio.Event()

        async def slowly(*given: Any) -> Any:
            storing.set()
            await asyncio.sleep(0)
            return await create(*given)

        monkeypatch.setattr(house.ledger, "create", slowly)
        asking = asyncio.create_task(ask(house, input="x"))
        await storing.wait()
        asking.cancel()
        await asyncio.wait([asking])
    async with house.open() as runs:
        assert (await runs.get_run(ADA, await only_run(runs))).state is RunState.CANCELLED


async def test_a_run_whose_id_was_handed_over_goes_on_when_a_call_is_given_up(house: House) -> None:
    tool = hanging(house)
    house.script(calls(("get", "A")), says("Found."))
    async with house.open() as runs:
        _, said = await ask(house, input="x", key="k", wait_seconds=0)
        await tool.reached.wait()
        for work in (
            ask(house, "get_run", run_id=said["run_id"]),
            ask(house, input="x", key="k"),
            ask(house, "send_message", run_id=said["run_id"], text="y"),
        ):
            looking = asyncio.create_task(work)
            await asyncio.sleep(0.01)  # it may or may not be waiting by now: that makes no difference
            looking.cancel()
            await asyncio.wait([looking])
        tool.let_go.set()
        assert await ended(runs, said["run_id"]) is RunState.COMPLETED


async def test_calls_with_one_key_share_one_run_until_the_last_of_them_is_given_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = hanging(house)
    house.script(calls(("get", "A")))
    begun = asyncio.Event()
    async with house.open() as runs:
        first = asyncio.create_task(ask(house, input="x", key="k"))
        await tool.reached.wait()
        begin = runs.begin_run

        async def telling(*given: Any, **named: Any) -> Begun:
            found = await begin(*given, **named)
            begun.set()
            return found

        monkeypatch.setattr(runs, "begin_run", telling)
        second = asyncio.create_task(ask(house, input="x", key="k"))
        await begun.wait()
        first.cancel()
        await asyncio.wait([first])
        run = await runs.start_run(ADA, "support", "x", "k")  # by its other door, the key is the same one
        assert (run.id, run.state) == (await only_run(runs), RunState.RUNNING)
        assert isinstance(await failing(ask(house, input="other", key="k")), Conflict)
        second.cancel()
        await asyncio.wait([second])
        assert await ended(runs, run.id) is RunState.CANCELLED


async def test_a_run_that_fails_is_an_error_with_what_there_is_of_an_answer(house: House) -> None:
    house.agents = {"support": changed(SUPPORT, limits=Limits(turns=1, calls=20))}
    house.script(calls(("get", "A")), says("I only got so far."))
    async with house.open():
        result, said = await ask(house, input="x")
    assert result.is_error
    assert (said["state"], said["answer"]) == ("failed", "I only got so far.")
    assert said["error"]["code"] == "limit_reached"
    assert said["error"]["message"] in said["note"]


async def test_a_call_is_answered_when_the_gateway_stops(house: House) -> None:
    tool = hanging(house)
    house.script(calls(("get", "A")))
    async with house.open() as runs:
        asking = asyncio.create_task(ask(house, input="x"))
        await tool.reached.wait()
        runs.stop_watching()
        said = (await asking).said
        assert (said["run_id"], said["state"]) == (await only_run(runs), "running")
        assert not tool.cancelled


async def test_policy_decides_about_the_tool_and_about_the_run(house: House) -> None:
    hidden = RunScope("run_1", "support", ("*",))
    own = ["agents.cancel_run", "agents.get_run", "agents.send_message", "agents.support"]

    def listed(who: Principal, run: RunScope | None = None) -> list[str]:
        return [one.name for one in house.dispatch.visible(who, run) if one.backend == "agents"]

    async with house.open():
        house.script(says("Hello."))
        assert listed(ADA) == own
        assert listed(ADA, hidden) == []
        for unknown in (
            ask(house, input="x", context=CallContext(run=hidden)),  # no agent calls another
            ask(house, input="x", by=NAT),  # may call the tool, and start no run
            ask(house, input="x", by=LEAD),  # likewise
        ):
            assert isinstance(await failing(unknown), UnknownTool)
        assert listed(NAT) == listed(LEAD) == own[:3]  # of runs that they might own
        run_id = (await ask(house, input="x")).said["run_id"]
        more: dict[str, Any]
        for tool, more in (("get_run", {}), ("send_message", {"text": "x"}), ("cancel_run", {})):
            found = await failing(ask(house, tool, by=EVE, run_id=run_id, **more))
            assert isinstance(found, NotFound), tool


async def test_gateways_before_a_run_are_counted_for_its_calls_too(house: House) -> None:
    house.script(
        calls(("get", "A")), says("1"), calls(("get", "B")), says("2"), calls(("get", "C")), says("3")
    )
    async with house.open():
        _, said = await ask(house, input="x", context=CallContext(hops=3))
        await ask(house, "send_message", run_id=said["run_id"], text="y", context=CallContext(hops=7))
        await ask(house, "send_message", run_id=said["run_id"], text="z")
        assert [context.hops for _, _, context in house.backends.calls] == [4, 8, 8]
        over = ask(house, "send_message", run_id=said["run_id"], text="z", context=CallContext(hops=9))
        assert isinstance(await failing(over), InvalidRequest)
