"""One access token, kept: fetched once for all who wait, and again in the background before it runs out."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from toolward.errors import Unavailable
from toolward.outbound.token_server import Granted, GrantRefused

log = logging.getLogger(__name__)

COOLDOWN = 5.0
"""Seconds after a failure in which nobody asks again, and after a refused token before another is dropped."""

RENEWED_AT = 0.75
"""Of a token's lifetime, after which whoever uses it has it renewed."""

_MARGIN = 10.0  # seconds before its end in which it is not used: clocks, and the way to the server
_MARGIN_OF = 0.1  # of its lifetime, where that is less

Fetch = Callable[[], Awaitable[Granted]]


class NoToken(Unavailable):
    """Why there is no token: words that go on from "… cannot be had: ". `error` is the code with which the server
    refused it, if it did."""

    def __init__(self, why: str, error: str, retry_after: float) -> None:
        super().__init__(why, retry_after=retry_after)
        self.error = error


class KeptToken:
    """`fetch` must end by itself; `name` is what the log calls it."""

    def __init__(self, name: str, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._fetch, self._clock = name, fetch, clock
        self._token = ""
        self._renew_at = self._until = float("-inf")
        self._not_before = self._dropped_at = float("-inf")
        self._why = self._error = ""
        self._fetching: asyncio.Task[str] | None = None

    def at_hand(self) -> str:
        """The token, if there is one that is good; it is renewed beside that when it is time."""
        now = self._clock()
        if now >= self._until:
            return ""
        if now >= self._renew_at and now >= self._not_before:
            self._start()
        return self._token

    async def get(self) -> str:
        """Raises NoToken."""
        if token := self.at_hand():
            return token
        if self._fetching is None and (left := self._not_before - self._clock()) > 0:
            raise NoToken(self._why, self._error, left)
        if token := await asyncio.shield(self._start()):
            return token
        raise NoToken(self._why, self._error, COOLDOWN)

    def drop(self, token: str) -> bool:
        """It was refused. Whether `get` will give another one: not where the last one was refused just now, too."""
        if token != self._token:  # somebody was faster
            return True
        now = self._clock()
        if now < self._dropped_at + COOLDOWN:
            return False
        self._dropped_at = now
        self._token, self._until = "", float("-inf")
        return True

    async def settled(self) -> None:
        """When nothing is being fetched."""
        if self._fetching is not None:
            await asyncio.wait([self._fetching])

    def _start(self) -> asyncio.Task[str]:
        if self._fetching is None:
            self._fetching = asyncio.get_running_loop().create_task(self._renew())
        return self._fetching

    async def _renew(self) -> str:
        """Empty where it failed: then `_why` says why."""
        asked_at = self._clock()
        try:
            granted = await self._fetch()
        except Unavailable as error:
            self._why = error.message
            self._error = error.error if isinstance(error, GrantRefused) else ""
            self._not_before = self._clock() + COOLDOWN
            log.warning("%s cannot be had: %s", self._name, self._why)
            return ""
        finally:
            self._fetching = None
        self._token = granted.token
        self._until = asked_at + granted.lifetime - min(_MARGIN, granted.lifetime * _MARGIN_OF)
        self._renew_at = asked_at + granted.lifetime * RENEWED_AT
        return granted.token
