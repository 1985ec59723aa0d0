"""The index is kept up to date while a server runs: by the one process of it that has its lock."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from anyio.to_thread import run_sync

from toolservers.documents.extractor import Extractor
from toolservers.search.embedding.catching_up import CatchingUp
from toolservers.search.embedding.port import Embedder
from toolservers.search.ingestion.following import Following, ingested
from toolservers.search.ingestion.ingesting import Ingestion
from toolservers.search.ingestion.lock import IndexLock, holder_of
from toolservers.search.ingestion.report import Report
from toolservers.search.sources import Source
from toolservers.search.sources_file import Sources
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.reading import Reader
from toolward.errors import ToolwardError

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

FIRST_WAIT = 3.0
"""Seconds, from the start of the server, for which a search waits until all sources have been looked through."""

LOOKED_THROUGH = "looked_through"
"""The fact (`Reader.fact`) that all sources have been looked through once, by whichever process."""

_TICK = 1.0  # seconds after which it is seen what other processes have done
_SHORT_TICK = 0.05  # the same, while somebody may wait for it
_RETRY = 5.0  # seconds after which an upkeep that failed begins again


class Upkeep:
    """Also the listener of its `Following`. Used by tasks of one event loop."""

    def __init__(self, file: IndexFile, sources: Sources, embedder: Embedder | None) -> None:
        self._file = file
        self._sources = sources
        self._embedder = embedder
        self._lock = IndexLock(file.path, "serving")
        self._until = time.monotonic() + FIRST_WAIT
        self._looked = asyncio.Event()
        self._left = set(sources)
        self._news = asyncio.Event()
        self._following: Following | None = None
        self._catching_up: CatchingUp | None = None
        self.followed: frozenset[str] = frozenset()
        """The names of the sources whose changes are followed here."""
        self.unfollowed: dict[str, str] = {}
        """Of sources that cannot be followed at the moment, why."""
        self.trouble = ""
        """Why nothing is kept up to date at the moment; empty while it is, here or in another process."""

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        async with _beside(self._run()):
            yield

    async def ready(self) -> None:
        """Waits for the first look through all sources, until FIRST_WAIT after the start."""
        if not self._looked.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until - time.monotonic()):
                    await self._looked.wait()

    @property
    def unready(self) -> str:
        """What is to be said to those who search before the first look has ended; empty after it."""
        if self._looked.is_set():
            return ""
        return "The documents are still being read: in a moment there may be more."

    def look(self) -> None:
        """Other folders are to be watched than before, or documents were added."""
        self._news.set()
        if self._catching_up is not None:
            self._catching_up.look()

    async def said(self) -> str:
        """What is being done, as sentences."""
        if self.trouble:
            return f"Not kept up to date at the moment: {self.trouble}"
        if not self._lock.held:
            holder = await run_sync(holder_of, self._file.path)
            doing = f" ({holder.doing})" if holder is not None and holder.doing else ""
            return f"Another process{doing} keeps it up to date."
        if not self._looked.is_set():
            return "The sources are being looked through; what has been read can be found already."
        polling = "" if self._following is None else self._following.watch.polling
        return f"Up to date; changes of files are followed.{f' {polling}' if polling else ''}"

    @property
    def unembedded(self) -> str:
        """Why passages have no vector, as sentences; empty where all is well, or another process embeds."""
        if self._catching_up is None:
            return ""
        refused, trouble = self._catching_up.refused, self._catching_up.trouble
        told = f" It cannot go on at the moment: {trouble}" if trouble else ""
        return told + (f" The model refused {refused:,}, which are found by words only." if refused else "")

    # --- as a listener

    def ingested(self, source: Source, report: Report) -> None:
        self.unfollowed.pop(source.name, None)
        if self._catching_up is not None and (report.counts.added or report.counts.changed):
            self._catching_up.look()
        self._was_looked_through(source)

    def failed(self, source: Source, error: ToolwardError) -> None:
        if self.unfollowed.get(source.name) != error.text:
            log.warning("the source %s cannot be followed: %s", source.called, error.text)
        self.unfollowed[source.name] = error.text
        self._was_looked_through(source)

    def _was_looked_through(self, source: Source) -> None:
        self._left.discard(source.name)
        if not self._left:
            self._looked.set()

    # --- the work

    async def _run(self) -> None:
        """What fails is told in `trouble` and the log, and begun anew: searches go on."""
        while True:
            try:
                await self._others_turn()
                self.trouble = ""
                try:
                    await self._keep()
                finally:
                    self._following, self.followed = None, frozenset()
                    self._lock.release()
            except ToolwardError as error:
                if self.trouble != error.text:
                    log.warning("the index is not kept up to date at the moment: %s", error.text)
                self.trouble = error.text
            except Exception:
                log.exception("the index is not kept up to date at the moment")
                self.trouble = "the server's log says why."
            await asyncio.sleep(_RETRY)

    async def _others_turn(self) -> None:
        """Until the lock is ours. Raises Unavailable."""
        while not self._lock.try_hold():
            if not self._looked.is_set() and await self._read(_has_been_looked_through):
                self._looked.set()
            await asyncio.sleep(_TICK if self._looked.is_set() else _SHORT_TICK)

    async def _keep(self) -> None:
        async with Extractor.open() as extractor:
            ingestion = Ingestion(self._file, extractor.extract)
            if self._embedder is None:
                await self._follow(ingestion)
                return
            self._catching_up = CatchingUp(self._file, self._embedder)
            async with _beside(self._catching_up.run()):
                await self._follow(ingestion)

    async def _follow(self, ingestion: Ingestion) -> None:
        """The operator's folders, and those that tools have watched, which may change: also by other processes."""
        watched = await self._read(Reader.watched)
        while True:
            again, refused = await run_sync(self._sources.again, watched)
            sources = [*self._sources.values(), *again.values()]
            await self._look_through(ingestion, [one for one in sources if one.name not in self.followed])
            self.followed = frozenset(source.name for source in sources)
            self.unfollowed |= refused
            self._following = Following(sources, ingestion, self)
            async with _beside(self._following.run()) as work:
                others = await self._others_than(watched, refused, work)
            for name in watched.keys() - others.keys():
                await ingestion.remove(name)
                self.unfollowed.pop(name, None)
            watched = others

    async def _look_through(self, ingestion: Ingestion, sources: Sequence[Source]) -> None:
        """Now: a watch takes a while until it stands, and then begins with all sources once more."""
        for source in sources:
            try:
                self.ingested(source, await ingested(ingestion, source))
            except ToolwardError as error:
                self.failed(source, error)

    async def _others_than(
        self, watched: dict[str, str], refused: dict[str, str], work: asyncio.Task[None]
    ) -> dict[str, str]:
        """The folders that are to be watched, as soon as they are others, or one of those that were `refused` is no
        longer. Raises what the work raises."""
        is_noted = False
        work.add_done_callback(lambda _: self._news.set())
        while True:
            self._news.clear()
            if self._looked.is_set() and not is_noted:
                await run_sync(self._note)
                is_noted = True
            now = await self._read(Reader.watched)
            if now != watched or (refused and (await run_sync(self._sources.again, now))[1] != refused):
                return now
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self._news.wait()
            if work.done():
                work.result()

    def _note(self) -> None:
        with self._file.writing() as writer:
            if not _has_been_looked_through(writer):
                writer.put_fact(LOOKED_THROUGH, 1)

    async def _read(self, asked: Callable[[Reader], ResultT]) -> ResultT:
        def work() -> ResultT:
            with self._file.reading() as reader:
                return asked(reader)

        return await run_sync(work)


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[asyncio.Task[None]]:
    """A task that is ended, and has ended, with the block."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def _has_been_looked_through(reader: Reader) -> bool:
    return bool(reader.fact(LOOKED_THROUGH))
