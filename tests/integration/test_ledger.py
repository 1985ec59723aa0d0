"""The ledger over a real SQLite file."""

import asyncio
import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from gateway.core.ports import (
    ApprovalGone,
    CallOutcome,
    CallRecord,
    RequestSpec,
    RunAppend,
    RunRecord,
    StoredEvent,
)
from gateway.core.requests import SOURCES
from gateway.ledger.ledger import Ledger, keys_beside, outside
from gateway.ledger.reading import recorded_calls
from gateway.ledger.verify import verify
from tests.twins import TwinClock
from toolward.errors import ConfigurationError, Conflict, InvalidRequest, NotFound, Overloaded
from toolward.types import (
    InputRequest,
    RequestKind,
    RequestState,
    Run,
    RunFilter,
    RunState,
    TextContent,
    ToolResult,
)


@pytest.fixture
def clock() -> TwinClock:
    return TwinClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
async def ledger(path: Path, clock: TwinClock) -> AsyncGenerator[Ledger]:
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        yield ledger


def record(call_id: str = "call_1", *, changes: bool = True, tool: str = "crm.refund_payment") -> CallRecord:
    return CallRecord(
        id=call_id,
        at=1,
        principal="ada",
        tenant="default",
        tool=tool,
        effect="allow",
        rule="refunds",
        version="v1",
        changes=changes,
        roles=("support",),
        tool_digest="t1",
        agent="support",
        trace_id="0af7651916cd43dd8448eb211c80319c",
        run_id="run_1",
        idempotency_key="run_1/1/0",
    )


def spec(request_id: str, clock: TwinClock, *, run_id: str = "run_1", digest: str = "d1") -> RequestSpec:
    now = clock.now_ms()
    request = InputRequest(
        id=request_id,
        kind=RequestKind.APPROVAL,
        state=RequestState.OPEN,
        prompt="May ada?",
        run_id=run_id,
        detail={"arguments": {"amount_minor": 2**70}},
        approvers=("role:lead",),
        created_at=now,
        expires_at=now + 60_000,
    )
    return RequestSpec(request, "ada", "default", "crm.refund_payment", digest)


async def approve(ledger: Ledger, opened: InputRequest) -> None:
    approved = msgspec.structs.replace(opened, state=RequestState.APPROVED, detail={"answer": {"by": "lead"}})
    await ledger.close_request(opened.id, approved, "lead")


def run_record(number: int = 1, *, owner: str = "ada", tenant: str = "default", key: str = "") -> RunRecord:
    run = Run(
        id=f"run_{number:03d}",
        agent="support",
        owner=owner,
        state=RunState.QUEUED,
        input="Where is it?",
        created_at=100 + number // 2,  # two share a millisecond
        updated_at=100 + number // 2,
        last_seq=1,
    )
    return RunRecord(run, tenant, ("support",), key)


def stored(kind: str = "model_replied") -> StoredEvent:
    return StoredEvent(kind, 1, b'{"version":1,"n":123456789012345678901234567890}')


# --- calls ----------------------------------------------------------------------------------------------


async def test_the_intent_to_change_something_is_in_the_file_before_the_call(ledger: Ledger, path: Path):
    await ledger.intend(record(), b'{"amount_minor":500}')
    with sqlite3.connect(path) as other:  # another program's view of the file
        assert other.execute("SELECT tool, rule FROM call_records").fetchall() == [
            ("crm.refund_payment", "refunds")
        ]
        assert other.execute("SELECT body FROM call_payloads").fetchall() == [(b'{"amount_minor":500}',)]
    other.close()


async def test_a_call_is_found_with_its_outcome(ledger: Ledger):
    await ledger.intend(record(changes=False), b"{}")
    assert (await ledger.call_record("call_1")).outcome is None
    ledger.settle(CallOutcome("call_1", 2, "ok", 1_500))
    found = await ledger.call_record("call_1")
    assert found.record == record(changes=False)
    assert found.outcome == CallOutcome("call_1", 2, "ok", 1_500)
    assert found.arguments_json == b"{}"
    with pytest.raises(NotFound, match="call_9"):
        await ledger.call_record("call_9")


async def test_a_refused_call_is_kept_with_arguments_of_any_bytes(ledger: Ledger):
    ledger.refuse(record(), b"\xff not JSON", CallOutcome("call_1", 2, "denied", 0, "No."))
    found = await ledger.call_record("call_1")
    assert found.arguments_json == b"\xff not JSON"
    assert found.outcome is not None
    assert found.outcome.code == "denied"


async def test_a_late_outcome_is_added_and_the_first_is_kept(ledger: Ledger, path: Path):
    await ledger.intend(record(), b"{}")
    ledger.settle(CallOutcome("call_1", 2, "unavailable", 10))
    ledger.settle(CallOutcome("call_1", 3, "ok", 20))
    found = await ledger.call_record("call_1")
    assert found.outcome is not None
    assert found.outcome.code == "ok"
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM call_outcomes").fetchone() == (2,)
    other.close()


async def test_a_call_made_again_under_its_id_is_one_record_and_another_call_is_refused(ledger: Ledger):
    await ledger.intend(record(), b"{}")
    await ledger.intend(msgspec.structs.replace(record(), at=99), b"{}")
    assert (await ledger.call_record("call_1")).record.at == 1
    with pytest.raises(Conflict, match="call_1 belongs to another call"):
        await ledger.intend(record(tool="crm.delete_everything"), b"{}")


async def test_an_approval_is_used_up_together_with_the_intent_or_not_at_all(
    ledger: Ledger, clock: TwinClock
):
    opened = await ledger.open_request(spec("req_1", clock))
    with pytest.raises(Conflict, match="req_1"):  # not approved yet
        await ledger.intend(record("call_0"), b"{}", approval="req_1")
    with pytest.raises(NotFound):
        await ledger.call_record("call_0")
    await approve(ledger, opened)
    attempts = [ledger.intend(record(f"call_{number}"), b"{}", approval="req_1") for number in (1, 2, 3)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "ApprovalGone",
        "ApprovalGone",
        "NoneType",
    ]
    assert (await ledger.get_request("req_1")).request.state is RequestState.CONSUMED


async def test_an_approval_is_not_used_up_when_the_intent_cannot_be_recorded(
    ledger: Ledger, clock: TwinClock
):
    await ledger.intend(record("call_1", tool="crm.other"), b"{}")
    await approve(ledger, await ledger.open_request(spec("req_1", clock)))
    with pytest.raises(Conflict, match="belongs to another call"):
        await ledger.intend(record("call_1"), b"{}", approval="req_1")
    assert (await ledger.get_request("req_1")).request.state is RequestState.APPROVED


def appended(after: int = 1) -> RunAppend:
    return RunAppend("run_001", after, (stored("tool_called"),), run_record().run)


@pytest.mark.parametrize("fault", ["approval", "run", "call"])
async def test_a_runs_event_its_approval_and_the_intent_are_stored_together_or_not_at_all(
    ledger: Ledger, clock: TwinClock, fault: str
):
    await ledger.create(run_record(), [stored("run_started")])
    opened = await ledger.open_request(spec("req_1", clock))
    if fault != "approval":
        await approve(ledger, opened)
    if fault == "call":
        await ledger.intend(record("call_1", tool="crm.other"), b"{}")
    with pytest.raises(ApprovalGone if fault == "approval" else Conflict):
        await ledger.intend(
            record(), b"{}", approval="req_1", joining=appended(after=7 if fault == "run" else 1)
        )
    assert len(await ledger.events("run_001")) == 1
    expected = RequestState.OPEN if fault == "approval" else RequestState.APPROVED
    assert (await ledger.get_request("req_1")).request.state is expected
    if fault != "call":
        with pytest.raises(NotFound):
            await ledger.call_record("call_1")


async def test_what_only_reads_and_joins_a_run_is_durable_when_the_call_is_made(ledger: Ledger, path: Path):
    await ledger.create(run_record(), [stored("run_started")])
    await ledger.intend(record(changes=False), b"{}", joining=appended())
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT type FROM run_events WHERE seq = 2").fetchall() == [("tool_called",)]
        assert other.execute("SELECT id FROM call_records").fetchall() == [("call_1",)]
    other.close()


def test_a_killed_process_leaves_nothing_half(path: Path):
    """It is killed while it joins runs' events, approvals and intents, one after the other."""
    for begun in (3, 4, 6):
        command = [sys.executable, "-m", "tests.integration.killed_intents", str(path), f"{begun}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(begun):
                assert process.stdout.readline()
            process.kill()
    with sqlite3.connect(path) as other:
        intents = other.execute("SELECT id, run_id FROM call_records ORDER BY id").fetchall()
        events = other.execute(
            "SELECT json_extract(data, '$.call'), run_id FROM run_events WHERE type = 'tool_called' ORDER BY 1"
        ).fetchall()
        used = other.execute("SELECT run_id FROM input_requests WHERE state = 'consumed'").fetchall()
    other.close()
    assert intents == events
    assert sorted(run for _, run in intents) == sorted(run for (run,) in used)
    assert len(intents) >= 2 + 3 + 5
    assert verify(path, keys_beside(str(path)), outside(str(path))).findings == []


async def test_digests_are_salted_and_results_are_kept_beside(ledger: Ledger):
    result = ToolResult((TextContent("paid"),), b'{"paid": 500}', trust="trusted")
    for call_id in ("call_1", "call_2"):
        await ledger.intend(record(call_id), b"{}")
        ledger.settle(CallOutcome(call_id, 2, "ok", 1), result)
    one, other = [await ledger.call_record(call_id) for call_id in ("call_1", "call_2")]
    assert one.arguments_digest != other.arguments_digest
    assert one.result_digest != other.result_digest
    assert hashlib.sha256(b"{}").hexdigest() != one.arguments_digest
    assert one.result_json is not None
    assert msgspec.json.decode(one.result_json) == {
        "content": [{"type": "text", "text": "paid"}],
        "structured": {"paid": 500},
        "trust": "trusted",
    }


async def test_calls_are_read_back_by_time_while_another_writes(ledger: Ledger, path: Path):
    for number in range(1, 6):
        await ledger.intend(msgspec.structs.replace(record(f"call_{number}"), at=number), b"{}")
    found = [one.record.id for one in recorded_calls(path, since=2, until=5)]
    assert found == ["call_4", "call_3", "call_2"]
    oldest = next(recorded_calls(path, newest_first=False, payloads=False))
    assert (oldest.record.id, oldest.record.roles, oldest.arguments_json) == ("call_1", ("support",), None)
    with pytest.raises(ConfigurationError, match=r"nowhere\.db"):
        next(recorded_calls(path.with_name("nowhere.db")))


async def test_two_processes_write_segments_of_their_own(ledger: Ledger, path: Path, clock: TwinClock):
    async with Ledger.open(path, now=clock.now_ms) as other:
        for number in range(4):
            await (ledger, other)[number % 2].intend(record(f"call_{number}"), b"{}")
        await ledger.checkpoint()
        await approve(other, await ledger.open_request(spec("req_1", clock)))
        found = verify(path, keys_beside(str(path)), outside(str(path)))  # while both are open
    assert (found.findings, found.segments) == ([], 2)


# --- input requests -------------------------------------------------------------------------------------


async def test_the_same_call_has_one_open_request(ledger: Ledger, clock: TwinClock):
    first = await ledger.open_request(spec("req_1", clock))
    assert (await ledger.open_request(spec("req_2", clock))).id == "req_1"
    assert (await ledger.open_request(spec("req_3", clock, digest="d2"))).id == "req_3"
    assert (await ledger.open_request(spec("req_4", clock, run_id="run_2"))).id == "req_4"
    found = await ledger.find_request(spec("req_9", clock).binding)
    assert found is not None
    assert found.request == first
    assert await ledger.find_request(spec("req_9", clock, digest="d9").binding) is None
    assert await ledger.get_request("req_1") == spec("req_1", clock)


async def test_a_call_that_was_approved_in_this_moment_is_not_asked_for_again(
    ledger: Ledger, clock: TwinClock
):
    await approve(ledger, await ledger.open_request(spec("req_1", clock)))
    again = await ledger.open_request(spec("req_2", clock))
    assert (again.id, again.state) == ("req_1", RequestState.APPROVED)
    assert await ledger.list_requests("default") == ()
    changed = msgspec.structs.replace(spec("req_3", clock), tool_digest="another tool by now")
    assert (await ledger.open_request(changed)).id == "req_3"


async def test_a_call_that_was_denied_in_this_moment_is_not_asked_for_again(ledger: Ledger, clock: TwinClock):
    asked = await ledger.open_request(spec("req_1", clock))
    no = msgspec.structs.replace(asked, state=RequestState.DENIED)
    await ledger.close_request("req_1", no, "lea")
    again = await ledger.open_request(spec("req_2", clock))
    assert (again.id, again.state) == ("req_1", RequestState.DENIED)


async def test_an_expired_request_is_neither_found_nor_listed(ledger: Ledger, clock: TwinClock):
    await ledger.open_request(spec("req_1", clock))
    clock.advance(61)
    assert await ledger.find_request(spec("req_2", clock).binding) is None
    assert await ledger.list_requests("default") == ()
    assert (await ledger.open_request(spec("req_2", clock))).id == "req_2"


async def test_an_expired_approval_cannot_be_used(ledger: Ledger, clock: TwinClock):
    await approve(ledger, await ledger.open_request(spec("req_1", clock)))
    clock.advance(61)
    with pytest.raises(Conflict, match="expired"):
        await ledger.intend(record(), b"{}", approval="req_1")


async def test_open_requests_are_listed_oldest_first(ledger: Ledger, clock: TwinClock):
    for number, run_id in enumerate(["run_1", "run_2", "run_1"], 1):
        await ledger.open_request(spec(f"req_{number}", clock, run_id=run_id, digest=f"d{number}"))
        clock.advance(1)
    await approve(ledger, (await ledger.get_request("req_1")).request)
    assert [one.request.id for one in await ledger.list_requests("default")] == ["req_2", "req_3"]
    assert [one.request.id for one in await ledger.list_requests("default", "run_1")] == ["req_3"]
    assert await ledger.list_requests("elsewhere") == ()


async def test_a_request_is_answered_once(ledger: Ledger, clock: TwinClock):
    opened = await ledger.open_request(spec("req_1", clock))
    await approve(ledger, opened)
    with pytest.raises(Conflict, match="approved already"):
        await approve(ledger, opened)
    answered = (await ledger.get_request("req_1")).request
    assert (answered.state, answered.detail) == (RequestState.APPROVED, {"answer": {"by": "lead"}})
    with pytest.raises(NotFound, match="req_7"):
        await ledger.close_request("req_7", opened, "lead")


async def test_open_requests_are_capped_and_expired_ones_make_room(
    ledger: Ledger, clock: TwinClock, path: Path
):
    for number in (1, 2):
        await ledger.open_request(spec(f"req_{number}", clock, digest=f"d{number}"), 2)
    with pytest.raises(Overloaded, match="ada has 2 open input requests"):
        await ledger.open_request(spec("req_3", clock, digest="d3"), 2)
    assert (await ledger.open_request(spec("req_4", clock, digest="d1"), 2)).id == "req_1"
    clock.advance(61)
    assert (await ledger.open_request(spec("req_3", clock, digest="d3"), 2)).id == "req_3"
    with sqlite3.connect(path) as other:
        states = other.execute("SELECT id, state FROM input_requests ORDER BY id").fetchall()
    other.close()
    assert states == [("req_1", "expired"), ("req_2", "expired"), ("req_3", "open")]


async def test_what_has_expired_is_closed_and_told(ledger: Ledger, clock: TwinClock):
    await approve(ledger, await ledger.open_request(spec("req_1", clock)))
    assert [one.request.id for one in await ledger.live_requests()] == ["req_1"]
    clock.advance(61)
    assert [one.request.id for one in await ledger.expire_requests()] == ["req_1"]
    assert await ledger.expire_requests() == ()
    assert (await ledger.get_request("req_1")).request.state is RequestState.EXPIRED
    with pytest.raises(Conflict, match="expired already"):
        await approve(ledger, (await ledger.get_request("req_1")).request)


@pytest.mark.parametrize("to", RequestState)
@pytest.mark.parametrize("state", RequestState)
async def test_only_legal_transitions_are_stored(
    ledger: Ledger, clock: TwinClock, state: RequestState, to: RequestState
):
    opened = await ledger.open_request(spec("req_1", clock))
    if state is RequestState.CONSUMED:
        await approve(ledger, opened)
    if state is not RequestState.OPEN:
        await ledger.close_request("req_1", msgspec.structs.replace(opened, state=state), "lea")
    move = ledger.close_request("req_1", msgspec.structs.replace(opened, state=to), "lea")
    if state in SOURCES[to]:
        await move
        assert (await ledger.get_request("req_1")).request.state is to
    else:
        with pytest.raises(Conflict):
            await move
        assert (await ledger.get_request("req_1")).request.state is state


async def test_one_request_takes_the_place_of_another_or_nothing_happens(ledger: Ledger, clock: TwinClock):
    opened = await ledger.open_request(spec("req_1", clock))
    void = msgspec.structs.replace(opened, state=RequestState.VOID)
    await ledger.replace_request("req_1", void, spec("req_2", clock), "lea")
    with pytest.raises(Conflict):
        await ledger.replace_request("req_1", void, spec("req_3", clock), "lea")
    assert [one.request.id for one in await ledger.list_requests("default")] == ["req_2"]


async def test_an_approval_is_used_once_by_however_many_at_once(ledger: Ledger, clock: TwinClock, path: Path):
    for number in range(10):
        await approve(ledger, await ledger.open_request(spec(f"req_{number}", clock, digest=f"d{number}")))
    async with Ledger.open(path, now=clock.now_ms) as other:  # as another process would
        attempts = [
            (ledger, other)[turn % 2].intend(record(f"call_{number}_{turn}"), b"{}", approval=f"req_{number}")
            for turn in range(20)
            for number in range(10)
        ]
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 10
    assert all(outcome is None or isinstance(outcome, Conflict) for outcome in outcomes)
    with sqlite3.connect(path) as file:
        used = file.execute(
            "SELECT count(*) FROM input_requests JOIN call_records ON call_records.id = call_id"
        ).fetchone()
        assert (used, file.execute("SELECT count(*) FROM call_records").fetchone()) == ((10,), (10,))
    file.close()


# --- runs -----------------------------------------------------------------------------------------------


async def test_a_runs_events_come_back_as_they_were(ledger: Ledger):
    made = run_record()
    await ledger.create(made, [stored("run_started")])
    running = msgspec.structs.replace(made.run, state=RunState.RUNNING, updated_at=500, last_seq=3)
    await ledger.append(RunAppend(made.run.id, 1, (stored(), stored()), running))
    events = await ledger.events(made.run.id)
    assert [(event.seq, event.type) for event in events] == [
        (1, "run_started"),
        (2, "model_replied"),
        (3, "model_replied"),
    ]
    assert events[2].data == {"version": 1, "n": 123456789012345678901234567890}
    assert [event.at for event in events] == [100, 500, 500]
    assert events[1:] == await ledger.events(made.run.id, 1)
    assert await ledger.get(made.run.id) == msgspec.structs.replace(made, run=running)


async def test_of_two_writers_at_the_same_place_one_wins(ledger: Ledger):
    made = run_record()
    await ledger.create(made, [stored("run_started")])
    outcomes = await asyncio.gather(
        *(ledger.append(RunAppend(made.run.id, 1, (stored(),), made.run)) for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 4
    assert len(await ledger.events(made.run.id)) == 2


async def test_a_key_starts_one_run_for_its_owner(ledger: Ledger):
    first = await ledger.create(run_record(1, key="k"), [stored("run_started")])
    again = await ledger.create(run_record(2, key="k"), [stored("run_started")])
    others = await ledger.create(run_record(3, owner="bob", key="k"), [stored("run_started")])
    assert again == first
    assert others.run.id == "run_003"
    assert await ledger.ready() == ("run_001", "run_003")


async def test_lists_are_paged_newest_first_and_show_only_the_owners(ledger: Ledger):
    for number in range(1, 8):
        await ledger.create(run_record(number), [stored("run_started")])
    await ledger.create(run_record(8, owner="bob"), [stored("run_started")])
    await ledger.create(run_record(9, tenant="elsewhere"), [stored("run_started")])
    seen: list[str] = []
    cursor: str | None = None
    pages = 0
    while pages == 0 or cursor:
        page = await ledger.find("default", RunFilter(owner="ada"), size=3, cursor=cursor)
        seen += [run.id for run in page.runs]
        cursor = page.next_cursor
        pages += 1
    assert seen == [f"run_{number:03d}" for number in range(7, 0, -1)]
    assert pages == 3


async def test_lists_by_state(ledger: Ledger):
    made = run_record(1)
    await ledger.create(made, [stored("run_started")])
    await ledger.create(run_record(2), [stored("run_started")])
    done = msgspec.structs.replace(made.run, state=RunState.COMPLETED, answer="Here.", last_seq=2)
    await ledger.append(RunAppend("run_001", 1, (stored("run_completed"),), done))
    page = await ledger.find("default", RunFilter(state=RunState.COMPLETED), size=10, cursor=None)
    assert page.runs == (done,)
    assert await ledger.ready() == ("run_002",)


@pytest.mark.parametrize("cursor", ["nonsense", "e30=", "\u00e9"])
async def test_a_cursor_of_somebody_elses_is_refused(ledger: Ledger, cursor: str):
    with pytest.raises(InvalidRequest, match="cursor"):
        await ledger.find("default", RunFilter(owner="ada"), size=3, cursor=cursor)


async def test_an_unknown_run_is_not_found(ledger: Ledger):
    with pytest.raises(NotFound, match="run_404"):
        await ledger.get("run_404")


# --- opening --------------------------------------------------------------------------------------------


async def test_what_was_stored_is_there_after_reopening(path: Path, clock: TwinClock):
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await ledger.create(run_record(), [stored("run_started")])
        ledger.settle(CallOutcome("call_1", 2, "ok", 1))  # queued; closing stores it
    async with Ledger.open(f"sqlite:///{path}", now=clock.now_ms) as ledger:
        assert await ledger.ready() == ("run_001",)
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT code FROM call_outcomes").fetchall() == [("ok",)]
    other.close()


async def test_a_ledger_of_a_newer_toolward_is_refused(path: Path):
    async with Ledger.open(path):
        pass
    with sqlite3.connect(path) as other:
        other.execute("UPDATE schema_version SET version = 99")
    other.close()
    with pytest.raises(ConfigurationError, match=r"ledger\.db was written by a newer Toolward \(schema 99"):
        async with Ledger.open(path):
            pass


async def test_a_ledger_from_before_the_chain_is_refused_with_what_to_do(path: Path):
    async with Ledger.open(path):
        pass
    with sqlite3.connect(path) as other:
        other.execute("UPDATE schema_version SET version = 1")
    other.close()
    with pytest.raises(ConfigurationError, match="before the first release") as caught:
        async with Ledger.open(path):
            pass
    assert "Move the file away" in (caught.value.hint or "")


async def test_another_programs_database_is_refused(path: Path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    with pytest.raises(ConfigurationError, match=r"ledger\.db belongs to another program"):
        async with Ledger.open(path):
            pass


async def test_a_locked_ledger_is_named(path: Path):
    async with Ledger.open(path):
        pass
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ConfigurationError, match=r"ledger\.db cannot be opened: another program holds"):
        async with Ledger.open(path, busy_timeout=0.05):
            pass
    other.close()
