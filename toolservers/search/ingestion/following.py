"""The index follows the folders: what a watch tells is ingested, and what fails is tried again."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import Protocol

from anyio.to_thread import run_sync

from toolservers.search.ingestion.ingesting import Ingestion
from toolservers.search.ingestion.report import Progress, Report, Told
from toolservers.search.ingestion.scanning import Folder
from toolservers.search.ingestion.watching import MANY, Watch
from toolservers.search.sources import Source
from toolward.errors import ToolwardError

RETRY = 5.0
"""Seconds after which what failed is tried again: a folder that is not there, a disk that is full."""


async def ingested(
    ingestion: Ingestion,
    source: Source,
    paths: Iterable[str] = ("",),
    *,
    again: bool = False,
    told: Told | None = None,
) -> Report:
    """`Ingestion.run` of a source, whose folder is opened for it. Raises Unavailable where it is not there."""
    folder = await run_sync(Folder, source)
    try:
        return await ingestion.run(folder, paths, again=again, told=told)
    finally:
        folder.close()


class Listener(Protocol):
    """Is told what is done, in the order in which it is done."""

    def ingested(self, source: Source, report: Report) -> None: ...

    def failed(self, source: Source, error: ToolwardError) -> None:
        """Told again at every try."""
        ...


class Following:
    """A task runs `run()`, in the process that has the index's lock. Other sources want another Following."""

    def __init__(
        self,
        sources: Sequence[Source],
        ingestion: Ingestion,
        listener: Listener,
        told: Callable[[Source, Progress], None] | None = None,
    ) -> None:
        self.watch = Watch(sources)
        self._sources = {source.name: source for source in sources}
        self._ingestion = ingestion
        self._listener = listener
        self._told = told
        self._waiting: dict[str, set[str]] = {}
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Until it is cancelled. It begins with all sources whole."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="watching folders")
            while True:
                failed = await self._ingest()
                with suppress(TimeoutError):
                    async with asyncio.timeout(RETRY if failed else None):
                        await self._news.wait()
                for name, paths in failed.items():
                    self._add(name, paths)

    async def _listen(self) -> None:
        async with aclosing(self.watch.changes()) as told:
            async for changes in told:
                for name, paths in changes.items():
                    self._add(name, paths)

    def _add(self, name: str, paths: Iterable[str]) -> None:
        waiting = self._waiting.setdefault(name, set())
        waiting.update(paths)
        if len(waiting) > MANY or "" in waiting:
            self._waiting[name] = {""}
        self._news.set()

    async def _ingest(self) -> dict[str, set[str]]:
        """All that waits; what failed of it."""
        self._news.clear()
        failed: dict[str, set[str]] = {}
        while self._waiting:
            name = next(iter(self._waiting))
            paths, source = self._waiting.pop(name), self._sources[name]
            try:
                told = None if self._told is None else partial(self._told, source)
                report = await ingested(self._ingestion, source, paths, told=told)
            except ToolwardError as error:
                failed.setdefault(name, set()).update(paths)
                self._listener.failed(source, error)
            else:
                self._listener.ingested(source, report)
        return failed
