"""What a person said goes for good, when they ask for it or its time is over; the ledger is whole afterwards."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from gateway.agent import events as ev
from gateway.agent.model_requests import change, refs
from gateway.agent.stored import decode, encode
from gateway.core.digests import text_digest
from gateway.core.ports import (
    ERASED,
    CallOutcome,
    CallRecord,
    Message,
    RequestSpec,
    RunAppend,
    RunRecord,
    StoredEvent,
    ToolUse,
    Usage,
)
from gateway.ledger.erasure import Erased
from gateway.ledger.ledger import Ledger, keys_beside, outside
from gateway.ledger.verify import Verified, verify
from tests.integration.test_ledger_migrations import recorded
from tests.run_logs import DEFINITION
from tests.twins import TwinClock
from toolward.errors import Conflict, NotFound
from toolward.types import (
    InputRequest,
    Origin,
    RequestKind,
    RequestState,
    Run,
    RunScope,
    RunState,
    Said,
    text_result,
)

SECRET = "my-secret-illness"
DAY = 24 * 3600


@pytest.fixture
def clock() -> TwinClock:
    return TwinClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def verified(path: Path) -> Verified:
    return verify(path, keys_beside(str(path)), outside(str(path)))


def traces(path: Path, of: bytes = SECRET.encode()) -> list[str]:
    """Files that still have it, or a digest of it."""
    needles = (of, text_digest(of).encode())
    files = [path, path.with_name("ledger.db-wal")]
    return [
        file.name
        for file in files
        if file.exists() and any(needle in file.read_bytes() for needle in needles)
    ]


def said(kind: str, path: str = "text", text: str = SECRET, data: bytes = b'{"version":1}') -> StoredEvent:
    body, definition, alone = text.encode(), b'{"instructions":"Help."}', f"said {SECRET}".encode()
    digests = [text_digest(one) for one in (body, definition, alone)]
    data = data.replace(b"NAMED", digests[2].encode())
    return StoredEvent(
        kind,
        1,
        data,
        {path: digests[0]},
        {"definition": digests[1]},
        dict(zip(digests, (body, definition, alone), strict=True)),
    )


def run(name: str, clock: TwinClock, *, state: RunState, owner: str = "ada", parent: str = "") -> Run:
    now = clock.now_ms()
    return Run(
        name, "support", owner, state, SECRET, SECRET, "", "", created_at=now, updated_at=now, parent=parent
    )


async def write(
    ledger: Ledger,
    clock: TwinClock,
    name: str,
    state: RunState = RunState.COMPLETED,
    parent: str = "",
    owner: str = "ada",
) -> None:
    """A run with words, a call and an approval."""
    made = run(name, clock, state=state, owner=owner, parent=parent)
    first = said("run_started", "input")
    await ledger.create(RunRecord(made, "default", (), parent_seq=2 if parent else 0), [first])
    uses = b'{"version":1,"tool_uses":[{"name":"get","arguments_json":""}],"messages":["NAMED"]}'
    reply = said("model_replied", "tool_uses.0.arguments_json", data=uses)
    await ledger.append(RunAppend(name, 3 if parent else 1, (reply,), made))
    call = CallRecord(
        f"call_{name}", clock.now_ms(), owner, "default", "crm.get", "ask", "r", "v", True, run_id=name
    )
    request = InputRequest(
        f"req_{name}", RequestKind.APPROVAL, RequestState.OPEN, f"May {SECRET}?", name,
        {"tool": "crm.get", "arguments": {"q": SECRET}, "answer": {"by": "lea", "reason": SECRET}},
        created_at=clock.now_ms(),
    )  # fmt: skip
    origins = (Origin(f"/q/{SECRET}", "user", "the run's input"),)
    scope = RunScope(name, "support", ("*",), origins=origins)
    await ledger.open_request(RequestSpec(request, owner, "default", "crm.get", f"digest-{name}", run=scope))
    await ledger.close_request(
        request.id, msgspec.structs.replace(request, state=RequestState.APPROVED), "lea"
    )
    await ledger.intend(call, SECRET.encode(), approval=request.id)
    ledger.settle(CallOutcome(call.id, clock.now_ms(), "ok", 1), text_result(SECRET))


async def test_a_principals_words_are_gone_and_the_structure_stays(path: Path, clock: TwinClock):
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await write(ledger, clock, "run_1")
        await write(ledger, clock, "run_2")
        erased = await ledger.erase(principal="ada", reason="asked for")
        assert erased == Erased(payloads=4, runs=2, requests=2)
        assert traces(path) == []
        started, replied = await ledger.events("run_1")
        assert started.data == {"version": 1, "input": ERASED, "definition": {"instructions": "Help."}}
        assert replied.data["tool_uses"] == [{"name": "get", "arguments_json": ERASED}]
        assert replied.data["messages"] == [ERASED]
        assert await ledger.texts("run_1", [text_digest(SECRET.encode())]) == {}
        record = await ledger.get("run_1")
        assert (record.run.input, record.run.answer, record.run.error_message) == (ERASED, ERASED, "")
        spec = await ledger.get_request("req_run_1")
        request = spec.request
        assert spec.run == RunScope("run_1", "support", ("*",))
        assert (request.prompt, request.detail) == (ERASED, {"tool": "crm.get", "answer": {"by": "lea"}})
        assert await ledger.erase(principal="ada") == Erased()
    found = verified(path)
    assert (found.findings, found.erased_runs, found.erased_requests) == ([], 2, 2)


async def test_words_in_the_rows_of_older_ledgers_are_erased_too(tmp_path: Path):
    path = recorded(tmp_path, 2)
    assert traces(path, b"it is on its way") == ["ledger.db"]
    async with Ledger.open(path) as ledger:
        erased = await ledger.erase(principal="ada")
        assert (erased.runs, erased.requests, erased.kept) == (1, 2, ("req_1", "run_2"))
        events = await ledger.events("run_1")
        assert events[0].data["input"] == ERASED
        assert events[0].data["definition"]["instructions"] == "Help."
        assert events[2].data["tool_uses"][0]["arguments_json"] == ERASED
        assert events[3].data["arguments_json"] == ERASED
        assert events[3].data["tool"] == "crm.get_record"
        assert (await ledger.events("run_2"))[0].data["input"] == "Where is ORD-1?"
        assert traces(path, b"it is on its way") == []
    assert verified(path).findings == []


async def test_what_is_not_over_is_kept_and_named(path: Path, clock: TwinClock):
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await write(ledger, clock, "run_1")
        await write(ledger, clock, "run_2", RunState.RUNNING)
        await write(ledger, clock, "run_3")
        await write(ledger, clock, "run_4", RunState.PAUSED, parent="run_3")
        await write(ledger, clock, "run_5", owner="bob")
        for name in ("run_2", "run_3"):
            with pytest.raises(Conflict, match=f"{name} is not over") as caught:
                await ledger.erase(run=name)
            assert caught.value.hint
        with pytest.raises(NotFound, match="run_9"):
            await ledger.erase(run="run_9")
        erased = await ledger.erase(principal="ada")
        assert erased.runs == 1
        assert set(erased.kept) == {f"{kind}_{n}" for kind in ("run", "req_run") for n in (2, 3, 4)}
        assert (await ledger.call_record("call_run_2")).arguments_json == SECRET.encode()
        assert (await ledger.get("run_5")).run.input == SECRET
    assert verified(path).findings == []


async def test_one_run_is_erased_with_its_calls_and_requests(path: Path, clock: TwinClock):
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await write(ledger, clock, "run_1")
        assert await ledger.erase(run="run_1") == Erased(payloads=2, runs=1, requests=1)
        assert traces(path) == []
    assert verified(path).findings == []


async def test_what_is_said_after_an_erasure_can_be_erased_as_well(path: Path, clock: TwinClock):
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await write(ledger, clock, "run_1")
        await ledger.erase(run="run_1")
        again = run("run_1", clock, state=RunState.COMPLETED)
        await ledger.append(RunAppend("run_1", 2, (said("message_added"),), again))
        assert (await ledger.events("run_1", 2))[0].data["text"] == SECRET
        await ledger.checkpoint()
        assert verified(path).findings == []
        await ledger.erase(run="run_1")
        assert (await ledger.events("run_1", 2))[0].data["text"] == ERASED
        assert traces(path) == []
    assert verified(path).findings == []


async def test_a_parents_words_are_erased_for_its_child_too(path: Path, clock: TwinClock):
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await write(ledger, clock, "run_1")
        child = run("run_2", clock, state=RunState.COMPLETED, parent="run_1")
        named = msgspec.structs.replace(said("run_retried"), texts={})  # the parent has it
        await ledger.create(RunRecord(child, "default", (), parent_seq=1), [named])
        assert [event.data.get("text") or event.data["input"] for event in await ledger.events("run_2")] == [
            SECRET
        ] * 2
        await ledger.erase(run="run_1")
        assert [event.data.get("text") or event.data["input"] for event in await ledger.events("run_2")] == [
            ERASED
        ] * 2
    assert verified(path).findings == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE run_events SET data = replace(data, '[erased]', 'invented') WHERE seq = 1",
        "UPDATE run_events SET salt = x'', data = '{}' WHERE run_id = 'run_2' AND seq = 1",
        "DELETE FROM ledger_acts",
    ],
)
async def test_no_hand_can_pass_a_change_off_as_an_erasure(path: Path, clock: TwinClock, statement: str):
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await write(ledger, clock, "run_1")
        await write(ledger, clock, "run_2")
        await ledger.erase(run="run_1")
    assert verified(path).findings == []
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    assert not verified(path).is_whole


async def test_words_are_kept_for_a_time_and_then_erased_in_small_steps(
    path: Path, clock: TwinClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.ledger.ledger.ERASE_SLICE", 2)
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        for number in range(5):
            await write(ledger, clock, f"run_{number}")
        await write(ledger, clock, "run_waits", RunState.INPUT_REQUIRED)
        clock.advance(DAY)
        await write(ledger, clock, "run_new")
        erased = await ledger.retain(clock.now_ms() - 1000, "kept for a day")
        assert erased == Erased(payloads=10, runs=5, requests=5)
        assert await ledger.retain(clock.now_ms() - 1000) == Erased()
        for name in ("run_waits", "run_new"):
            assert (await ledger.get(name)).run.input == SECRET
            assert (await ledger.call_record(f"call_{name}")).result_json is not None
    assert verified(path).findings == []


async def test_old_segments_stay_as_long_as_a_child_needs_them(path: Path, clock: TwinClock):
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await write(ledger, clock, "run_1")
    clock.advance(9 * DAY)
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await write(ledger, clock, "run_2", parent="run_1")
        lease = await ledger.take("run_1", "one", 10)
        assert lease is not None
        assert await ledger.remove_before(clock.now_ms()) == []
        assert len(await ledger.events("run_2")) == 4
    clock.advance(9 * DAY)
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        assert len(await ledger.remove_before(clock.now_ms())) == 2
        with pytest.raises(NotFound):
            await ledger.get("run_2")
        assert traces(path) == []
    assert verified(path).findings == []


USE = ToolUse("use_1", "crm__get", '{"q":"my-secret-illness"}')
ASKED = [Message("user", SECRET), Message("assistant", "", (USE,))]
EVERY_EVENT: tuple[ev.Event, ...] = (
    ev.RunStarted(
        agent="support", owner="ada", tenant="default", input=SECRET, definition=DEFINITION,
        before=(Said("user", SECRET),),
    ),
    ev.RunTakenUp(),
    ev.MessageReceived(text=SECRET, by="ada"),
    ev.ModelReplied(
        turn=1, text=SECRET, tool_uses=(USE,), stop="tool_use", usage=Usage(), model="m", duration_ms=1,
        request=change(0, (), refs(ASKED), text_digest(b"[]")), reasoning=SECRET, native=SECRET, native_source="s",
    ),
    ev.ToolCalled(
        turn=1, index=0, call_id="c", use_id="use_1", tool="crm.get", alias="crm__get", key="k",
        arguments_json=SECRET,
    ),
    ev.ToolReturned(call_id="c", code="ok", is_error=False, text=SECRET),
    ev.ResultsFolded(turn=1),
    ev.TurnsSummarised(turn=1, text=SECRET, usage=Usage()),
    ev.InputClassified(turn=2, label="easy", usage=Usage()),
    ev.LimitReached(limit="budget", message=SECRET),
    ev.InputRequested(call_id="c", request_id="r", kind=RequestKind.QUESTION, prompt=SECRET),
    ev.InputAnswered(request_id="r", text=SECRET, reason=SECRET, arguments_json=SECRET, void=SECRET),
    ev.RunPaused(by="ada", reason=SECRET),
    ev.RunResumed(by="ada"),
    ev.RunRetried(parent="p", after=1, owner="ada", effects=(ev.EffectMade("c", "crm.get", SECRET, "ok"),)),
    ev.RunRated(by="ada", score=1, comment=SECRET),
    ev.RunCompleted(answer=SECRET),
    ev.RunFailed(code="x", message=SECRET, answer=SECRET),
    ev.RunCancelled(by="ada"),
)  # fmt: skip


def without_request(event: ev.Event) -> ev.Event:
    return msgspec.structs.replace(event, request=None) if isinstance(event, ev.ModelReplied) else event


@pytest.mark.parametrize("by_digest", [True, False])
async def test_every_event_loses_its_words_and_can_be_read_afterwards(
    path: Path, clock: TwinClock, *, by_digest: bool
):
    """Also where the words stand in the data, as in older ledgers."""
    assert {type(event) for event in EVERY_EVENT} == set(ev.TYPES.values())
    events = [event if by_digest else without_request(event) for event in EVERY_EVENT]
    kept = [encode(event, ASKED, b"[]") for event in events]
    plain = [
        StoredEvent(one.type, 1, msgspec.json.encode(event)) for one, event in zip(kept, events, strict=True)
    ]
    made = run("run_1", clock, state=RunState.COMPLETED)
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await ledger.create(RunRecord(made, "default", ()), kept if by_digest else plain)
        assert [decode(event) for event in await ledger.events("run_1")] == events
        await ledger.erase(run="run_1")
        left = [decode(event) for event in await ledger.events("run_1")]
        assert traces(path) == []
        assert by_digest is False or traces(path, USE.arguments_json.encode()) == []
    assert [type(event) for event in left] == [type(event) for event in EVERY_EVENT]
    assert SECRET not in repr(left)
    for one in left:
        if isinstance(one, ev.ModelReplied):
            assert one.request is None or (one.request.digest, one.request.tools) == (ERASED, ERASED)
            assert one.tool_uses == (ToolUse("use_1", "crm__get", ERASED),)
        if isinstance(one, ev.RunStarted):
            assert (one.input, one.definition) == (ERASED, DEFINITION)
    assert verified(path).findings == []
