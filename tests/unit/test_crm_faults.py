"""Faults on purpose: whom they strike and how often, and that what was committed stays committed, once."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.crm_calls import DAMAGED, call_as
from toolservers.crm.tools import Settings, server
from toolward.errors import Conflict, DeadlineExceeded, Overloaded, ToolwardError, Unavailable
from toolward.types import Principal

OPS = Principal("ops", roles=("operator",))


async def ask(tool: str, /, key: str = "", by: Principal = OPS, **arguments: Any) -> Any:
    result = await call_as(by, tool, key, arguments)
    return result.text if result.is_error else result.structured


async def outcome(tool: str, /, by: Principal = OPS, **arguments: Any) -> str:
    """The code of the error, or what kind of answer there was."""
    try:
        answer = await ask(tool, by=by, **arguments)
    except ToolwardError as error:
        return error.code
    return "refused" if isinstance(answer, str) else "done"


@pytest.fixture(autouse=True)
async def crm(tmp_path: Path) -> AsyncGenerator[None, None]:
    async with server.running(Settings(tmp_path / "crm.db", admin=True)):
        yield


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        ({}, [0]),
        ({"count": 3}, [0, 1, 2]),
        ({"skip": 2, "count": 2}, [2, 3]),
        ({"skip": 1, "every": 3, "count": 2}, [1, 4]),
        ({"tool": "find_*"}, []),
        ({"tool": "get_*", "record_id": "ord-1007"}, [0]),
        ({"record_id": "ORD-1008"}, []),
        ({"principal": "ada"}, []),
    ],
)
async def test_a_fault_strikes_the_calls_that_match_and_then_is_over(
    fault: dict[str, Any], struck: list[int]
) -> None:
    await ask("inject_fault", kind="error", code="unavailable", **fault)
    outcomes = [await outcome("get_record", record_id="ORD-1007") for _ in range(6)]
    assert outcomes == ["unavailable" if n in struck else "done" for n in range(6)]
    left = (await ask("inject_fault", kind="list"))["faults"]
    assert [one["struck"] for one in left] == ([] if struck else [0])
    assert (await ask("inject_fault", kind="clear"))["faults"] == []


async def test_errors_are_those_that_were_asked_for() -> None:
    await ask("inject_fault", kind="error", code="conflict", message="Somebody else was first.")
    with pytest.raises(Conflict, match=r"Somebody else was first\."):
        await ask("get_record", record_id="ORD-1007")
    await ask("inject_fault", kind="error", code="tool_error", message="The desk is closed.")
    assert await ask("get_record", record_id="ORD-1007") == "The desk is closed."
    await ask("inject_fault", kind="rate_limit", retry_after=7)
    with pytest.raises(Overloaded) as limited:
        await ask("get_record", record_id="ORD-1007")
    assert (limited.value.retry_after, limited.value.hint) == (7.0, "Call again in 7 s.")
    began = asyncio.get_running_loop().time()
    await ask("inject_fault", kind="latency", milliseconds=60)
    assert await outcome("get_record", record_id="ORD-1007") == "done"
    assert asyncio.get_running_loop().time() - began >= 0.06


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "error", "code": "nonsense"}, "There is no error 'nonsense'. There are: invalid_request"),
        ({"kind": "latency"}, "needs its milliseconds"),
        ({"kind": "stale_read", "tool": "refund_payment"}, "Only reads can be stale"),
    ],
)
async def test_a_fault_that_could_never_strike_is_refused(wrong: dict[str, Any], said: str) -> None:
    assert said in await ask("inject_fault", **wrong)


async def test_what_was_committed_before_the_timeout_is_there_once_whoever_repeats_it() -> None:
    await ask("inject_fault", kind="commit_then_timeout", count=40)
    lost = await asyncio.gather(
        *(ask("refund_payment", key="k", **DAMAGED) for _ in range(100)), return_exceptions=True
    )
    assert sum(isinstance(one, DeadlineExceeded) for one in lost) == 40
    answers = [one for one in lost if not isinstance(one, BaseException)]
    assert len(answers) == 60
    assert all(one == answers[0] for one in answers)
    payment = await ask("get_record", record_id="PAY-5007")
    assert payment["refunded"]["amount_minor"] == DAMAGED["amount_minor"]
    assert await ask("refund_payment", key="k", **DAMAGED) == answers[0]
    assert (await ask("diff_world"))["added"]["refunds"].keys() == {"REF-9004"}


async def test_what_is_refused_was_not_committed_and_uses_up_no_fault() -> None:
    await ask("inject_fault", kind="commit_then_timeout", tool="refund_payment")
    nowhere: dict[str, Any] = DAMAGED | {"payment_id": "PAY-5999"}
    assert "There is no payment" in await ask("refund_payment", **nowhere)
    assert await outcome("refund_payment", **DAMAGED) == "deadline_exceeded"


async def test_an_error_before_the_call_leaves_its_key_free() -> None:
    await ask("inject_fault", kind="error", tool="refund_payment")
    with pytest.raises(Unavailable):
        await ask("refund_payment", key="k", **DAMAGED)
    assert (await ask("diff_world"))["count"] == 0
    assert (await ask("refund_payment", key="k", **DAMAGED))["refund_id"] == "REF-9004"


async def test_a_stale_read_misses_the_last_change_and_no_more() -> None:
    async def messages() -> int:
        return len((await ask("get_record", record_id="TCK-3003"))["messages"])

    at_first = await messages()
    await ask("inject_fault", kind="stale_read", tool="get_record", count=3)
    assert await messages() == at_first
    for n in range(2):
        await ask("add_ticket_message", ticket_id="TCK-3003", body=f"No. {n}")
    assert await messages() == at_first + 1
    await ask("restore_snapshot", name="nothing")  # a refusal is no change
    assert await messages() == at_first + 1
    assert await messages() == at_first + 2, "the fault is over"


async def test_a_timeout_reaches_the_caller_also_when_the_call_was_to_be_slow() -> None:
    await ask("inject_fault", kind="latency", milliseconds=1)
    await ask("inject_fault", kind="commit_then_timeout")
    assert await outcome("refund_payment", **DAMAGED) == "deadline_exceeded"
    assert (await ask("diff_world"))["added"]["refunds"].keys() == {"REF-9004"}
