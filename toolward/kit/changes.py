"""Tell those who watch that something has changed."""

import asyncio
from collections.abc import AsyncIterator


class Changes:
    """Belongs to no event loop, as a server is made before there is one."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: set[asyncio.Event] = set()

    def tell(self) -> None:
        """Call it where the watchers run: on the event loop, or before there is one."""
        self._count += 1
        for news in self._waiting:
            news.set()

    def watch(self) -> AsyncIterator[None]:
        """Yields after each change since this was called; several at once may be one."""
        return self._watch(self._count)

    async def _watch(self, seen: int) -> AsyncIterator[None]:
        while True:
            while seen == self._count:
                await self._news()
            seen = self._count
            yield

    async def _news(self) -> None:
        news = asyncio.Event()
        self._waiting.add(news)
        try:
            await news.wait()
        finally:
            self._waiting.discard(news)
