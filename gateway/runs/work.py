"""Who works on which run in this process: one task for a run, under its lease, while it can go on."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from gateway.agent import events as ev
from gateway.agent.definition import AgentDefinition
from gateway.core.ports import Lease, RunRecord, Superseded
from gateway.runs.answers import settle_answers, withdraw_left_open
from gateway.runs.journal import Journal, Journals
from gateway.runs.ports import Ports
from gateway.runs.worker import Worker
from toolward.errors import ToolwardError
from toolward.types import Principal, RunState

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Between two looks for runs that nobody works on: another gateway's that has stopped, say."""

Rights = Callable[[RunRecord, str], Principal | None]
"""The owner of a run with the rights that they have now; None for somebody who may not call any more. The text is
the prefix of the API key that started it, empty where none did: then the key's rights are the run's."""

Gone = Callable[[str], bool]
"""Whether a holder of leases is surely gone, so that nobody need wait until they expire."""

_WORKABLE = frozenset({RunState.QUEUED, RunState.RUNNING})


class Work:
    def __init__(
        self,
        agents: Mapping[str, AgentDefinition],
        ports: Ports,
        journals: Journals,
        rights: Rights,
        gone: Gone,
        at_once: int,
    ) -> None:
        """At most `at_once` runs are worked on at the same time."""
        self._agents = agents
        self._ports = ports
        self._journals = journals
        self._rights = rights
        self._gone = gone
        self._slots = asyncio.Semaphore(at_once)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._noticing: set[asyncio.Task[None]] = set()
        self._closing = False

    def wake(self, run_id: str) -> None:
        """Work on the run. If somebody does, look at it once more afterwards: they may have just decided that
        there is nothing left to do."""
        if self._closing:
            return
        if run_id in self._tasks:
            self._again.add(run_id)
            return
        task = asyncio.create_task(self._work(run_id), name=f"run {run_id}")
        self._tasks[run_id] = task
        task.add_done_callback(lambda _: self._worked(run_id))

    async def wake_ready(self) -> int:
        """Work on every run that nobody works on; how many there are."""
        for holder in await self._ports.ledger.holders():
            if self._gone(holder):
                log.info("the gateway %s is gone; what it worked on goes on here", holder)
                await self._ports.ledger.bury(holder)
        await withdraw_left_open(self._ports.ledger, self._ports.clock)
        ready = await self._ports.ledger.ready()
        for run_id in ready:
            self.wake(run_id)
        return len(ready)

    async def keep_looking(self, every: float = LOOK_SECONDS) -> None:
        """`wake_ready` again and again, `every` so many seconds, until cancelled."""
        while True:
            await asyncio.sleep(every)
            try:
                await self.wake_ready()
            except ToolwardError as error:
                log.error("runs that wait for work cannot be found: %s", error.text)

    async def stop(self, run_id: str, seconds: float) -> None:
        """Stop working on a run that is over; returns when that is done, or after so many seconds."""
        if (task := self._tasks.get(run_id)) is not None:
            task.cancel()
            await asyncio.wait([task], timeout=seconds)

    def notice(self, run_id: str, seq: int) -> None:
        """The log of a run that is worked on here has come to this number: if another process wrote, look what."""
        journal = self._journals.peek(run_id)
        if journal is None or journal.state.seq >= seq or self._closing:
            return
        task = asyncio.create_task(self._look(journal))
        self._noticing.add(task)
        task.add_done_callback(self._noticing.discard)

    async def close(self) -> None:
        """Stop working. The runs stay as they are in the ledger."""
        self._closing = True
        tasks = (*self._tasks.values(), *self._noticing)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _look(self, journal: Journal) -> None:
        try:
            await journal.catch_up()
        except ToolwardError as error:
            log.error("what happened to the run %s cannot be read: %s", journal.run_id, error.text)
            return
        if journal.state.run.state.ended and (task := self._tasks.get(journal.run_id)) is not None:
            task.cancel()

    def _worked(self, run_id: str) -> None:
        del self._tasks[run_id]
        if run_id in self._again:
            self._again.discard(run_id)
            self.wake(run_id)

    async def _work(self, run_id: str) -> None:
        async with self._slots:
            try:
                journal = await self._journals.take(run_id)
            except ToolwardError as error:
                log.error("the run %s cannot be worked on: %s", run_id, error.text)
                self._ports.feed.stopped(run_id, error)
                return
            try:
                await self._work_on(journal)
            except ToolwardError as error:  # the ledger's: nothing more can be recorded now
                log.error("work on the run %s stopped: %s", run_id, error.text)
                self._ports.feed.stopped(run_id, error)
            finally:
                self._journals.release(journal)

    async def _work_on(self, journal: Journal) -> None:
        if journal.state.asked:
            await settle_answers(journal, self._ports.ledger, self._ports.clock)
        if journal.state.run.state not in _WORKABLE:
            return
        lease = await self._ports.leases.take(journal.run_id)
        if lease is None:
            return  # whoever has it works on it, or is gone soon
        undone = True
        try:
            await journal.catch_up(lease.length)
            await self._drive(journal, lease)
            await journal.settle()
            undone = False
        finally:
            length = await self._ports.leases.release(lease, undone=undone and self._closing)
        if journal.state.run.state is RunState.CANCELLED:
            await withdraw_left_open(self._ports.ledger, self._ports.clock, journal.run_id)
        if await journal.catch_up(length) and journal.state.run.state in _WORKABLE:
            self._again.add(journal.run_id)  # somebody wrote while the lease was ours, and could not have it

    async def _drive(self, journal: Journal, lease: Lease) -> None:
        def may() -> bool:
            return self._principal(journal) is not None

        try:
            if (principal := self._principal(journal)) is not None:
                with self._ports.observer.work(lambda: journal.state):
                    await Worker(journal, lease, principal, self._agents, self._ports, may).drive()
            if not may():
                await self._refuse(journal, lease)
        except Superseded:
            log.warning("another gateway works on the run %s now", journal.run_id)
            self._again.add(journal.run_id)
        except ToolwardError:
            raise
        except Exception:
            log.exception("work on the run %s failed inside", journal.run_id)
            await self._give_up(journal)

    def _principal(self, journal: Journal) -> Principal | None:
        """For whom the run works: its owner, narrowed as whoever started it was."""
        state = journal.state
        owner = self._rights(journal.record, state.api_key)
        return owner and replace(owner, scopes=state.scopes, api_key=state.api_key)

    async def _refuse(self, journal: Journal, lease: Lease) -> None:
        owner = journal.state.run.owner
        text = f"{owner}, for whom it works, may not call this gateway any more."
        failed = ev.RunFailed(code="denied", message=text)
        await journal.amend(lambda now: (failed,) if now.run.state in _WORKABLE else (), lease=lease)

    async def _give_up(self, journal: Journal) -> None:
        """A bug of ours ends the run with a reason, as everything else does."""
        failed = ev.RunFailed(code="internal", message="Work on the run failed inside. The log says why.")
        await journal.amend(lambda now: (failed,) if now.run.state in _WORKABLE else ())
