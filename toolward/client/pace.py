"""So much and no more in a second: whoever floods us waits, and takes no time from the others."""

import asyncio


class Pace:
    """`rate` units a second, of which one second's may come at once."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left = rate
        self._at = _now()

    async def take(self, units: float) -> None:
        """Returns at once while there is something left, and waits for the debt otherwise."""
        now = _now()
        self._left = min(self._left + (now - self._at) * self._rate, self._rate) - units
        self._at = now
        if self._left < 0:
            await asyncio.sleep(-self._left / self._rate)


def _now() -> float:
    return asyncio.get_running_loop().time()
