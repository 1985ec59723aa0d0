"""Waking those who watch runs. They read events from the log, and of what the model says only the newest piece of
each kind is kept for each, so a slow one costs no memory and stalls no run."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from gateway.core.ports import OnPiece, Piece
from toolward.errors import ToolwardError, Unauthenticated, Unavailable
from toolward.types import Principal, TextDelta, TextKind

PENDING_TEXT = 64 * 1024
"""Characters of one kind of a turn's text that a watcher has not taken yet; beyond it what waits is dropped. The
whole text is in the turn's `model_replied` event."""


class Watcher:
    """What somebody who watches a run was told: how far its log has come, whether it has ended, and what its model
    says meanwhile. (They may have read further: whether it has ended then, they have not heard.)"""

    __slots__ = ("_begun", "_error", "_moved", "_said", "_turn", "by", "ended", "seq", "wants_text")

    def __init__(self, wants_text: bool = False, by: Principal | None = None) -> None:
        self.by = by
        self.seq = 0
        self.ended = False
        self.wants_text = wants_text
        self._turn = 0
        self._begun: tuple[TextKind, ...] = ()  # the kinds of which something of this turn was said
        self._said: dict[TextKind, TextDelta] = {}  # by kind, in the order in which they began to wait
        self._error: ToolwardError | None = None
        self._moved = asyncio.Event()

    async def beyond(self, seq: int) -> None:
        """Wait until the log has an event behind `seq`, the run has ended, or there is text. Raises what stopped
        the work on the run, when the ledger failed."""
        while self._error is None and self.seq <= seq and not self.ended and not self._said:
            self._moved.clear()
            await self._moved.wait()
        if self._error is not None:
            raise self._error

    def taken(self) -> tuple[TextDelta, ...]:
        """What the model said since the last time, in one piece of each kind."""
        if not self._said:
            return ()
        said, self._said = tuple(self._said.values()), {}
        return said

    def tell(self, seq: int, ended: bool) -> None:
        self.seq, self.ended = seq, ended
        self._moved.set()

    def begin(self, turn: int) -> None:
        """The model is asked for this turn. If it was before, what it said then is void: every kind of that begins
        at 0 again, with nothing."""
        self._turn_to(turn)
        for kind in self._begun:
            self._said[kind] = TextDelta(turn, 0, "", kind)
            self._moved.set()

    def say(self, piece: TextDelta) -> None:
        """Pieces that follow one another wait as one."""
        if len(piece.text) > PENDING_TEXT:
            return
        self._turn_to(piece.turn)
        kind = piece.kind
        if kind not in self._begun:
            self._begun = (*self._begun, kind)
        said = self._said.get(kind)
        if said is not None and _follows(piece, said) and len(said.text) + len(piece.text) <= PENDING_TEXT:
            piece = TextDelta(said.turn, said.offset, said.text + piece.text, kind)
        self._said[kind] = piece
        self._moved.set()

    def _turn_to(self, turn: int) -> None:
        if turn != self._turn:
            self._turn, self._begun = turn, ()
            self._said.clear()

    def fail(self, error: ToolwardError) -> None:
        self._error = error
        self._moved.set()


def _follows(piece: TextDelta, said: TextDelta) -> bool:
    return (piece.turn, piece.offset) == (said.turn, said.offset + len(said.text))


class Feed:
    """Who watches which run, in this process."""

    def __init__(self, holds: Callable[[Principal], bool] = lambda _: True) -> None:
        """`holds` says whether what proved a caller does still."""
        self._holds = holds
        self._watchers: dict[str, set[Watcher]] = {}
        self._closed: ToolwardError | None = None

    def published(self, run_id: str, seq: int, *, ended: bool) -> None:
        for watcher in self._watchers.get(run_id, ()):
            watcher.tell(seq, ended)

    def watched(self) -> dict[str, int]:
        """The runs that are watched, and how far the one who was told least was told of their logs."""
        return {run_id: min(one.seq for one in watchers) for run_id, watchers in self._watchers.items()}

    def stopped(self, run_id: str, error: ToolwardError) -> None:
        for watcher in self._watchers.get(run_id, ()):
            watcher.fail(error)

    def close(self) -> None:
        """Nobody works on runs here any more: who watches one hears it, and can go on elsewhere, or later."""
        self._closed = Unavailable(
            "The gateway stops.", hint="Watch the run again behind the last event that you have."
        )
        for run_id in self._watchers:
            self.stopped(run_id, self._closed)

    def recheck(self) -> None:
        """Who watches with what proves nothing any more sees nothing more."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                try:
                    self.check(watcher)
                except Unauthenticated as error:
                    watcher.fail(error)

    def check(self, watcher: Watcher) -> None:
        """Raises Unauthenticated where what proved the watcher does not any more."""
        if watcher.by is not None and not self._holds(watcher.by):
            raise Unauthenticated(
                "What this was watched with does not prove any more who watches.",
                hint="Watch the run again with what does, behind the last event that you have.",
            )

    def speaker(self, run_id: str, turn: int, names: Mapping[str, str] = MappingProxyType({})) -> OnPiece:
        """Gets the pieces of one model reply as they come, from its beginning. `names` has the qualified name
        of a tool that the model calls by its alias."""
        offsets = {"text": 0, "reasoning": 0, "call": 0}
        self._begin(run_id, turn)

        def say(piece: Piece) -> None:
            kind = piece.kind
            if kind == "again":
                offsets.update(dict.fromkeys(offsets, 0))
                self._begin(run_id, turn)
                return
            text = f"{names.get(piece.text, piece.text)}\n" if kind == "call" else piece.text
            if not text.isascii():  # JSON can smuggle in halves of surrogate pairs, which no UTF-8 has
                text = text.encode(errors="replace").decode()
            offset = offsets[kind]
            offsets[kind] = offset + len(text)
            if (watchers := self._watchers.get(run_id)) is None:
                return
            delta = TextDelta(turn, offset, text, kind)
            for watcher in watchers:
                if watcher.wants_text:
                    watcher.say(delta)

        return say

    def _begin(self, run_id: str, turn: int) -> None:
        for watcher in self._watchers.get(run_id, ()):
            if watcher.wants_text:
                watcher.begin(turn)

    @contextmanager
    def watching(self, run_id: str, *, text: bool = False, by: Principal | None = None) -> Generator[Watcher]:
        """Begin before reading the log: what is stored between the two is then not missed. Raises as `check`."""
        watcher = Watcher(text, by)
        self.check(watcher)
        if self._closed is not None:
            watcher.fail(self._closed)
        self._watchers.setdefault(run_id, set()).add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[run_id].discard(watcher)
            if not self._watchers[run_id]:
                del self._watchers[run_id]
