"""The points at which a process can be killed or stopped. The n-th one can be chosen: then it happens there."""

import asyncio
import os
import signal
import threading

KILL, STOP, END = int(signal.SIGKILL), int(signal.SIGSTOP), int(signal.SIGTERM)


class Points:
    """Counts them, from 1. `names` says what each was; with a `target` the process gets `strike` there."""

    def __init__(self, target: int = 0, strike: int = KILL, *, wanted: str = "") -> None:
        """`wanted` chooses the first point with this name instead of a number."""
        self.names: list[str] = []
        self._target = target
        self._wanted = wanted
        self._strike = strike
        self._lock = threading.Lock()  # the ledger's writer has a thread of its own

    def at(self, name: str) -> None:
        """Here is one. Does not return where the process is killed."""
        if self.chosen(name):
            os.kill(os.getpid(), self._strike)

    async def at_work(self, name: str) -> None:
        """The same, for what goes on until it is stopped: asked to end (SIGTERM), it does not get further."""
        if self.chosen(name):
            os.kill(os.getpid(), self._strike)
            if self._strike == END:
                await asyncio.Future()

    def chosen(self, name: str) -> bool:
        """Here is one that somebody else has to strike at; whether they shall."""
        with self._lock:
            self.names.append(name)
            if self._wanted:
                chosen = name == self._wanted
                self._wanted = "" if chosen else self._wanted
                return chosen
            return len(self.names) == self._target

    @property
    def strike(self) -> int:
        return self._strike
