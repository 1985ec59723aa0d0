"""The way into one backend or model endpoint: so many calls at once, so many that wait for them, and nobody beyond.
What is slow here takes no place elsewhere."""

import asyncio
from collections import deque

from toolward.errors import Overloaded

RETRY_AFTER = 1.0  # seconds; how long the calls in work take is not known


class Lane:
    """At most `width` calls are in work, at most `queue` wait, first come first served. Whoever entered leaves."""

    def __init__(self, name: str, width: int, queue: int) -> None:
        self._name = name
        self._width = width
        self._queue = queue
        self._free = width
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    def entered(self) -> bool:
        """Whether there was a place: the usual case, at once."""
        if self._free:
            self._free -= 1
            return True
        return False

    async def wait(self) -> None:
        """For a place, which is the caller's then. Raises Overloaded where too many wait already."""
        if len(self._waiters) >= self._queue:
            raise Overloaded(
                f"{self._width:,} calls of {self._name} are in work and {self._queue:,} wait; more are not taken.",
                hint="Try again when some are done.",
                retry_after=RETRY_AFTER,
            )
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._waiters.remove(waiter)
            else:  # given a place in the same moment
                self.leave()
            raise

    def leave(self) -> None:
        """The place goes to the first who waits."""
        for _ in range(len(self._waiters)):
            waiter = self._waiters[0]
            if not waiter.done():
                self._waiters.popleft()
                waiter.set_result(None)
                return
            self._waiters.rotate(-1)  # it is leaving by itself
        self._free += 1
