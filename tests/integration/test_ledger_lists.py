"""What only the ledger's lists do: they find runs by their calls, by way of indexes, and which wait for people."""

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from gateway.core.ports import CallOutcome, RunAppend
from gateway.ledger.ledger import Ledger
from gateway.ledger.listing import query
from tests.integration.test_ledger import approve, clock, ledger, path, record, run_record, spec, stored
from tests.twins import TwinClock
from toolward.types import InputRequest, RequestKind, RequestState, RunFilter, RunState

__all__ = ["clock", "ledger", "path"]  # fixtures


async def ids(ledger: Ledger, only: RunFilter) -> list[str]:
    return [run.id for run in (await ledger.find("default", only, size=10, cursor=None)).runs]


async def test_runs_are_found_by_a_tool_that_they_called(ledger: Ledger):
    for number in (1, 2, 3):
        await ledger.create(run_record(number), [stored("run_started")])
    one = msgspec.structs.replace(record("call_1"), run_id="run_001")
    await ledger.intend(one, b"{}")
    await ledger.intend(msgspec.structs.replace(one, id="call_2"), b"{}")
    refused = msgspec.structs.replace(one, id="call_3", run_id="run_002", effect="deny")
    ledger.refuse(refused, b"{}", CallOutcome("call_3", 2, "denied", 0, "No."))
    await ledger.intend(msgspec.structs.replace(one, id="call_4", run_id="run_003", tool="crm.get"), b"{}")
    assert await ids(ledger, RunFilter(tool="crm.refund_payment")) == ["run_001"]
    assert await ids(ledger, RunFilter(tool="crm.get", owner="ada")) == ["run_003"]
    assert await ids(ledger, RunFilter(tool="crm.nothing")) == []


@pytest.mark.parametrize("cursor", [False, True])
@pytest.mark.parametrize(
    ("only", "index"),
    [
        (RunFilter(), "runs_by_time"),
        (RunFilter(owner="ada"), "runs_by_owner"),
        (RunFilter(agent="support"), "runs_by_agent"),
        (RunFilter(state=RunState.COMPLETED), "runs_in_state"),
        (RunFilter(since=5, until=9), "runs_by_time"),
        (RunFilter(tool="crm.get"), "call_records_by_run"),
    ],
)
async def test_lists_are_read_from_an_index_in_its_order(
    ledger: Ledger, path: Path, only: RunFilter, index: str, *, cursor: bool
):
    for number in (1, 2, 3):
        await ledger.create(run_record(number), [stored("run_started")])
    page = await ledger.find("default", RunFilter(), size=1, cursor=None)
    wanted = query("default", only, page.next_cursor if cursor else None)
    compiled = wanted.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})

    def explain(connection: Connection) -> str:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")
        return "\n".join(row[3] for row in rows)

    plan = await ledger._read(explain)  # type: ignore[reportPrivateUsage]
    assert f"INDEX {index}" in plan
    assert "SCAN runs" not in plan
    assert "TEMP B-TREE" not in plan


# --- what waits for people ------------------------------------------------------------------------------


async def waiting(ledger: Ledger, clock: TwinClock, *requests: str) -> None:
    """A run that waits, with open requests; its last event is from now."""
    at = clock.now_ms()
    made = run_record()
    await ledger.create(made, [stored("run_started")])
    waits = msgspec.structs.replace(made.run, state=RunState.INPUT_REQUIRED, updated_at=at)
    for name in requests:
        await ledger.open_request(spec(name, clock, run_id="run_001", digest=name))
    await ledger.append(RunAppend("run_001", 1, (stored("input_requested"),), waits))
    clock.advance(1)


async def test_a_run_that_waits_is_ready_when_one_of_its_requests_is_closed(ledger: Ledger, clock: TwinClock):
    await waiting(ledger, clock, "req_1", "req_2")
    assert await ledger.ready() == ()
    await approve(ledger, (await ledger.get_request("req_1")).request)
    assert await ledger.ready() == ("run_001",)
    record = await ledger.get("run_001")  # it takes note of it, and waits for the other
    noted = msgspec.structs.replace(record.run, updated_at=clock.now_ms() + 1)
    await ledger.append(RunAppend("run_001", 2, (stored("input_answered"),), noted))
    assert await ledger.ready() == ()


async def test_a_run_that_waits_for_nothing_is_ready(ledger: Ledger, clock: TwinClock):
    """Whatever the clock says."""
    await waiting(ledger, clock, "req_1")
    clock.advance(-3600)
    await approve(ledger, (await ledger.get_request("req_1")).request)
    assert await ledger.ready() == ("run_001",)


async def test_a_case_that_a_person_took_over_waits_for_them(ledger: Ledger, clock: TwinClock):
    await waiting(ledger, clock)
    assert await ledger.ready() == ("run_001",)
    escalation = InputRequest(
        "req_1", RequestKind.ESCALATION, RequestState.OPEN, "Please help.", "run_001",
        created_at=clock.now_ms(), expires_at=clock.now_ms() + 60_000, choices=("go_on", "cancel"),
    )  # fmt: skip
    asked = msgspec.structs.replace(spec("req_1", clock), request=escalation)
    assert await ledger.open_request(asked) == escalation
    assert (await ledger.get_request("req_1")).request == escalation
    assert await ledger.ready() == ()
    taken = msgspec.structs.replace(escalation, state=RequestState.TAKEN)
    await ledger.close_request("req_1", taken, "lea")
    clock.advance(61)
    assert await ledger.ready() == ()
    assert await ledger.expire_requests() == ()
    assert [one.request.state for one in await ledger.list_requests("default")] == [RequestState.TAKEN]
    assert [one.request.id for one in await ledger.live_requests()] == ["req_1"]
    again = msgspec.structs.replace(asked, request=msgspec.structs.replace(escalation, id="req_2"))
    assert (await ledger.open_request(again)).id == "req_1"
    await ledger.close_request("req_1", msgspec.structs.replace(taken, state=RequestState.ANSWERED), "lea")
    assert await ledger.ready() == ("run_001",)
    assert await ledger.list_requests("default") == ()
