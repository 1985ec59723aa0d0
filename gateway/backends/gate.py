"""What stands before every call of one backend: its lane, and its breaker."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.backends.breaker import Breaker
from gateway.backends.lane import Lane
from toolward.errors import DeadlineExceeded, InvalidResult, ToolwardError, Unavailable
from toolward.types import ToolResult

log = logging.getLogger(__name__)


class NotConnected(Unavailable):
    """There is no connection now, and somebody works on it: no news for the breaker."""


class Gate:
    """`tell` hears what people should know of the breaker; empty when it has closed."""

    def __init__(self, name: str, lane: Lane, breaker: Breaker, tell: Callable[[str], None]) -> None:
        self._name = name
        self._lane = lane
        self._breaker = breaker
        self._tell = tell

    async def through(
        self, work: Callable[[], Awaitable[ToolResult]], *, until: float, had_all: bool
    ) -> ToolResult:
        """What `work` gives. `until` is by the loop's clock, for waiting; `had_all` says that the call has all the
        time that this backend ever has, so that running out of it is the backend's failure, not the caller's wish.

        Raises Unavailable while the breaker is open, Overloaded, DeadlineExceeded for a call that waited in vain,
        and what `work` raises."""
        self._check()
        if not self._lane.entered():
            await self._wait(until)
        well: bool | None = None
        probe = False
        try:
            self._check()  # again, for it may have waited
            probe = self._breaker.begin()
            result = await work()
            well = True
            return result
        except ToolwardError as error:
            well = _verdict(error, had_all)
            raise
        finally:
            self._lane.leave()
            self._end(probe, well)

    def renewed(self) -> None:
        """There is a new connection."""
        if self._breaker.is_open:
            self._breaker.renewed()
            self._tell("")

    def _check(self) -> None:
        if (wait := self._breaker.refusal(_now())) is not None:
            raise Unavailable(
                f"The backend {self._name} failed several times in a row and is left alone for a while.",
                hint=f"It is tried again in {max(wait, 0.1):.1f} s.",
                retry_after=wait,
            )

    async def _wait(self, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await self._lane.wait()
        except TimeoutError:
            raise DeadlineExceeded(
                f"{self._name} has too much to do: the call waited for its turn until its time was over.",
                hint="It was not made. Try again later, or give it more time.",
            ) from None

    def _end(self, probe: bool, well: bool | None) -> None:
        breaker = self._breaker
        was_open = breaker.is_open
        breaker.end(probe, well, _now())
        if probe or breaker.is_open != was_open:
            wait = breaker.refusal(_now()) if breaker.is_open else None
            if wait is not None:
                log.warning("calls of the backend %s fail: it is left alone for %.0f s", self._name, wait)
                self._tell(
                    "calls of it failed several times in a row; they are refused, and one is tried now and then"
                )
            elif not breaker.is_open:
                log.info("the backend %s answers calls again", self._name)
                self._tell("")


def _verdict(error: ToolwardError, had_all: bool) -> bool | None:
    """What an error says of the backend. A wrong answer says nothing: it cost nobody a wait, and a caller may have
    asked for it."""
    if isinstance(error, NotConnected | InvalidResult):
        return None
    if error.answered:
        return True
    if isinstance(error, DeadlineExceeded):
        return False if had_all else None
    return False if isinstance(error, Unavailable) else None


def _now() -> float:
    return asyncio.get_running_loop().time()
