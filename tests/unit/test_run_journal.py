"""The journal of a run: memory and log never differ."""

import asyncio

import pytest

from gateway.agent import events as ev
from gateway.agent.state import IllegalTransition, begin, fold
from gateway.agent.stored import encode
from gateway.core.ports import ApprovalGone, RunAppend, RunRecord
from gateway.runs.feed import Feed
from gateway.runs.journal import Journal, Journals
from tests.run_logs import STARTED, reply
from tests.twins import TwinClock, TwinRunLog
from toolward.errors import Conflict, Overloaded, Unavailable


class Log(TwinRunLog):
    """Appends when it is let, or fails as told."""

    def __init__(self, clock: TwinClock) -> None:
        super().__init__(clock)
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


@pytest.mark.parametrize("failure", [Unavailable("The disk is full."), Conflict("Another was first.")])
async def test_after_a_failed_append_the_log_is_read_again(failure: Exception):
    log, journals, journal = await opened()
    log.failure = failure
    with pytest.raises(type(failure)):
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
