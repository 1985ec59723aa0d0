"""Waking those who watch runs. They read events from the log, so a slow one costs no memory and stalls no run."""

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager

from toolward.errors import ToolwardError

log = logging.getLogger(__name__)

OnText = Callable[[int, str], None]
"""Gets the turn and a piece of the model's text as it comes. Pieces are not stored: the turn's `model_replied`
event has the whole text. It must return at once."""


class Watcher:
    """How far a run's log has come since somebody began to watch it."""

    __slots__ = ("_error", "_moved", "ended", "seq")

    def __init__(self) -> None:
        self.seq = 0
        self.ended = False
        self._error: ToolwardError | None = None
        self._moved = asyncio.Event()

    async def beyond(self, seq: int) -> None:
        """Wait until the log has an event behind `seq`, or the run has ended. Raises what stopped the work on
        the run, when the ledger failed."""
        while self._error is None and self.seq <= seq and not self.ended:
            self._moved.clear()
            await self._moved.wait()
        if self._error is not None:
            raise self._error

    def tell(self, seq: int, ended: bool) -> None:
        self.seq, self.ended = seq, ended
        self._moved.set()

    def fail(self, error: ToolwardError) -> None:
        self._error = error
        self._moved.set()


class Feed:
    """Who watches which run, in this process."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[Watcher]] = {}
        self._listeners: dict[str, list[OnText]] = {}

    def published(self, run_id: str, seq: int, *, ended: bool) -> None:
        for watcher in self._watchers.get(run_id, ()):
            watcher.tell(seq, ended)

    def stopped(self, run_id: str, error: ToolwardError) -> None:
        for watcher in self._watchers.get(run_id, ()):
            watcher.fail(error)

    def text(self, run_id: str, turn: int, piece: str) -> None:
        for listener in tuple(self._listeners.get(run_id, ())):
            try:
                listener(turn, piece)
            except Exception:  # somebody's broken terminal must not end the run
                log.exception("a listener to the text of %s failed", run_id)

    @contextmanager
    def watching(self, run_id: str) -> Generator[Watcher]:
        """Begin before reading the log: what is stored between the two is then not missed."""
        watcher = Watcher()
        self._watchers.setdefault(run_id, set()).add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[run_id].discard(watcher)
            if not self._watchers[run_id]:
                del self._watchers[run_id]

    @contextmanager
    def listening(self, run_id: str, listener: OnText) -> Generator[None]:
        self._listeners.setdefault(run_id, []).append(listener)
        try:
            yield
        finally:
            self._listeners[run_id].remove(listener)
            if not self._listeners[run_id]:
                del self._listeners[run_id]
