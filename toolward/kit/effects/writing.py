"""The one thread of a server that writes to its database, and a transaction in it.

A transaction is opened, used and ended by jobs of that thread, in the order in which they were given. So a call
that is cancelled needs not wait for what the thread is still doing for it: the rollback stands behind it in the
queue, and before anything of the next transaction.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Concatenate, Generic, ParamSpec, TypeVar

from toolward.errors import Internal, Unavailable
from toolward.kit.effects.port import ConnectionT, EffectStore

log = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")


class Transaction(Generic[ConnectionT]):
    """A parameter annotated `Transaction[Connection]` gets the call's transaction; it does not show in the
    tool's schema. What is done in it is kept when the function returns, and undone when it raises.

    Nobody else writes meanwhile: wait for nothing slow while you hold it.
    """

    def __init__(self, connection: ConnectionT, writer: "Writer[ConnectionT]") -> None:
        self._connection: ConnectionT | None = connection
        self._writer = writer

    @property
    def connection(self) -> ConnectionT:
        """For short statements in the function itself. Raises Internal after the call."""
        if self._connection is None:
            raise Internal("A transaction was used after its call.", hint="The server's log says where.")
        return self._connection

    async def run(
        self, work: Callable[Concatenate[ConnectionT, P], T], /, *arguments: P.args, **named: P.kwargs
    ) -> T:
        """`work(connection, …)` in the writing thread, for what would keep the server's other calls waiting."""
        return await self._writer.do(partial(work, self.connection, *arguments, **named))

    def end(self) -> None:
        self._connection = None


class Opened(Generic[ConnectionT]):
    """A transaction from the kit's side. Left without `commit`, it is rolled back."""

    def __init__(self, store: EffectStore[ConnectionT], writer: "Writer[ConnectionT]") -> None:
        self._store = store
        self._writer = writer
        self._connection: ConnectionT | None = None  # touched in the thread only

    async def begin(self, first: Callable[[ConnectionT], T]) -> tuple[ConnectionT, T]:
        """The connection, and what `first` finds in it."""

        def job() -> tuple[ConnectionT, T]:
            self._connection = connection = self._store.begin()
            return connection, first(connection)

        return await self._writer.do(job)

    async def commit(self, last: Callable[[ConnectionT], None]) -> None:
        def job() -> None:
            if self._connection is not None:
                last(self._connection)
                connection, self._connection = self._connection, None
                self._store.commit(connection)

        await self._writer.do(job)

    def roll_back(self) -> None:
        """A job that does nothing after a commit."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            self._store.rollback(connection)
        except Exception:  # nobody waits for it; what was not committed is lost in any case
            log.exception("a transaction could not be rolled back")


class Writer(Generic[ConnectionT]):
    """Transactions of one database, one at a time."""

    def __init__(self, store: EffectStore[ConnectionT]) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "toolward-effects")
        self._turn = asyncio.Lock()  # waiting here costs nothing; waiting at the database's lock does
        self._closed = False

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Opened[ConnectionT]]:
        """Raises Unavailable where the database is to blame for what went wrong inside."""
        async with self._turn:
            if self._closed:
                raise Unavailable("The server is stopping.", hint="Call again when it has started.")
            opened = Opened(self._store, self)
            try:
                yield opened
            except Exception as error:
                if (reason := self._store.unavailable(error)) is not None:
                    raise reason from error
                raise
            finally:
                self._thread.submit(opened.roll_back)

    async def transact(self, work: Callable[[ConnectionT], T]) -> T:
        """A short transaction of the kit's own."""

        def nothing(_connection: ConnectionT) -> None:
            pass

        async with self.opened() as opened:
            _, found = await opened.begin(work)
            await opened.commit(nothing)
            return found

    async def do(self, job: Callable[[], T]) -> T:
        """Once it has begun it goes to its end, whether somebody still waits for it or not."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    async def close(self) -> None:
        """Once the transaction that is open has ended. A second time does nothing."""
        async with self._turn:
            if self._closed:
                return
            self._closed = True
            self._thread.submit(self._store.close)
            await asyncio.to_thread(self._thread.shutdown)
