"""Trying again, only where that does no harm.

Own lines rather than a library's: what may be repeated, and for how long, is decided by our error tree
(`retry_after`, the caller's deadline over all attempts), and what is left of the task is the loop below.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from toolward.errors import Overloaded, ToolwardError, Unavailable

T = TypeVar("T")


class Retries(msgspec.Struct, frozen=True):
    """At most `more` attempts after the first; waits double from `wait` to `longest` seconds, less a random
    part, so that callers who failed together do not come back together. `more=0`: never."""

    more: int = 2
    wait: float = 0.1
    longest: float = 2.0

    def pause(self, error: ToolwardError, attempt: int, *, safe: bool) -> float | None:
        """Seconds to wait after the failure of the attempt (0, 1, …); None where it must not be tried again.

        *Overloaded* with a time to come back was not begun, and is always tried again. *Unavailable* may have
        been carried out: only where a repeat is `safe`."""
        if attempt >= self.more:
            return None
        if isinstance(error, Overloaded) and error.retry_after is not None:
            return error.retry_after
        if isinstance(error, Unavailable) and safe:
            return min(self.wait * 2**attempt, self.longest) * random.uniform(0.5, 1)  # noqa: S311 -- no secret
        return None


async def repeated(
    work: Callable[[float], Awaitable[T]], retries: Retries, *, safe: bool, seconds: float
) -> T:
    """What `work` gives, called with the seconds that are left. All attempts share the `seconds`; an attempt that
    could only begin after them is not made."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    attempt = 0
    while True:
        try:
            return await work(until - clock())
        except ToolwardError as error:
            pause = retries.pause(error, attempt, safe=safe)
            if pause is None or clock() + pause >= until:
                raise
        await asyncio.sleep(pause)
        attempt += 1
