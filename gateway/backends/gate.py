"""The gate before the calls of a backend: what their failures say of it."""

import asyncio
from collections.abc import Callable

from gateway.core.breaker import Breaker
from gateway.core.gate import Gate
from gateway.core.lane import Lane
from toolward.errors import DeadlineExceeded, InvalidResult, ToolwardError, Unavailable


class NotConnected(Unavailable):
    """There is no connection now, and somebody works on it: no news for the breaker."""


class BackendGate(Gate):
    def __init__(self, name: str, lane: Lane, breaker: Breaker, tell: Callable[[str], None]) -> None:
        super().__init__(f"the backend {name}", lane, breaker, verdict=_verdict, tell=tell, now=_now)


def _verdict(error: ToolwardError, had_all: bool) -> bool | None:
    """A wrong answer says nothing: it cost nobody a wait, and a caller may have asked for it."""
    if isinstance(error, NotConnected | InvalidResult):
        return None
    if error.answered:
        return True
    if isinstance(error, DeadlineExceeded):
        return False if had_all else None
    return False if isinstance(error, Unavailable) else None


def _now() -> float:
    return asyncio.get_running_loop().time()
