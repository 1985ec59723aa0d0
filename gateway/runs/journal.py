"""The log of one run in work: its state in memory, and the one way to add to it."""

import asyncio
from collections.abc import Callable, Sequence

from gateway.agent.events import Event, encode
from gateway.agent.state import RunStateData, advance, fold
from gateway.core.ports import ApprovalGone, Clock, RunAppend, RunLogPort, RunRecord, Store
from gateway.runs.feed import Feed
from toolward.errors import Overloaded
from toolward.types import Principal

Decide = Callable[[RunStateData], Sequence[Event]]


class Journal:
    """Everybody in this process who works on a run shares one, so that they never overtake each other."""

    def __init__(
        self, record: RunRecord, state: RunStateData, log: RunLogPort, clock: Clock, feed: Feed
    ) -> None:
        self.principal = Principal(record.run.owner, record.roles, record.tenant)
        self.state = state
        self.broken = False  # the log may have moved without us: read it again
        self.holders = 0
        self._log = log
        self._clock = clock
        self._feed = feed
        self._lock = asyncio.Lock()

    @property
    def run_id(self) -> str:
        return self.state.run.id

    async def write(self, *events: Event) -> None:
        """Returns when they are durable. Raises IllegalTransition when the state does not allow them, Conflict
        when another process was first, Unavailable when the ledger fails."""
        await self.amend(lambda _: events)

    async def amend(self, decide: Decide, store: Store | None = None) -> None:
        """`write` what is decided from the state at that moment; `store`, where given, stores it together with
        something else. Once begun it is finished, also when the caller is cancelled: memory and log never
        differ."""
        storing = asyncio.create_task(self._store(decide, store or self._append))
        try:
            await asyncio.shield(storing)
        except asyncio.CancelledError:
            await asyncio.wait([storing])
            raise

    async def _append(self, more: RunAppend) -> None:
        await self._log.append(more.run_id, more.after, more.events, more.run)

    async def _store(self, decide: Decide, store: Store) -> None:
        async with self._lock:
            if not (events := decide(self.state)):
                return
            now = self._clock.now_ms()
            state = self.state
            for event in events:
                state = advance(state, event, now)
            encoded = tuple(encode(event) for event in events)
            try:
                await store(RunAppend(self.run_id, self.state.seq, encoded, state.run))
            except (ApprovalGone, Overloaded):  # nothing was stored, and nobody else wrote
                raise
            except BaseException:
                self.broken = True
                raise
            self.state = state
        self._feed.published(self.run_id, state.seq, ended=state.run.state.ended)


class Journals:
    """The journals that are in use."""

    def __init__(self, log: RunLogPort, clock: Clock, feed: Feed) -> None:
        self._log = log
        self._clock = clock
        self._feed = feed
        self._open: dict[str, Journal] = {}
        self._loading = asyncio.Lock()

    async def take(self, run_id: str) -> Journal:
        """Pair with `release`. Raises NotFound, UnreadableEvent."""
        async with self._loading:
            journal = self._open.get(run_id)
            if journal is None or journal.broken:
                journal = self._open[run_id] = await self._load(run_id)
            journal.holders += 1
            return journal

    def release(self, journal: Journal) -> None:
        journal.holders -= 1
        if journal.holders == 0 and self._open.get(journal.run_id) is journal:
            del self._open[journal.run_id]

    async def _load(self, run_id: str) -> Journal:
        record = await self._log.get(run_id)
        state = fold(await self._log.events(run_id))
        return Journal(record, state, self._log, self._clock, self._feed)
