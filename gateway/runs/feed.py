"""Waking those who watch runs. They read events from the log, and of the model's text only the newest piece is kept
for each, so a slow one costs no memory and stalls no run."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from gateway.core.ports import OnPiece, Piece
from toolward.errors import ToolwardError
from toolward.types import TextDelta

PENDING_TEXT = 64 * 1024
"""Characters of a turn's text that a watcher has not taken yet; beyond it what waits is dropped. The whole text is
in the turn's `model_replied` event."""


class Watcher:
    """How far a run's log has come since somebody began to watch it, and what its model says meanwhile."""

    __slots__ = ("_error", "_moved", "_said", "ended", "seq", "wants_text")

    def __init__(self, wants_text: bool = False) -> None:
        self.seq = 0
        self.ended = False
        self.wants_text = wants_text
        self._said: TextDelta | None = None
        self._error: ToolwardError | None = None
        self._moved = asyncio.Event()

    async def beyond(self, seq: int) -> None:
        """Wait until the log has an event behind `seq`, the run has ended, or there is text. Raises what stopped
        the work on the run, when the ledger failed."""
        while self._error is None and self.seq <= seq and not self.ended and self._said is None:
            self._moved.clear()
            await self._moved.wait()
        if self._error is not None:
            raise self._error

    def taken(self) -> TextDelta | None:
        """What the model said since the last time, in one piece."""
        said, self._said = self._said, None
        return said

    def tell(self, seq: int, ended: bool) -> None:
        self.seq, self.ended = seq, ended
        self._moved.set()

    def say(self, piece: TextDelta) -> None:
        """Pieces that follow one another wait as one."""
        if len(piece.text) > PENDING_TEXT:
            return
        said = self._said
        if said is not None and _follows(piece, said) and len(said.text) + len(piece.text) <= PENDING_TEXT:
            piece = TextDelta(said.turn, said.offset, said.text + piece.text)
        self._said = piece
        self._moved.set()

    def fail(self, error: ToolwardError) -> None:
        self._error = error
        self._moved.set()


def _follows(piece: TextDelta, said: TextDelta) -> bool:
    return (piece.turn, piece.offset) == (said.turn, said.offset + len(said.text))


class Feed:
    """Who watches which run, in this process."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[Watcher]] = {}

    def published(self, run_id: str, seq: int, *, ended: bool) -> None:
        for watcher in self._watchers.get(run_id, ()):
            watcher.tell(seq, ended)

    def watched(self) -> dict[str, int]:
        """The runs that are watched, and how far the one who knows least knows their logs."""
        return {run_id: min(one.seq for one in watchers) for run_id, watchers in self._watchers.items()}

    def stopped(self, run_id: str, error: ToolwardError) -> None:
        for watcher in self._watchers.get(run_id, ()):
            watcher.fail(error)

    def speaker(self, run_id: str, turn: int) -> OnPiece:
        """Gets the pieces of one model reply as they come, from its beginning."""
        offsets = {"text": 0, "reasoning": 0, "call": 0}

        def say(piece: Piece) -> None:
            if piece.kind == "again":
                offsets.update(dict.fromkeys(offsets, 0))
                return
            text = piece.text
            if not text.isascii():  # JSON can smuggle in halves of surrogate pairs, which no UTF-8 has
                text = text.encode(errors="replace").decode()
            delta = TextDelta(turn, offsets[piece.kind], text, piece.kind)
            offsets[piece.kind] += len(text)
            for watcher in self._watchers.get(run_id, ()):
                if watcher.wants_text:
                    watcher.say(delta)

        return say

    @contextmanager
    def watching(self, run_id: str, *, text: bool = False) -> Generator[Watcher]:
        """Begin before reading the log: what is stored between the two is then not missed."""
        watcher = Watcher(text)
        self._watchers.setdefault(run_id, set()).add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[run_id].discard(watcher)
            if not self._watchers[run_id]:
                del self._watchers[run_id]
