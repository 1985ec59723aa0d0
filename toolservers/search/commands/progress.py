"""How far a run is, on standard error: a bar where somebody looks at it, else a line now and then."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

from toolservers.search.ingestion.report import Progress

_BAR = 20
_REDRAW = 0.1  # seconds
_LINE = 10.0  # seconds between two lines, where it is no terminal


class ProgressBar:
    """Used as `Ingestion.run(told=...)`; `end` takes the bar away, so that what is printed next begins on its own
    line. `clock` is in seconds."""

    def __init__(
        self, stream: TextIO = sys.stderr, clock: Callable[[], float] = time.monotonic, *, about: str = ""
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._about = about
        self._is_terminal = stream.isatty()
        self._began = clock()
        self._next = self._began + (0 if self._is_terminal else _LINE)
        self._drawn = False

    def __call__(self, progress: Progress) -> None:
        now = self._clock()
        if now < self._next:
            return
        self._next = now + (_REDRAW if self._is_terminal else _LINE)
        rate = progress.bytes / 1e6 / max(now - self._began, 0.001)
        share = progress.bytes / progress.of_bytes if progress.of_bytes else 1.0
        of = f"{share:4.0%} {progress.files:,}/{progress.of_files:,} files {rate:.1f} MB/s"
        self._say(share, of, progress.path)

    def embedded(self, done: int, passages: int) -> None:
        """The same for passages that a model embeds."""
        now = self._clock()
        if now >= self._next:
            self._next = now + (_REDRAW if self._is_terminal else _LINE)
            share = done / passages if passages else 1.0
            self._say(share, f"{share:4.0%} {done:,}/{passages:,} passages embedded", "")

    def end(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = False

    def _say(self, share: float, text: str, path: str) -> None:
        shown = "".join(sign if sign.isprintable() else "?" for sign in path)
        if self._is_terminal:
            bar = ("#" * round(share * _BAR)).ljust(_BAR, ".")
            line = f"{self._about} [{bar}] {text} {shown}"[: shutil.get_terminal_size().columns - 1]
            self._stream.write(f"\r\x1b[K{line}")
            self._drawn = True
        else:
            self._stream.write(f"{self._about} {text} {shown}".strip() + "\n")
        self._stream.flush()
