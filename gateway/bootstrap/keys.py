"""The API keys that are in force: those of `TOOLWARD_HOME/keys.json`, read again when it changes.

What is revoked there, or expires, is refused from then on, also to who watches. A file that cannot be read lets no
key in, and leaves everybody alone who proves themself otherwise.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.config.keys import keys_file, read_keys
from gateway.config.whole_files import stamp
from toolward.auth.api_keys import ApiKeys, looks_like_key
from toolward.errors import ConfigurationError, Unavailable
from toolward.types import Principal

log = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two looks at the file."""


class Keys:
    """`problem` says why no key is taken; empty where they are."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.time) -> None:
        self.problem = ""
        self._home, self._clock = home, clock
        self._known = ApiKeys()
        self._tell: list[Callable[[], None]] = []
        self._seen = stamp(keys_file(home))
        self._read()
        self._end = self._known.next_end(clock())

    def find(self, token: str) -> Principal | None:
        """Whom an API key proves; None for what is none. Raises Unauthenticated for one that is not known, or not
        good any more; Unavailable while none can be checked."""
        if not looks_like_key(token):
            return None
        if self.problem:
            raise Unavailable(
                "API keys cannot be checked now.",
                hint="The log of the gateway says why; its operator mends it.",
            )
        return self._known.principal(token)

    def holder(self, prefix: str) -> Principal | None:
        """Whom the key of this prefix proves now; None where it is not good (any more)."""
        return self._known.holder(prefix)

    def holds(self, principal: Principal) -> bool:
        """Whether what proved the caller does still, as far as it is a key."""
        return not principal.api_key or self.holder(principal.api_key) is not None

    def on_change(self, tell: Callable[[], None]) -> None:
        """`tell` is called when keys may have come to their end, or there are others."""
        self._tell.append(tell)

    def status(self) -> dict[str, Any]:
        """As JSON, for operators."""
        return {"count": len(self._known), "problem": self.problem}

    @asynccontextmanager
    async def watching(self, interval: float = INTERVAL) -> AsyncGenerator[None]:
        """While this is open, the file is looked at, and whoever wants to hear of it does."""
        watcher = asyncio.create_task(self._watch(interval), name="keys")
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.wait({watcher})

    async def _watch(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            try:
                await self._look()
            except Exception:  # a bug of ours must not be the last look
                log.exception("looking at the API keys failed inside")

    async def _look(self) -> None:
        found = await asyncio.to_thread(stamp, keys_file(self._home))
        if found == self._seen and self._clock() < self._end:
            return
        if found != self._seen:
            self._seen = found
            await asyncio.to_thread(self._read)
            log.info("the API keys were read again: there are %d", len(self._known))
        self._end = self._known.next_end(self._clock())
        for tell in self._tell:
            tell()

    def _read(self) -> None:
        try:
            known, problem = ApiKeys(read_keys(self._home), self._clock), ""
        except ConfigurationError as error:
            known, problem = ApiKeys(), error.text
            log.error("no API key is taken: %s", problem)
        self._known, self.problem = known, problem
