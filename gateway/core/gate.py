"""What stands before every call of one backend or model endpoint: its lane, and its breaker."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.core.breaker import Breaker
from gateway.core.lane import Lane
from toolward.errors import DeadlineExceeded, ToolwardError, Unavailable

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")


class LeftAlone(Unavailable):
    """The breaker is open: nothing was asked."""


class Gate:
    """`said` names what is behind it: `the backend crm`; `remedy` is what to do while it is left alone. `tell`
    hears what people should know of the breaker; empty when it has closed. `now` is the event loop's clock."""

    def __init__(
        self,
        said: str,
        lane: Lane,
        breaker: Breaker,
        *,
        tell: Callable[[str], None],
        now: Callable[[], float],
        remedy: str = "",
    ) -> None:
        self._said = said
        self._remedy = remedy
        self._lane = lane
        self._breaker = breaker
        self._tell = tell
        self._now = now

    async def through(
        self,
        work: Callable[[], Awaitable[ResultT]],
        *,
        until: float,
        verdict: Callable[[ToolwardError], bool | None],
    ) -> ResultT:
        """What `work` gives. `until` is by the loop's clock, for waiting; `verdict` says what a failure shows of
        what is behind the gate: that it is well, that it is not, or nothing (None).

        Raises LeftAlone while the breaker is open, Overloaded, DeadlineExceeded for a call that waited in vain,
        and what `work` raises."""
        if self._breaker.is_open:
            self._check()
        if not self._lane.entered():
            await self._wait(until)
        well: bool | None = None
        probe = False
        begun: float | None = None
        try:
            if self._breaker.is_open:  # again, for it may have waited
                self._check()
            begun = self._now()
            probe = self._breaker.begin()
            result = await work()
            well = True
            return result
        except ToolwardError as error:
            well = verdict(error)
            if isinstance(error, DeadlineExceeded):  # each waited for itself: so each says something
                begun = None
            raise
        finally:
            self._lane.leave()
            self._end(probe, well, begun)

    def renewed(self) -> None:
        """There is a new connection."""
        if self._breaker.is_open:
            self._breaker.renewed()
            self._tell("")

    def _check(self) -> None:
        if (wait := self._breaker.refusal(self._now())) is not None:
            raise LeftAlone(
                f"{_capital(self._said)} failed several times in a row and is left alone for a while.",
                hint=f"It is tried again in {max(wait, 0.1):.1f} s. {self._remedy}".rstrip(),
                retry_after=wait,
            )

    async def _wait(self, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await self._lane.wait()
        except TimeoutError:
            raise DeadlineExceeded(
                f"{_capital(self._said)} has too much to do: the call waited for its turn until its time was over.",
                hint="It was not made. Try again later, or give it more time.",
            ) from None

    def _end(self, probe: bool, well: bool | None, begun: float | None) -> None:
        breaker = self._breaker
        if well and breaker.is_calm:
            return
        was_open = breaker.is_open
        breaker.end(probe, well, self._now(), begun)
        if probe or breaker.is_open != was_open:
            wait = breaker.refusal(self._now()) if breaker.is_open else None
            if wait is not None:
                log.warning("calls of %s fail: it is left alone for %.0f s", self._said, wait)
                self._tell(
                    "calls of it failed several times in a row; they are refused, and one is tried now and then"
                )
            elif not breaker.is_open:
                log.info("%s answers calls again", self._said)
                self._tell("")


def _capital(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}"
