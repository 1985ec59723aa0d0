"""The log of one run in work: its state in memory, and the one way to add to it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from gateway.agent.events import Event
from gateway.agent.state import RunStateData, advance, fold, follow
from gateway.agent.stored import encode
from gateway.core.ports import (
    ApprovalGone,
    Clock,
    Lease,
    ModelUse,
    RunAppend,
    RunLogPort,
    RunRecord,
    Store,
    StoredEvent,
    Superseded,
)
from gateway.runs.feed import Feed
from gateway.runs.ports import UNOBSERVED, Observer
from toolward.errors import Conflict, Overloaded, ToolwardError

log = logging.getLogger(__name__)

Decide = Callable[[RunStateData], Sequence[Event]]
Encode = Callable[[Event], StoredEvent]

SOON = 0.01
"""Seconds until what can wait is stored, unless something is written before."""

_NOTHING_STORED = (ApprovalGone, Overloaded)
"""What a store refuses with while nobody else has written."""


class _Moved(NamedTuple):
    """What is to be stored, the events, and the states before, between and behind them."""

    append: RunAppend
    states: tuple[RunStateData, ...]
    events: Sequence[Event]


class Journal:
    """Everybody in this process who works on a run shares one, so that they never overtake each other. What another
    process writes is read when an append meets it."""

    def __init__(
        self,
        record: RunRecord,
        state: RunStateData,
        log: RunLogPort,
        clock: Clock,
        feed: Feed,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self.record = record
        self.state = state
        self._stored = state  # what the log has; `state` may have more for a moment
        self._waiting: list[_Moved] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self.broken = False  # the log may have moved without us: read it again
        self.holders = 0
        self._log = log
        self._clock = clock
        self._feed = feed
        self._observer = observer
        self._lock = asyncio.Lock()

    @property
    def run_id(self) -> str:
        return self.state.run.id

    async def amend(
        self,
        decide: Decide,
        store: Store | None = None,
        *,
        lease: Lease | None = None,
        encoding: Encode = encode,
        use: ModelUse | None = None,
    ) -> None:
        """Write what is decided from the state at that moment; returns when it is durable. Once begun it is
        finished, also when the caller is cancelled: memory and log never differ.

        `store`, where given, stores it together with something else; `lease` is that of the work from which it
        comes; `use` is what the events took of models. When another process was first, its events are read and it
        is decided again. Raises IllegalTransition when the state does not allow the events, Superseded when the
        lease is not in force, Unavailable when the ledger fails.
        """
        storing = asyncio.create_task(self._store(decide, store or self._log.append, lease, encoding, use))
        try:
            await asyncio.shield(storing)
        except asyncio.CancelledError:
            await asyncio.wait([storing])
            storing.exception()  # whoever has given up does not hear of it
            raise

    async def amend_soon(self, decide: Decide, *, lease: Lease, encoding: Encode = encode) -> None:
        """As `amend`, for what does no harm when it is lost: it can be done again, and nothing that cannot is made
        of it before it is stored. It counts at once, and is stored with what is written next, or SOON seconds
        later; watchers hear of it then. Where another process was first, it is lost."""
        async with self._lock:
            if events := decide(self.state):
                moved = self._moved_by(events, lease, encoding)
                self._waiting.append(moved)
                self.state = moved.states[-1]
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(SOON, self._write_waiting)

    async def settle(self) -> None:
        """Store what waits; before the lease is given up under which it was said. Raises as `amend`."""
        async with self._lock:
            if self._waiting:
                *before, last = (one.append for one in self._waiting)
                await self._log.append(replace(last, before=tuple(before)))
                self._has_stored(tuple(self._waiting))

    async def catch_up(self, length: int | None = None) -> bool:
        """Read what others have written; whether there was anything. Where the log's length is known, nothing is
        read when that is known here, too. Raises as `fold`."""
        async with self._lock:
            if length is not None and length <= self._stored.seq:
                return False
            return await self._catch_up()

    async def _store(
        self, decide: Decide, store: Store, lease: Lease | None, encoding: Encode, use: ModelUse | None
    ) -> None:
        async with self._lock:
            while events := decide(self.state):
                moved = self._moved_by(events, lease, encoding)
                before = tuple(one.append for one in self._waiting)
                append = replace(moved.append, use=use, before=before)
                try:
                    await store(append)
                except _NOTHING_STORED:
                    raise
                except Conflict as conflict:
                    moved = await self._catch_up()
                    if isinstance(conflict, Superseded) or not moved:
                        raise
                    continue
                except BaseException:
                    self.broken = True
                    raise
                self._has_stored((*self._waiting, moved))
                return

    def _moved_by(self, events: Sequence[Event], lease: Lease | None, encoding: Encode) -> "_Moved":
        # Never before the last event, whatever somebody did to the clock.
        now = max(self._clock.now_ms(), self.state.run.updated_at)
        states = [self.state]
        for event in events:
            states.append(advance(states[-1], event, now))
        epoch = lease.epoch if lease else 0
        encoded = tuple(map(encoding, events))
        append = RunAppend(self.run_id, self.state.seq, encoded, states[-1].run, epoch)
        return _Moved(append, tuple(states), events)

    def _has_stored(self, moved: Sequence["_Moved"]) -> None:
        self._move(moved[-1].states[-1])
        for one in moved:
            for before, after, event in zip(one.states, one.states[1:], one.events, strict=False):
                self._observer.moved(before, after, event)

    def _write_waiting(self) -> None:
        self._timer = None
        if self._waiting:
            self._writing = asyncio.create_task(self._try_to_settle())

    async def _try_to_settle(self) -> None:
        try:
            await self.settle()
        except ToolwardError as error:  # whoever writes next hears of it, too
            log.info("what run %s has begun is not on record yet: %s", self.run_id, error.text)

    async def _catch_up(self) -> bool:
        """Whether others have written. What waited to be stored is forgotten."""
        try:
            events = await self._log.events(self.run_id, self._stored.seq)
            state = self._stored
            for event in events:
                state = follow(state, event)
        except BaseException:
            self.broken = True
            raise
        if events:
            self._move(state)
        else:
            self._waiting, self.state = [], state
        return bool(events)

    def _move(self, state: RunStateData) -> None:
        """The log has come to this."""
        self.state = self._stored = state
        self._waiting = []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._feed.published(self.run_id, state.seq, ended=state.run.state.ended)


class Journals:
    """The journals that are in use."""

    def __init__(self, log: RunLogPort, clock: Clock, feed: Feed, observer: Observer = UNOBSERVED) -> None:
        self._log = log
        self._clock = clock
        self._feed = feed
        self._observer = observer
        self._open: dict[str, Journal] = {}
        self._loading: dict[str, asyncio.Task[Journal]] = {}

    async def take(self, run_id: str) -> Journal:
        """Pair with `release`. Raises NotFound, UnreadableEvent, IllegalTransition."""
        journal = self._open.get(run_id)
        while journal is None or journal.broken:
            journal = await self._loaded(run_id)
        journal.holders += 1
        return journal

    def release(self, journal: Journal) -> None:
        journal.holders -= 1
        if journal.holders == 0 and self._open.get(journal.run_id) is journal:
            del self._open[journal.run_id]

    def peek(self, run_id: str) -> Journal | None:
        """The one in use, if there is one."""
        return self._open.get(run_id)

    async def _loaded(self, run_id: str) -> Journal:
        """Loaded once, however many wait for it."""
        loading = self._loading.get(run_id)
        if loading is None:
            loading = self._loading[run_id] = asyncio.create_task(self._load(run_id))
            loading.add_done_callback(partial(self._has_loaded, run_id))
        return await asyncio.shield(loading)

    def _has_loaded(self, run_id: str, loading: "asyncio.Task[Journal]") -> None:
        del self._loading[run_id]
        if not loading.cancelled():
            loading.exception()  # whoever still waits has it

    async def _load(self, run_id: str) -> Journal:
        record, events = await self._log.load(run_id)
        state = fold(events)
        journal = Journal(record, state, self._log, self._clock, self._feed, self._observer)
        self._open[run_id] = journal
        return journal
