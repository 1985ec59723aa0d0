"""The connections to one origin: which are open, which are idle, and who waits for one."""

import asyncio
import contextlib
import ssl
from collections import deque

from toolward.errors import Overloaded, Unavailable
from toolward.outbound.connecting import connected
from toolward.outbound.connection import Connection
from toolward.outbound.egress import Origin
from toolward.outbound.reach import Reach
from toolward.outbound.reasons import why_unreachable

MAX_IDLE = 60.0
"""Seconds after which an unused connection is not trusted any more: what lies between may have forgotten it."""

# What a waiter is given: a connection, or None, which is the right to open one.
_Grant = Connection | None


class Connections:
    """At most `limit` of them, waiters served in the order in which they came. Whoever acquires one releases
    it, and nothing else happens between: a connection carries one request at a time."""

    def __init__(
        self,
        origin: Origin,
        *,
        limit: int,
        max_waiters: int,
        max_head: int,
        connect_timeout: float,
        tls: ssl.SSLContext | None,
        reach: Reach,
    ) -> None:
        self._origin = origin
        self._name = str(origin)
        self._limit = limit
        self._max_waiters = max_waiters
        self._max_head = max_head
        self._connect_timeout = connect_timeout
        self._tls = tls
        self._reach = reach
        self._all: set[Connection] = set()
        self._idle: deque[Connection] = deque()  # the one used last is on the right
        self._opening = 0
        self._waiters: deque[asyncio.Future[_Grant]] = deque()
        self._closed = False
        self._empty = asyncio.Event()

    @property
    def open(self) -> int:
        return len(self._all)

    @property
    def idle(self) -> int:
        return len(self._idle)

    def take_idle(self) -> Connection | None:
        """An idle one that is still open, the one used last before the others: the usual case, at once."""
        if not self._idle:
            return None
        now = asyncio.get_running_loop().time()
        if now - self._idle[-1].idle_since > MAX_IDLE:
            self.close_idle()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable(now):
                return connection
            connection.abort()
        return None

    async def acquire(self) -> Connection:
        """Where none is idle: open one, or wait. Raises Unavailable, Overloaded, and Denied where the name leads
        where it must not."""
        while True:
            if self._closed:
                raise self._is_closed()
            if len(self._all) + self._opening < self._limit:
                self._opening += 1
                return await self._open()
            granted = await self._wait()
            if granted is None:
                return await self._open()
            if granted.usable(asyncio.get_running_loop().time()):
                return granted
            granted.abort()

    def release(self, connection: Connection) -> None:
        """Keep it for the next request if its reply was complete; close it otherwise. Its place is free when
        it is lost, which the loop tells."""
        if connection.reusable and not self._closed:
            connection.resume()
            self._pass_on(connection)
        else:
            connection.abort()

    def close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def aclose(self) -> None:
        """Close all; requests under way fail as Interrupted, waiting ones as Unavailable."""
        self._closed = True
        while waiter := self._next_waiter():
            waiter.set_exception(self._is_closed())
        busy = self._all.difference(self._idle)
        self.close_idle()
        for connection in busy:
            connection.abort()
        if self._all:
            await self._empty.wait()

    # --- waiting -----------------------------------------------------------------------------------------

    async def _wait(self) -> _Grant:
        if len(self._waiters) >= self._max_waiters:
            raise Overloaded(
                f"{len(self._waiters):,} requests wait for one of {self._limit} connections to {self._name}.",
                hint="Come back when some are done.",
                retry_after=1.0,
            )
        waiter: asyncio.Future[_Grant] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with contextlib.suppress(ValueError):  # passed over already
                    self._waiters.remove(waiter)
            elif waiter.exception() is None:  # given something in the same moment: it goes to the next
                self._give_back(waiter.result())
            raise

    def _give_back(self, granted: _Grant) -> None:
        if granted is not None:
            self.release(granted)
        else:
            self._opening -= 1
            self._grant_place()

    def _pass_on(self, connection: Connection) -> None:
        connection.idle_since = asyncio.get_running_loop().time()
        if waiter := self._next_waiter():
            waiter.set_result(connection)
        else:
            self._idle.append(connection)

    def _grant_place(self) -> None:
        """A place is free: the first who waits may open a connection in it."""
        if waiter := self._next_waiter():
            self._opening += 1
            waiter.set_result(None)

    def _next_waiter(self) -> asyncio.Future[_Grant] | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    # --- opening and losing ------------------------------------------------------------------------------

    async def _open(self) -> Connection:
        """Open one in the place that `_opening` holds for it."""
        try:
            connection = await self._connect()
        except BaseException:
            self._opening -= 1
            self._grant_place()
            raise
        self._opening -= 1
        self._all.add(connection)
        if self._closed:
            connection.abort()
            raise self._is_closed()
        return connection

    async def _connect(self) -> Connection:
        try:
            connection = await connected(
                lambda: Connection(self._name, self._max_head, self._lost),
                self._origin,
                self._reach,
                tls=self._tls,
                seconds=self._connect_timeout,
            )
        except TimeoutError as error:
            why = why_unreachable(error) if error.errno else f"no connection in {self._connect_timeout:g} s"
            raise self._unreachable(why) from None
        except OSError as error:
            raise self._unreachable(why_unreachable(error)) from None
        if connection.lost:  # before anybody could put it among the others
            raise self._unreachable("it closes every connection at once")
        return connection

    def _lost(self, connection: Connection) -> None:
        if connection not in self._all:  # lost before it was ours
            return
        self._all.discard(connection)
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)
        if not self._closed:
            self._grant_place()
        elif not self._all:
            self._empty.set()

    def _unreachable(self, why: str) -> Unavailable:
        return Unavailable(
            f"Nothing answers at {self._name}: {why}.", hint="Start it, or correct its address."
        )

    def _is_closed(self) -> Unavailable:
        return Unavailable(f"The connections to {self._name} are closed: this program is stopping.")
