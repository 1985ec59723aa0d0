"""What the tools work on: the index, open, with what brings it up to date and what searches it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from anyio.to_thread import run_sync

from toolservers.search import fetching
from toolservers.search.answers import Document, Listing
from toolservers.search.references import referred
from toolservers.search.settings import Settings
from toolservers.search.sources_file import Sources, given, require_index_outside
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import ADDED, MAIN
from toolward.errors import NotFound, ToolError
from toolward.types import ResourceBody

ResultT = TypeVar("ResultT")


class KnowledgeBase:
    def __init__(self, file: IndexFile, sources: Sources, meaning: Meaning, upkeep: Upkeep) -> None:
        self.file = file
        self.sources = sources
        self.upkeep = upkeep
        self.collection = sources[MAIN].collection
        self._meaning = meaning
        self._searching = Searching(file, meaning, main=self.collection)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> "AsyncGenerator[KnowledgeBase]":
        """Raises ConfigurationError, Unavailable."""
        sources = await run_sync(given, settings.folder, settings.collection, _path(settings.sources))
        index = settings.index_file
        await run_sync(require_index_outside, index, list(sources.values()))
        file = await run_sync(IndexFile, index)
        try:
            yield cls(file, sources)
        finally:
            await run_sync(file.close)

    # --- what is asked

    def narrowed(
        self, types: list[str], sources: list[str], after: str, before: str, metadata: dict[str, str]
    ) -> Filters:
        """Arguments as a search takes them. Raises ToolError for what is no date."""
        return Filters(
            sources=tuple(MAIN if name == self.collection else name for name in sources),
            formats=tuple(map(format_named, types)),
            after=_day("after", after),
            before=_day("before", before),
            metadata=tuple((key.casefold(), value) for key, value in metadata.items()),
        )

    async def search(self, query: str, filters: Filters, limit: int, cursor: str) -> SearchResults:
        """Raises ToolError for a cursor of something else."""
        notes = await self.upkeep.ready()
        found = await self._searching.search(Asked(query, filters, limit, cursor))
        hits = [
            Hit(
                id=one.document.id,
                title=one.document.title,
                url=one.document.url,
                snippet=one.snippet,
                score=one.score,
                locator=Locator(one.passage.start, one.passage.end, one.passage.page, one.passage.heading),
                format=one.document.format,
                updated=one.document.updated,
                also=list(one.same),
            )
            for one in found.results
        ]
        return SearchResults(hits, " ".join(filter(None, (notes, found.note))), found.next_cursor)

    async def fetch(self, asked: str, start: int = 0, end: int | None = None) -> Document:
        """`asked` is an id or address, perhaps with a range, which `start` and `end` narrow where they are given.
        Raises ToolError."""
        reference = referred(asked, self.collection)

        def read(reader: Reader) -> Document:
            row = fetching.found(reader, reference, asked)
            if row is None:
                raise ToolError(fetching.missing(reader, reference))
            source = self.sources.get(row.source)
            return fetching.window(
                reader,
                row,
                start or reference.start or 0,
                reference.end if end is None else end,
                source.folder if source else None,
            )

        return await self._reading(read)

    async def resource(self, source: str, path: str) -> ResourceBody:
        """Raises NotFound, ToolError."""
        asked = path if source == self.collection else f"{source}:{path}"
        reference = referred(asked, self.collection)

        def read(reader: Reader) -> ResourceBody:
            row = fetching.found(reader, reference, asked)
            if row is None:
                raise NotFound(fetching.missing(reader, reference))
            return fetching.whole(reader, row, reference)

        return await self._reading(read)

    async def list_documents(self, source: str | None, cursor: str, limit: int) -> Listing:
        """`source` as `get_status` calls it. Raises ToolError for one that there is not."""

        def read(reader: Reader) -> Listing:
            name = None if source is None else self._source_named(source, reader)
            return fetching.listing(reader, name, cursor, limit)

        return await self._reading(read)

    def _source_named(self, called: str, reader: Reader) -> str:
        if called == self.collection:
            return MAIN
        known = {*self.sources, *reader.watched(), ADDED} - {MAIN}
        if called not in known:
            raise ToolError(
                f"There is no source {called[:80]!r}. There are: {', '.join([self.collection, *sorted(known)])}."
            )
        return called

    async def _reading(self, read: Callable[[Reader], ResultT]) -> ResultT:
        def work() -> ResultT:
            with self.file.reading() as reader:
                return read(reader)

        return await run_sync(work)


def _day(name: str, text: str) -> str:
    """Empty for an empty one. Raises ToolError."""
    day = day_named(text) if text else ""
    if day is None:
        raise ToolError(f"{name} is {text[:40]!r}, which is no date. Write it like 2026-01-31.")
    return day
