"""Sessions of the console that people ended, for all workers of this installation and also after a restart: an
empty file in the home directory for each, named by its nonce, until it would be over by itself."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from toolward.errors import Unavailable

_LATER = 60
"""Seconds for which a file outlasts its session: one that is being made has another time for a moment."""


class SignedOutFiles:
    """Implements `gateway.servers.console.sessions.SignedOut`."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._clock = home / "signed-out", clock

    def add(self, nonce: str, ends: int) -> None:
        """The nonce is of a session that we signed: letters, digits, `-` and `_`."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._forget_those_over()
            file = self._folder / nonce
            file.touch(mode=0o600)
            os.utime(file, (ends, ends))
        except OSError as error:
            raise Unavailable(
                f"You are signed in still: {error.strerror} ({self._folder}).",
                hint="Mend that and sign out again; until then, clear this site's cookies in your browser.",
            ) from None

    def __contains__(self, nonce: str, /) -> bool:
        return (self._folder / nonce).exists()

    def _forget_those_over(self) -> None:
        for file in self._folder.iterdir():
            try:
                over = file.stat().st_mtime + _LATER <= self._clock()
            except FileNotFoundError:  # another worker forgot it
                continue
            if over:
                file.unlink(missing_ok=True)
