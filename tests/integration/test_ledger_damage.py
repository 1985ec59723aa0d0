"""What happens to a ledger from outside: a full disk, a lock, a clock, a hand. Errors say where; nothing is lost
that was said to be stored, and nothing is invented."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, Engine, event

from gateway.core.digests import text_digest
from gateway.core.ports import CallOutcome, RunAppend, RunRecord, StoredEvent
from gateway.ledger.ledger import Ledger, keys_beside, outside
from gateway.ledger.run_events import Damaged
from gateway.ledger.verify import Verified, verify
from tests.contract.test_run_logs import more, said
from tests.integration.test_ledger import record
from tests.twins import TwinClock
from toolward.errors import Conflict, Internal, Unavailable
from toolward.types import Run, RunState

BIG = "x" * 20_000


@pytest.fixture
def clock() -> TwinClock:
    return TwinClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
async def ledger(path: Path, clock: TwinClock) -> AsyncGenerator[Ledger]:
    async with Ledger.open(path, now=clock.now_ms, busy_timeout=0.05) as ledger:
        yield ledger


def verified(path: Path) -> Verified:
    return verify(path, keys_beside(str(path)), outside(str(path)))


def hand(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


async def begin(ledger: Ledger) -> None:
    """A run of three events with words, and one that begins with two of them."""
    run = Run("run_1", "support", "ada", RunState.RUNNING, "Hi", created_at=1, updated_at=1)
    body = b'{"instructions":"Help."}'
    first = msgspec.structs.replace(
        said("one"),
        shared={"definition": text_digest(body)},
        texts={**said("one").texts, text_digest(body): body},
    )
    await ledger.create(RunRecord(run, "default", ()), [first, said("two"), said("three")])
    child = Run("run_2", "support", "ada", RunState.RUNNING, "Hi", created_at=1, updated_at=1, parent="run_1")
    await ledger.create(RunRecord(child, "default", (), parent_seq=2), [said("four")])


# --- rows that were corrupted ---------------------------------------------------------------------------

TWO = text_digest(b"two")


@pytest.mark.parametrize(
    ("statement", "says", "child_too"),
    [
        (
            'UPDATE run_events SET data = \'{"text":"invented"}\' WHERE seq = 2',
            "event 2 of the run run_1",
            True,
        ),
        (
            "UPDATE run_events SET data = 'no JSON', salt = x'' WHERE seq = 2",
            "event 2 of the run run_1",
            True,
        ),
        ("UPDATE run_events SET data = '[1]', salt = x'' WHERE seq = 2", "event 2 of the run run_1", True),
        ("UPDATE run_events SET data = '{}', salt = x'' WHERE seq = 2", "event 2 of the run run_1", True),
        ("DELETE FROM run_events WHERE run_id = 'run_1' AND seq = 2", "run_1.* its event 2 is gone", True),
        ("DELETE FROM run_events WHERE run_id = 'run_1' AND seq = 3", "run_1.* its event 3 is gone", False),
        (
            f"UPDATE run_texts SET body = x'41' WHERE digest = '{TWO}'",
            f"event 2 of the run run_1.*{TWO}",
            True,
        ),
        (f"DELETE FROM run_texts WHERE digest = '{TWO}'", f"event 2 of the run run_1.*{TWO} is gone", True),
        ("UPDATE run_texts SET body = x'41' WHERE run_id = ''", "event 1 of the run run_1", True),
        ("DELETE FROM run_texts WHERE run_id = ''", "event 1 of the run run_1", True),
        ("UPDATE runs SET last_seq = 4 WHERE id = 'run_1'", "its event 4 is gone", False),
    ],
)
async def test_a_corrupted_row_is_named_and_not_read(
    ledger: Ledger, path: Path, statement: str, says: str, *, child_too: bool
):
    await begin(ledger)
    await ledger.checkpoint()
    hand(path, statement)
    with pytest.raises(Damaged, match=f"(?i){says}") as caught:
        await ledger.events("run_1")
    assert "toolward ledger verify" in caught.value.hint
    if child_too:
        with pytest.raises(Damaged, match=f"(?i){says}"):
            await ledger.events("run_2")
    else:
        assert len(await ledger.events("run_2")) == 3
    if "last_seq" not in statement:
        found = [f"{one.where}: {one.what}" for one in verified(path).findings]
        assert any("run_1" in one or "texts that runs share" in one for one in found), found


async def test_verify_names_the_run_and_the_event_of_a_text(ledger: Ledger, path: Path):
    await begin(ledger)
    await ledger.checkpoint()
    hand(
        path,
        f"DELETE FROM run_texts WHERE digest = '{TWO}'",
        f"UPDATE run_texts SET body = x'41' WHERE digest = '{text_digest(b'three')}'",
        "INSERT INTO run_texts VALUES ('run_2', 'new', x'41'), ('run_9', 'new', x'41')",
    )
    found = [f"{one.where}: {one.what}" for one in verified(path).findings]
    assert f"event 2 of the run run_1: its text {TWO} is gone" in found
    assert f"event 3 of the run run_1: the text {text_digest(b'three')} was changed" in found
    assert any(one.startswith("run run_2") or "run_2" in one for one in found)
    assert "run run_9: has texts and no events: they were added by another hand" in found


async def test_a_log_whose_parent_is_gone_is_named(ledger: Ledger, path: Path):
    await begin(ledger)
    hand(path, "DELETE FROM run_events WHERE run_id = 'run_1'", "DELETE FROM runs WHERE id = 'run_1'")
    with pytest.raises(Damaged, match="log of the run run_2 is damaged: the run run_1"):
        await ledger.events("run_2")
    hand(path, "UPDATE runs SET parent = 'run_2' WHERE id = 'run_2'")  # and one that begins with itself ends
    with pytest.raises(Damaged, match="run_2"):
        await ledger.events("run_2")


async def test_a_damaged_text_is_not_given(ledger: Ledger, path: Path):
    await begin(ledger)
    hand(path, f"UPDATE run_texts SET body = x'41' WHERE digest = '{TWO}'")
    assert await ledger.texts("run_1", [text_digest(b"one")])
    with pytest.raises(Internal, match=f"run_1 is damaged: the text {TWO} was changed"):
        await ledger.texts("run_1", [TWO])


# --- the database fails ---------------------------------------------------------------------------------


async def test_a_full_disk_stops_a_run_where_it_is_and_it_goes_on_afterwards(path: Path, clock: TwinClock):
    bound = [2**30]

    def bind_size(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {bound[0]}")

    event.listen(Engine, "begin", bind_size)
    try:
        async with Ledger.open(path, now=clock.now_ms) as ledger:
            await begin(ledger)
            lease = await ledger.take("run_1", "one", 10)
            assert lease is not None
            bound[0] = 1  # SQLite takes the size that it has now
            added = more(3, said(BIG), epoch=lease.epoch)
            with pytest.raises(Unavailable, match="the disk is full") as caught:
                await ledger.append(added)
            assert "Make room" in caught.value.hint
            with pytest.raises(Unavailable, match="the disk is full"):
                await ledger.intend(record(), BIG.encode(), joining=added)
            assert len(await ledger.events("run_1")) == 3
            assert (await ledger.get("run_1")).run.state is RunState.RUNNING
            bound[0] = 2**30
            await ledger.append(added)
            assert (await ledger.events("run_1"))[3].data["text"] == BIG
    finally:
        event.remove(Engine, "begin", bind_size)
    assert verified(path).findings == []


async def test_a_locked_database_fails_what_waits_and_nothing_else(ledger: Ledger, path: Path):
    await begin(ledger)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(
        Unavailable, match=r"ledger\.db cannot be used: another program holds its lock"
    ) as caught:
        await ledger.append(more(3, said("four")))
    assert caught.value.hint
    with pytest.raises(Unavailable):
        await ledger.take("run_1", "one", 10)
    assert len(await ledger.events("run_1")) == 3  # reading goes on
    ledger.settle(CallOutcome("call_1", 1, "ok", 1))  # nobody waits for it, so it is counted as lost
    with pytest.raises(Unavailable):
        await ledger.append(more(3, said("four")))
    assert ledger.lost == 1
    other.execute("ROLLBACK")
    other.close()
    await ledger.append(more(3, said("four")))
    with pytest.raises(Conflict):
        await ledger.append(more(3, said("four")))
    assert [one.data["text"] for one in await ledger.events("run_1")] == ["one", "two", "three", "four"]
    await ledger.checkpoint()
    assert verified(path).findings == []


async def test_a_clock_that_is_set_back_breaks_no_log_and_no_chain(path: Path, clock: TwinClock):
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await begin(ledger)
        await ledger.checkpoint()
        clock.advance(-3600)
        await ledger.append(more(3, said("four")))
        await ledger.checkpoint()
    clock.advance(-3600)
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await ledger.append(more(4, said("five")))
        assert [one.seq for one in await ledger.events("run_1")] == [1, 2, 3, 4, 5]
        await ledger.erase(principal="nobody")
    assert verified(path).findings == []


async def test_pieces_of_one_commit_fail_alone(ledger: Ledger):
    """Of many that are stored together, those that conflict do, and their texts are not kept."""
    await begin(ledger)
    appends = [
        RunAppend("run_1", 3, (said(f"text {number}"),), (await ledger.get("run_1")).run)
        for number in range(9)
    ]
    unreadable = RunAppend(
        "run_2", 3, (StoredEvent("a", 1, b'{"b":"\xff"}'),), (await ledger.get("run_2")).run
    )
    outcomes = await asyncio.gather(
        *(ledger.append(one) for one in (*appends, unreadable)),
        ledger.take("run_1", "one", 10),
        return_exceptions=True,
    )
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 8
    assert isinstance(outcomes[9], Internal)
    kept = [text_digest(f"text {number}".encode()) for number in range(9)]
    assert len(await ledger.texts("run_1", kept)) == 1
    await ledger.append(more(4, said("and on")))
