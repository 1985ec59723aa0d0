"""The one thread that writes to a database, with group commit."""

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import (
    SQLAlchemyError,
)

from toolward.errors import Internal, ToolwardError, Unavailable
from toolward.store.connections import KeptConnection
from toolward.store.failures import database_failed, explain, place

log = logging.getLogger(__name__)


T = TypeVar("T")


Work = Callable[[Connection], T]


MAX_BATCH = 1024
"""Pieces of work that share one commit at most."""


LINGER = 0.05
"""Seconds that work for which nobody waits may lie before it is done, unless somebody waits for other work."""


class Finish(Protocol):
    """What a writer does once for all the work of a commit. Called by its thread only."""

    def flush(self, connection: Connection) -> None:
        """Store what the work before left to be stored."""
        ...

    def drop(self) -> None:
        """Forget what failed work left to be stored."""
        ...

    def seal(self, connection: Connection) -> None:
        """The last thing before the commit."""
        ...

    def ended(self, *, committed: bool) -> None: ...


class Writer:
    """One thread that does all writing to one database, with group commit.

    Work that is queued while a commit is under way shares the next one. Work is a function of a connection;
    it may be run twice, so it must touch nothing but the database. What one piece raises concerns that piece
    alone and the others still commit; when the database itself fails, every piece of the commit does.
    """

    def __init__(self, engine: Engine, name: str = "toolward-writer", finish: Finish | None = None) -> None:
        self._engine = engine
        self._finish: Finish = finish or _NoFinish()
        self.lost = 0  # pieces that nobody waited for and that were not stored
        self._kept = KeptConnection(engine)
        self._queue: deque[_Piece] = deque()
        self._signals: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._signalled = False  # the thread will look at the queue
        self._lingering = False  # somebody will signal soon
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def write(self, work: Work[T]) -> T:
        """Do the work; its result is given after the commit. Cancelling the wait does not undo the work.

        Raises what the work raises (ToolwardError), and Unavailable when the database refuses.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(_Piece(work, loop, future))
        self._signal()
        return await future

    def post(self, work: Work[Any]) -> None:
        """Do the work in its turn, before anything that is queued later. Nobody but the log hears of a failure. It
        is stored soon, and survives a loss of power when somebody has waited for something after it."""
        self._put(_Piece(work))
        if self._signalled or self._lingering:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._signal()
            return
        self._lingering = True
        loop.call_later(LINGER, self._lingered)

    async def close(self) -> None:
        """Finish what is queued, then stop."""
        if not self._closed:
            self._closed = True
            self._signals.put(None)
        await asyncio.to_thread(self._thread.join)

    def _put(self, piece: "_Piece") -> None:
        if self._closed:
            raise Unavailable(
                f"The database {place(self._engine)} is closed.", hint="The program is stopping."
            )
        self._queue.append(piece)

    def _signal(self) -> None:
        """Waking the thread is most of what a small piece costs here: once for all that is queued by then."""
        if not self._signalled:
            self._signalled = True
            self._signals.put(None)

    def _lingered(self) -> None:
        self._lingering = False
        if self._queue and not self._closed:
            self._signal()

    def _run(self) -> None:
        closing = False
        while not closing:
            self._signals.get()
            closing = self._closed  # nothing is queued after that, so what there is now is all
            self._signalled = False  # before looking: whoever queues more signals again
            while self._queue:
                some = [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]
                self._commit(some)
                self.lost += sum(piece.future is None and piece.error is not None for piece in some)
                _tell(some)
        self._kept.close()

    def _commit(self, batch: list["_Piece"]) -> None:
        """All in one transaction; only when a piece fails, again with a savepoint around each."""
        try:
            with self._kept.transaction(durable=_is_waited_for(batch)) as connection:
                for piece in batch:
                    piece.result = piece.work(connection)
                self._finish.flush(connection)
                self._finish.seal(connection)
            self._finish.ended(committed=True)
        except Exception as error:  # the waiters get it; the thread must live on
            self._finish.ended(committed=False)
            if len(batch) == 1 or database_failed(error):
                self._fail(batch, error)
            else:
                self._commit_apart(batch)

    def _commit_apart(self, batch: list["_Piece"]) -> None:
        try:
            with self._kept.transaction(durable=_is_waited_for(batch)) as connection:
                for piece in batch:
                    savepoint = connection.begin_nested()
                    try:
                        piece.result = piece.work(connection)
                        self._finish.flush(connection)
                        savepoint.commit()
                    except Exception as error:
                        self._finish.drop()
                        if database_failed(error):  # the transaction may be gone: nothing of it counts
                            raise
                        savepoint.rollback()
                        self._fail([piece], error)
                self._finish.seal(connection)
            self._finish.ended(committed=True)
        except Exception as error:  # the waiters get it; the thread must live on
            self._finish.ended(committed=False)
            self._fail(batch, error)

    def _fail(self, pieces: list["_Piece"], error: Exception) -> None:
        if not isinstance(error, ToolwardError):
            log.error("writing to %s failed", place(self._engine), exc_info=error)
        for piece in pieces:
            piece.error = self._explain(error)

    def _explain(self, error: Exception) -> ToolwardError:
        if isinstance(error, ToolwardError):
            return error
        if isinstance(error, SQLAlchemyError):
            return explain(error, place(self._engine))
        return Internal("Storing failed inside.", hint="The log says why.")


@dataclass(eq=False, slots=True)
class _Piece:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop | None = None  # None: nobody waits
    future: "asyncio.Future[Any] | None" = None
    result: Any = None
    error: ToolwardError | None = None

    def tell(self) -> None:
        if self.future is None or self.future.done():  # the waiter gave up
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class _NoFinish:
    def flush(self, connection: Connection) -> None: ...

    def drop(self) -> None: ...

    def seal(self, connection: Connection) -> None: ...

    def ended(self, *, committed: bool) -> None: ...


def _is_waited_for(batch: list[_Piece]) -> bool:
    """Whether somebody goes on when it is stored, and so must find it stored whatever happens then."""
    return any(piece.future is not None for piece in batch)


def _tell(batch: list[_Piece]) -> None:
    """Wake the waiters, once for each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Piece]] = {}
    for piece in batch:
        if piece.loop is not None:
            loops.setdefault(piece.loop, []).append(piece)
        elif piece.error is not None:
            log.error("a record was not stored: %s", piece.error.text)
    for loop, pieces in loops.items():
        try:
            loop.call_soon_threadsafe(_tell_all, pieces)
        except RuntimeError:  # that loop is closed, so nobody waits there
            log.debug("%d waiters are gone", len(pieces))


def _tell_all(pieces: list[_Piece]) -> None:
    for piece in pieces:
        piece.tell()
