"""The gate before the calls of a backend: what their failures say of it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from gateway.core.breaker import Breaker
from gateway.core.gate import Gate
from gateway.core.lane import Lane
from toolward.errors import DeadlineExceeded, InvalidResult, ToolwardError, Unavailable
from toolward.outbound.credentials import CredentialRefused

ResultT = TypeVar("ResultT")


class NotConnected(Unavailable):
    """There is no connection now, and somebody works on it: no news for the breaker."""


class BackendGate:
    """`tell` hears what people should know of the breaker; empty when it has closed."""

    def __init__(self, name: str, lane: Lane, breaker: Breaker, tell: Callable[[str], None]) -> None:
        self._gate = Gate(f"the backend {name}", lane, breaker, tell=tell, now=_now)

    def through(
        self, work: Callable[[], Awaitable[ResultT]], *, until: float, had_all: bool
    ) -> Coroutine[Any, Any, ResultT]:
        """`until` is by the loop's clock, for waiting; `had_all` says that the call has all the time that this
        backend ever has, so that running out of it is the backend's failure, not the caller's wish.

        Raises LeftAlone while the breaker is open, Overloaded, DeadlineExceeded for a call that waited in vain,
        and what `work` raises."""
        return self._gate.through(work, until=until, verdict=lambda error: _verdict(error, had_all))

    def renewed(self) -> None:
        """There is a new connection."""
        self._gate.renewed()


def _verdict(error: ToolwardError, had_all: bool) -> bool | None:
    """A wrong answer says nothing: it cost nobody a wait, and a caller may have asked for it."""
    if isinstance(error, NotConnected | CredentialRefused | InvalidResult):
        return None
    if error.answered:
        return True
    if isinstance(error, DeadlineExceeded):
        return False if had_all else None
    return False if isinstance(error, Unavailable) else None


def _now() -> float:
    return asyncio.get_running_loop().time()
