"""What every log of runs does: the ledger's, and its twin's."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, bindparam

from gateway.core.digests import text_digest
from gateway.core.limits import DAY_MS
from gateway.core.ports import (
    Lease,
    ModelUse,
    RunAppend,
    RunLogPort,
    RunRecord,
    StoredEvent,
    Superseded,
    Taken,
)
from gateway.ledger.ledger import Ledger
from tests.twins import TwinClock, TwinRunLog
from toolward.errors import Conflict, NotFound
from toolward.types import Run, RunFilter, RunState

_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


@pytest.fixture
def clock() -> TwinClock:
    return TwinClock()


@pytest.fixture(params=["ledger", "twin"])
async def log(request: pytest.FixtureRequest, tmp_path: Path, clock: TwinClock) -> AsyncGenerator[RunLogPort]:
    if request.param == "twin":
        yield TwinRunLog(clock)
        return
    async with open_ledger(tmp_path, clock) as ledger:
        yield ledger


def open_ledger(folder: Path, clock: TwinClock):
    """Its leases expire by the twin's clock, which the tests move."""
    lease_clock = bindparam("lease_clock", callable_=clock.now_ms, type_=BigInteger)
    return Ledger.open(folder / "ledger.db", now=clock.now_ms, lease_clock=lease_clock)


def run(name: str = "run_1", *, parent: str = "", state: RunState = RunState.RUNNING, at: int = 5) -> Run:
    return Run(name, "support", "ada", state, "Hi", created_at=at, updated_at=at, parent=parent)


def said(text: str, kind: str = "model_replied") -> StoredEvent:
    digest = text_digest(text.encode())
    return StoredEvent(kind, 1, b'{"version":1}', {"text": digest}, {}, {digest: text.encode()})


def plain(kind: str = "run_taken_up") -> StoredEvent:
    return StoredEvent(kind, 1, b'{"version":1}')


async def taken(log: RunLogPort, name: str = "run_1", holder: str = "one") -> Lease:
    lease = await log.take(name, holder, 10)
    assert lease is not None
    return lease


async def begin(log: RunLogPort, name: str = "run_1", *events: StoredEvent) -> None:
    await log.create(RunRecord(run(name), "default", ("support",)), events or (plain("run_started"),))


def more(after: int, *events: StoredEvent, name: str = "run_1", epoch: int = 0) -> RunAppend:
    return RunAppend(name, after, events, run(name), epoch)


async def told(log: RunLogPort, name: str = "run_1") -> list[object]:
    return [event.data.get("text") for event in await log.events(name)]


# --- words ----------------------------------------------------------------------------------------------


async def test_words_and_what_is_shared_come_back_in_their_places(log: RunLogPort):
    texts = {
        text_digest(body): body for body in (b"Hello \xc3\xa9", b'{"id":1}', b'{"name":"support"}', b"other")
    }
    hello, arguments, shared, _ = texts
    event = StoredEvent(
        "model_replied",
        1,
        b'{"version":1,"tool_uses":[{"name":"a","arguments_json":""}],"n":123456789012345678901234567890}',
        {"text": hello, "tool_uses.0.arguments_json": arguments},
        {"definition": shared},
        texts,
    )
    await begin(log, "run_1", event, StoredEvent("empty", 1, b"{}", {"text": hello}, {}, {}))
    first, second = await log.events("run_1")
    assert first.data == {
        "version": 1,
        "tool_uses": [{"name": "a", "arguments_json": '{"id":1}'}],
        "n": 123456789012345678901234567890,
        "text": "Hello é",
        "definition": {"name": "support"},
    }
    assert second.data == {"text": "Hello é"}
    assert await log.texts("run_1", [*texts, "unknown"]) == texts


async def test_what_is_unknown(log: RunLogPort):
    assert await log.events("run_9") == ()
    with pytest.raises(NotFound, match="run_9"):
        await log.texts("run_9", [])
    with pytest.raises(NotFound, match="run_9"):
        await log.get("run_9")
    assert await log.take("run_9", "one", 10) is None


async def test_an_id_is_used_once(log: RunLogPort):
    await begin(log)
    with pytest.raises(Conflict, match="run_1"):
        await begin(log)


# --- what models took -----------------------------------------------------------------------------------


def took(
    after: int, tokens: int, cost: int = 0, *scopes: str, name: str = "run_1", day: int = 0
) -> RunAppend:
    appended = msgspec.structs.replace(run(name), updated_at=day * DAY_MS + 5)
    return RunAppend(name, after, (said("Hi"),), appended, use=ModelUse(scopes or ("ada",), tokens, cost))


async def test_what_models_took_is_counted_with_the_reply_in_every_scope_on_its_day(log: RunLogPort):
    await begin(log)
    await begin(log, "run_2")
    await log.append(took(1, 100, 7, "ada", "acme"))
    await log.append(took(1, 10, 0, "bo", "acme", name="run_2"))
    await log.append(took(2, 1, 2, "ada", "acme", day=1))
    assert await log.taken(("ada", "bo", "acme", "eve"), 0) == {
        "ada": Taken(100, 7),
        "bo": Taken(10, 0),
        "acme": Taken(110, 7),
    }
    assert await log.taken(("ada", "bo"), 1) == {"ada": Taken(1, 2)}
    assert await log.taken((), 0) == {}


async def test_a_reply_that_is_not_stored_took_nothing(log: RunLogPort):
    await begin(log)
    for again in (0, 5):
        with pytest.raises(Conflict):
            await log.append(took(again, 100))
    with pytest.raises(Superseded):
        await log.append(msgspec.structs.replace(took(1, 100), epoch=3))
    assert await log.taken(("ada",), 0) == {}


# --- retried runs ---------------------------------------------------------------------------------------


async def retry(log: RunLogPort, name: str, parent: str, seq: int, *events: StoredEvent) -> None:
    await log.create(RunRecord(run(name, parent=parent), "default", (), parent_seq=seq), events)


async def test_a_retried_run_begins_with_its_parents_events(log: RunLogPort):
    await begin(log, "run_1", said("a"), said("b"), said("c"))
    await retry(log, "run_2", "run_1", 2, said("d"))
    await log.append(more(3, said("e"), name="run_2"))
    await retry(log, "run_3", "run_2", 4, said("f"))
    await retry(log, "run_4", "run_3", 1, said("g"))  # of what its parent has from its own parents
    assert await told(log, "run_2") == ["a", "b", "d", "e"]
    assert await told(log, "run_3") == ["a", "b", "d", "e", "f"]
    assert await told(log, "run_4") == ["a", "g"]
    assert await told(log, "run_1") == ["a", "b", "c"]
    assert [(event.run_id, event.seq) for event in await log.events("run_3", 3)] == [
        ("run_3", 4),
        ("run_3", 5),
    ]
    digest = text_digest(b"a")
    assert await log.texts("run_3", [digest]) == {digest: b"a"}
    record = await log.get("run_3")
    assert (record.run.parent, record.parent_seq) == ("run_2", 4)
    with pytest.raises(Conflict):
        await log.append(more(1, said("h"), name="run_4"))


async def test_a_retried_run_names_texts_of_its_parents(log: RunLogPort):
    await begin(log, "run_1", said("a"))
    again = msgspec.structs.replace(said("a"), texts={})
    await retry(log, "run_2", "run_1", 1, again)
    assert await told(log, "run_2") == ["a", "a"]


async def test_a_run_is_retried_from_an_event_that_there_is(log: RunLogPort):
    await begin(log, "run_1", said("a"))
    for seq in (0, 2):
        with pytest.raises(Conflict):
            await retry(log, "run_2", "run_1", seq, said("b"))
    with pytest.raises(NotFound):
        await retry(log, "run_2", "run_9", 1, said("b"))


# --- leases ---------------------------------------------------------------------------------------------


async def test_one_has_the_lease_until_it_is_given_up_or_over(log: RunLogPort, clock: TwinClock):
    await begin(log)
    assert await log.ready() == ("run_1",)
    first = await taken(log)
    assert first == Lease("run_1", 1, 1, 1)
    assert await log.ready() == ()
    assert [await log.take("run_1", holder, 10) for holder in ("one", "two")] == [None, None]
    clock.advance(10)
    assert await log.ready() == ("run_1",)
    second = await taken(log, "run_1", "two")
    assert second == Lease("run_1", 2, 2, 1)
    await log.release(first)  # not in force: nothing happens
    assert await log.ready() == ()
    await log.release(second)
    await log.release(second, undone=True)  # once is enough
    assert await log.ready() == ("run_1",)
    assert await log.take("run_1", "one", 10) == Lease("run_1", 3, 3, 1)


async def test_a_superseded_one_stores_nothing_and_the_others_of_its_commit_are_stored(
    log: RunLogPort, clock: TwinClock
):
    for number in (1, 2, 3):
        await begin(log, f"run_{number}")
    leases = {number: await log.take(f"run_{number}", "one", 10) for number in (1, 2, 3)}
    assert all(lease is not None and lease.epoch == 1 for lease in leases.values())
    clock.advance(11)
    assert await log.take("run_2", "two", 10) == Lease("run_2", 2, 2, 1)
    outcomes = await asyncio.gather(
        *(log.append(more(1, said("x"), name=f"run_{number}", epoch=1)) for number in (1, 2, 3)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), Superseded, type(None)]
    assert [len(await log.events(f"run_{number}")) for number in (1, 2, 3)] == [2, 1, 2]
    await log.append(more(1, said("y"), name="run_2", epoch=2))


async def test_an_append_needs_the_lease_that_it_names(log: RunLogPort):
    await begin(log)
    with pytest.raises(Superseded):
        await log.append(more(1, said("x"), epoch=1))
    lease = await taken(log)
    await log.append(more(1, said("x"), epoch=1))
    with pytest.raises(Conflict):
        await log.append(more(1, said("y"), epoch=1))
    await log.release(lease)
    with pytest.raises(Superseded):
        await log.append(more(2, said("y"), epoch=1))
    await log.append(more(2, said("y")))  # an answer, say


async def test_what_comes_before_an_append_is_stored_with_it_or_not_at_all(log: RunLogPort):
    await begin(log)
    lease = await taken(log)
    first = more(1, said("one"), epoch=lease.epoch)
    await log.append(msgspec.structs.replace(more(2, said("two"), epoch=lease.epoch), before=(first,)))
    assert await told(log) == [None, "one", "two"]
    stale = more(2, said("three"), epoch=lease.epoch)
    with pytest.raises(Conflict):
        await log.append(msgspec.structs.replace(more(3, said("four"), epoch=lease.epoch), before=(stale,)))
    await log.release(lease)
    late = more(3, said("three"), epoch=lease.epoch)
    with pytest.raises(Superseded):
        await log.append(msgspec.structs.replace(more(4, said("four")), before=(late,)))
    assert await told(log) == [None, "one", "two"]


async def test_attempts_count_from_where_the_log_ends(log: RunLogPort, clock: TwinClock):
    await begin(log)
    for attempt in (1, 2, 3):
        lease = await taken(log)
        assert lease == Lease("run_1", attempt, attempt, 1)
        clock.advance(10)
    await log.append(more(1, said("x"), epoch=3))
    clock.advance(10)
    lease = await taken(log)
    assert lease == Lease("run_1", 4, 2, 2)
    await log.release(lease, undone=True)
    assert await log.take("run_1", "one", 10) == Lease("run_1", 5, 2, 2)
    clock.advance(10)
    lease = await taken(log)
    assert lease == Lease("run_1", 6, 3, 2)
    await log.release(lease)
    await log.append(more(2, said("an answer")))
    assert await log.take("run_1", "one", 10) == Lease("run_1", 7, 1, 3)


async def test_leases_are_renewed_and_tell_how_long_the_logs_are(log: RunLogPort, clock: TwinClock):
    for number in (1, 2, 3):
        await begin(log, f"run_{number}")
        await log.take(f"run_{number}", "one", 10)
    clock.advance(10)
    await log.take("run_2", "two", 10)
    await log.append(more(1, said("x"), name="run_3"))
    assert await log.renew("one", 10) == {"run_1": 1, "run_3": 2}
    clock.advance(9)
    assert await log.ready() == ()
    clock.advance(1)
    assert await log.ready() == ("run_1", "run_2", "run_3")


async def test_a_clock_that_is_set_back_frees_the_leases(log: RunLogPort, clock: TwinClock):
    await begin(log)
    await log.take("run_1", "one", 10)
    clock.advance(-3600)
    assert await log.ready() == ("run_1",)
    assert await log.renew("one", 10) == {"run_1": 1}  # of one that nobody took meanwhile
    assert await log.ready() == ()
    clock.advance(-3600)
    assert await log.take("run_1", "two", 10) == Lease("run_1", 2, 2, 1)


@pytest.mark.parametrize("state", RunState)
async def test_which_runs_may_be_worked_on(log: RunLogPort, state: RunState):
    await log.create(RunRecord(run(state=state), "default", ()), [plain()])
    worked_on = state in (RunState.QUEUED, RunState.RUNNING, RunState.INPUT_REQUIRED)
    assert await log.ready() == (("run_1",) if worked_on else ())


Move = tuple[str, int]
moves: st.SearchStrategy[list[Move]] = st.lists(
    st.tuples(
        st.sampled_from(["take", "append", "append", "late", "release", "expire", "renew", "back"]),
        st.integers(0, 1),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(moves=moves)
def test_two_runners_never_fork_a_log_and_no_superseded_one_appends(moves: list[Move]):
    clock = TwinClock()

    async def both() -> None:
        with TemporaryDirectory(dir=_MEMORY) as folder:
            async with open_ledger(Path(folder), clock) as ledger:
                twin = TwinRunLog(clock)
                for log in (ledger, twin):
                    await begin(log, "run_1", said("0"))
                await _interleave(moves, [ledger, twin], clock)

    asyncio.run(both())


async def _interleave(  # noqa: C901 -- one case a move
    moves: Sequence[Move], logs: Sequence[RunLogPort], clock: TwinClock
) -> None:
    """The same moves over all logs, with the same outcomes; each runner believes the lease that it was given."""
    leases: list[Lease | None] = [None, None]
    newest, written = 0, ["0"]
    for number, (move, who) in enumerate(moves, 1):
        holder, lease = f"runner_{who}", leases[who]
        match move:
            case "take":
                given = [await log.take("run_1", holder, 10) for log in logs]
                assert given[0] == given[1]
                if given[0] is not None:
                    assert given[0].epoch == newest + 1
                    newest, leases[who] = given[0].epoch, given[0]
            case "append" | "late" if lease is not None:
                after = len(written) - (move == "late" and len(written) > 1)
                add = more(after, said(f"{number}"), epoch=lease.epoch)
                outcomes = await asyncio.gather(*(log.append(add) for log in logs), return_exceptions=True)
                assert type(outcomes[0]) is type(outcomes[1])
                if outcomes[0] is None:
                    assert lease.epoch == newest
                    assert after == len(written)
                    written.append(f"{number}")
            case "release" if lease is not None:
                for log in logs:
                    await log.release(lease, undone=number % 2 == 0)
            case "renew":
                assert len({str(await log.renew(holder, 10)) for log in logs}) == 1
            case "expire":
                clock.advance(11)
            case "back":
                clock.advance(-60)
            case _:
                pass
        assert [await told(log) for log in logs] == [written, written]


# --- lists ----------------------------------------------------------------------------------------------


async def test_lists_have_what_fits_all_of_a_filter(log: RunLogPort):
    rows = [
        ("ada", "support", RunState.RUNNING, 10, 0),
        ("ada", "research", RunState.COMPLETED, 20, 50),
        ("bob", "support", RunState.COMPLETED, 30, 500),
        ("bob", "research", RunState.FAILED, 40, 5000),
    ]
    for number, (owner, agent, state, at, tokens) in enumerate(rows, 1):
        one = Run(
            f"run_{number}", agent, owner, state, "Hi", created_at=at, output_tokens=tokens, input_tokens=1
        )
        await log.create(RunRecord(one, "default", ()), [plain()])
    for only, expected in [
        (RunFilter(), "4321"),
        (RunFilter(owner="ada"), "21"),
        (RunFilter(agent="support"), "31"),
        (RunFilter(state=RunState.COMPLETED), "32"),
        (RunFilter(owner="bob", state=RunState.COMPLETED), "3"),
        (RunFilter(since=20), "432"),
        (RunFilter(until=20), "1"),
        (RunFilter(since=20, until=40), "32"),
        (RunFilter(min_tokens=501), "43"),
    ]:
        page = await log.find("default", only, size=10, cursor=None)
        assert [run.id for run in page.runs] == [f"run_{number}" for number in expected], only
    assert (await log.find("elsewhere", RunFilter(), size=10, cursor=None)).runs == ()
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(4):
        page = await log.find("default", RunFilter(), size=1, cursor=cursor)
        seen += [run.id for run in page.runs]
        cursor = page.next_cursor
        if len(seen) == 2:  # a newer one in between moves nothing
            late = Run("run_9", "support", "ada", RunState.QUEUED, "Hi", created_at=99)
            await log.create(RunRecord(late, "default", ()), [plain()])
    assert (seen, cursor) == (["run_4", "run_3", "run_2", "run_1"], None)
