"""The journal of a run: memory and log never differ."""

import asyncio

import pytest

from gateway.agent import events as ev
from gateway.agent.state import IllegalTransition, RunStateData, advance, begin, fold
from gateway.agent.stored import encode
from gateway.core.ports import ApprovalGone, Lease, RunAppend, RunRecord, Superseded
from gateway.runs.feed import Feed
from gateway.runs.journal import Journal, Journals
from tests.run_logs import STARTED, reply
from tests.twins import TwinClock, TwinRunLog
from toolward.errors import Conflict, Overloaded, Unavailable
from toolward.types import RunState


class Log(TwinRunLog):
    """Appends when it is let, or fails as told."""

    def __init__(self, clock: TwinClock) -> None:
        super().__init__(clock)
        self.clock = clock
        self.appending = asyncio.Event()
        self.let = asyncio.Event()
        self.let.set()
        self.failure: Exception | None = None

    async def append(self, more: RunAppend) -> None:
        self.appending.set()
        await self.let.wait()
        if self.failure is not None:
            raise self.failure
        await super().append(more)


async def opened() -> tuple[Log, Journals, Journal]:
    clock = TwinClock()
    log = Log(clock)
    run = begin("run_1", STARTED, clock.now_ms()).run
    await log.create(RunRecord(run, "default", ()), [encode(STARTED)])
    journals = Journals(log, clock, Feed())
    return log, journals, await journals.take("run_1")


async def test_a_write_that_has_begun_is_finished_although_its_caller_is_cancelled():
    log, _, journal = await opened()
    log.appending.clear()
    log.let.clear()
    writing = asyncio.create_task(journal.amend(lambda _: [ev.RunTakenUp()]))
    await log.appending.wait()
    writing.cancel()
    await asyncio.sleep(0)  # the cancellation is delivered
    log.let.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert journal.state == fold(await log.events("run_1"))
    assert journal.state.seq == 2
    await journal.amend(lambda _: [reply(1, "Goes on.")])
    assert journal.state == fold(await log.events("run_1"))


@pytest.mark.parametrize("nothing_stored", [ApprovalGone("used up"), Overloaded("a budget is exceeded")])
async def test_what_was_refused_whole_leaves_it_in_use(nothing_stored: Exception):
    log, journals, journal = await opened()

    async def refuse(_: RunAppend) -> None:
        raise nothing_stored

    with pytest.raises(type(nothing_stored)):
        await journal.amend(lambda _: [ev.RunTakenUp()], refuse)
    assert await journals.take("run_1") is journal  # another would write past it
    await journal.amend(lambda _: [ev.RunTakenUp()])
    assert journal.state == fold(await log.events("run_1"))


async def test_writers_of_one_run_take_turns():
    log, _, journal = await opened()
    await asyncio.gather(
        journal.amend(lambda _: [ev.RunTakenUp()]),
        journal.amend(lambda _: [reply(1, "x")]),
        journal.amend(lambda _: [ev.RunCompleted(answer="x")]),
    )
    assert [event.type for event in await log.events("run_1")] == [
        "run_started",
        "run_taken_up",
        "model_replied",
        "run_completed",
    ]


async def test_what_the_state_does_not_allow_is_not_stored_and_hurts_nothing():
    log, journals, journal = await opened()
    with pytest.raises(IllegalTransition):
        await journal.amend(lambda _: [ev.RunTakenUp(), ev.RunTakenUp()])
    assert len(await log.events("run_1")) == 1
    assert await journals.take("run_1") is journal


async def test_after_a_failed_append_the_log_is_read_again():
    log, journals, journal = await opened()
    log.failure = Unavailable("The disk is full.")
    with pytest.raises(Unavailable):
        await journal.amend(lambda _: [ev.RunTakenUp()])
    log.failure = None
    fresh = await journals.take("run_1")
    assert fresh is not journal
    journals.release(journal)
    assert await journals.take("run_1") is fresh


async def test_everybody_shares_one_journal_until_the_last_lets_go():
    _, journals, journal = await opened()
    assert await journals.take("run_1") is journal
    journals.release(journal)
    assert await journals.take("run_1") is journal
    journals.release(journal)
    journals.release(journal)
    assert await journals.take("run_1") is not journal


async def test_what_another_process_wrote_is_read_and_it_is_decided_again():
    log, _, journal = await opened()
    here = journal.state
    other = advance(advance(here, ev.RunTakenUp(), 1), reply(1, "Theirs."), 1)
    theirs = (encode(ev.RunTakenUp()), encode(reply(1, "Theirs.")))
    await log.append(RunAppend("run_1", 1, theirs, other.run))
    seen: list[int] = []

    def decide(state: RunStateData) -> list[ev.Event]:
        seen.append(state.seq)
        return [ev.RunCancelled(by="ada")]

    await journal.amend(decide)
    assert seen == [1, 3]
    assert journal.state == fold(await log.events("run_1"))
    assert journal.state.run.state is RunState.CANCELLED


async def test_a_conflict_that_no_other_writer_explains_is_raised():
    log, journals, journal = await opened()
    log.failure = Conflict("The call's id is another call's.")
    with pytest.raises(Conflict):
        await journal.amend(lambda _: [ev.RunTakenUp()])
    assert await journals.take("run_1") is journal


async def test_under_a_lease_that_is_over_nothing_is_written():
    log, _, journal = await opened()
    lease = await log.take("run_1", "this", 10)
    assert lease is not None
    await journal.amend(lambda _: [ev.RunTakenUp()], lease=lease)
    await log.bury("this")
    assert await log.take("run_1", "other", 10)
    with pytest.raises(Superseded):
        await journal.amend(lambda _: [reply(1, "Late.")], lease=lease)
    assert len(await log.events("run_1")) == 2


async def test_an_event_is_never_before_the_one_before_it_whatever_the_clock_says():
    log, _, journal = await opened()
    log.clock.advance(-3600)
    await journal.amend(lambda _: [ev.RunTakenUp()])
    first, second = await log.events("run_1")
    assert journal.state.run.updated_at == first.at
    assert second.seq == 2


# --- what waits to be stored ----------------------------------------------------------------------------


async def begun(log: Log, journal: Journal) -> Lease:
    lease = await log.take("run_1", "this", 10)
    assert lease is not None
    await journal.amend_soon(lambda _: [ev.RunTakenUp()], lease=lease)
    return lease


async def test_what_waits_counts_at_once_and_is_stored_with_what_is_written_next():
    log, _, journal = await opened()
    log.appending.clear()
    lease = await begun(log, journal)
    log.clock.advance(1)
    await journal.amend_soon(lambda _: [reply(1, "And on.")], lease=lease)
    assert (journal.state.run.state, journal.state.seq) == (RunState.RUNNING, 3)
    assert not log.appending.is_set()
    log.clock.advance(1)
    await journal.amend(lambda _: [ev.RunCancelled(by="ada")], lease=lease)
    assert journal.state == fold(events := await log.events("run_1"))
    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert [event.at - events[0].at for event in events] == [0, 0, 1000, 2000], "each has its own time"


async def test_when_nothing_is_written_next_what_waits_is_stored_all_the_same():
    log, _, journal = await opened()
    log.appending.clear()
    await begun(log, journal)
    async with asyncio.timeout(5):
        await log.appending.wait()
    await journal.settle()  # after that write
    assert journal.state == fold(await log.events("run_1"))
    assert journal.state.seq == 2


async def test_watchers_hear_of_what_waits_when_it_is_stored():
    log, _, journal = await opened()
    feed = Feed()
    journal = Journal(journal.record, journal.state, log, log.clock, feed)
    with feed.watching("run_1") as watcher:
        await begun(log, journal)
        assert watcher.seq == 0
        await journal.settle()
        assert watcher.seq == 2


async def test_where_another_was_first_what_waits_is_forgotten():
    log, _, journal = await opened()
    other = advance(journal.state, ev.RunCancelled(by="eve"), 1)
    lease = await begun(log, journal)
    await log.append(RunAppend("run_1", 1, (encode(ev.RunCancelled(by="eve")),), other.run))
    with pytest.raises(IllegalTransition):
        await journal.amend(lambda _: [reply(1, "Late.")], lease=lease)
    assert journal.state == fold(await log.events("run_1"))
    assert journal.state.run.state is RunState.CANCELLED


async def test_what_is_refused_whole_leaves_waiting_what_waited():
    log, _, journal = await opened()
    lease = await begun(log, journal)

    async def refuse(_: RunAppend) -> None:
        raise Overloaded("a budget is exceeded")

    with pytest.raises(Overloaded):
        await journal.amend(lambda _: [reply(1, "Much.")], refuse, lease=lease)
    await journal.amend(lambda _: [reply(1, "Little.")], lease=lease)
    assert journal.state == fold(await log.events("run_1"))
    assert journal.state.seq == 3
