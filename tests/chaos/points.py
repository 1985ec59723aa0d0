"""The points at which a process can be killed or stopped. The n-th one can be chosen: then it happens there."""

import asyncio
import os
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

LEDGER = "ledger.db"
KILL, STOP, END = int(signal.SIGKILL), int(signal.SIGSTOP), int(signal.SIGTERM)


def strike(pid: int, number: int, ledger: Path) -> None:
    """Send the signal. Who is stopped must not hold the lock of the ledger's file: SQLite would let nobody else
    write until it goes on, which is another story."""
    if number == STOP:
        with closing(sqlite3.connect(ledger, timeout=30)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
    os.kill(pid, number)


class Points:
    """Counts them, from 1. `names` says what each was; with a `target` the process gets `strike` there."""

    def __init__(self, target: int = 0, strike: int = KILL, *, wanted: str = "") -> None:
        """`wanted` chooses the first point with this name instead of a number."""
        self.names: list[str] = []
        self.ledger = Path()
        self._target = target
        self._wanted = wanted
        self._strike = strike
        self._lock = threading.Lock()  # the ledger's writer has a thread of its own

    def at(self, name: str) -> None:
        """Here is one. Does not return where the process is killed."""
        if self.chosen(name):
            strike(os.getpid(), self._strike, self.ledger)

    async def at_work(self, name: str) -> None:
        """The same, for what goes on until it is stopped: asked to end (SIGTERM), it does not get further."""
        if self.chosen(name):
            strike(os.getpid(), self._strike, self.ledger)
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
