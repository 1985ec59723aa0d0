"""What the tools work on: the index, open, with what keeps it up to date and what searches it."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from anyio.to_thread import run_sync

from toolservers.search import adding, fetching
from toolservers.search.answers import (
    Added,
    Deleted,
    Document,
    Hit,
    Listing,
    Locator,
    NewText,
    SearchResults,
    Status,
    Watched,
)
from toolservers.search.embedding.choosing import EmbeddingSettings, chosen, named
from toolservers.search.references import referred
from toolservers.search.retrieval.by_meaning import Meaning
from toolservers.search.retrieval.query import Filters
from toolservers.search.retrieval.reranking import RerankerEndpoint
from toolservers.search.retrieval.searching import Asked, Result, Searching
from toolservers.search.retrieval.written import day_named, format_named
from toolservers.search.settings import Settings
from toolservers.search.sources_file import Sources, given, require_index_outside
from toolservers.search.status import status
from toolservers.search.storage.file import IndexFile, connect
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import ADDED, MAIN
from toolservers.search.storage.writing import Writer
from toolservers.search.upkeep import Upkeep
from toolward.errors import ConfigurationError, NotFound, ToolError
from toolward.kit.effects import Effects, Transaction
from toolward.kit.effects.sqlite_store import SqliteStore
from toolward.types import ResourceBody

ResultT = TypeVar("ResultT")


class KnowledgeBase:
    def __init__(
        self, file: IndexFile, sources: Sources, upkeep: Upkeep, searching: Searching, without_meaning: str
    ) -> None:
        """`without_meaning` says why nothing is searched by meaning; empty where it is."""
        self.file = file
        self.sources = sources
        self.upkeep = upkeep
        self.collection = sources[MAIN].collection
        self._searching = searching
        self._without_meaning = without_meaning

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> "AsyncGenerator[KnowledgeBase]":
        """Raises ConfigurationError, Unavailable. It waits for no document to be read."""
        embedding = EmbeddingSettings.of(settings)
        embedder, without = chosen(embedding)
        reranker = _reranker(settings)
        sources = await run_sync(_sources, settings)
        file = await run_sync(_opened, settings.index_file.absolute(), sources)
        meaning = Meaning(file, embedder, without, partial(named, settings=embedding))
        searching = Searching(file, meaning, main=sources[MAIN].collection, reranker=reranker)
        upkeep = Upkeep(file, sources, embedder)
        try:
            async with upkeep.running():
                yield cls(file, sources, upkeep, searching, without)
        finally:
            await meaning.close()
            if reranker is not None:
                await reranker.close()
            await run_sync(file.close)

    def effects(self) -> Effects[Any]:
        """Keys of calls stand in the index itself: what a call changes and its key are written together."""
        return Effects(SqliteStore(partial(connect, self.file.path), self.file.path))

    # --- what is asked

    def narrowed(
        self, types: Sequence[str], sources: Sequence[str], after: str, before: str, metadata: dict[str, str]
    ) -> Filters:
        """A search's arguments. Raises ToolError for what is no date."""
        return Filters(
            sources=tuple(MAIN if name == self.collection else name for name in sources),
            formats=tuple(map(format_named, types)),
            after=_day("after", after),
            before=_day("before", before),
            metadata=tuple((key.casefold(), value) for key, value in metadata.items()),
        )

    async def search(self, query: str, filters: Filters, limit: int, cursor: str) -> SearchResults:
        """Raises ToolError for a cursor of something else."""
        found = await self._searching.search(Asked(query, filters, limit, cursor))
        note = " ".join(filter(None, (self.upkeep.unready, found.note)))
        return SearchResults([_hit(one) for one in found.results], note, found.next_cursor)

    async def fetch(self, asked: str, start: int, end: int | None) -> Document:
        """`asked` is an id or address, perhaps with a range; `start` and `end` go before that. Raises ToolError."""
        reference = referred(asked, self.collection)

        def read(reader: Reader) -> Document:
            row = fetching.found(reader, reference, asked)
            if row is None:
                raise ToolError(fetching.missing(reader, reference))
            last = reference.end if end is None else end
            folder = self._folder(row.source, reader)
            return fetching.window(reader, row, start or reference.start or 0, last, folder)

        return await self._reading(read)

    async def resource(self, source: str, path: str) -> ResourceBody:
        """Raises NotFound, ToolError."""
        await self.upkeep.ready()
        asked = path if source == self.collection else f"{source}:{path}"
        reference = referred(asked, self.collection)

        def read(reader: Reader) -> ResourceBody:
            row = fetching.found(reader, reference, asked)
            if row is None:
                raise NotFound(fetching.missing(reader, reference))
            return fetching.whole(reader, row, reference)

        return await self._reading(read)

    async def list_documents(self, source: str | None, cursor: str, limit: int) -> Listing:
        """`source` as the status calls it. Raises ToolError for one that there is not."""

        def read(reader: Reader) -> Listing:
            name = None if source is None else self._source_named(source, reader)
            return fetching.listing(reader, name, cursor, limit)

        return await self._reading(read)

    async def status(self) -> Status:
        indexing = await self.upkeep.said()

        def read(reader: Reader) -> Status:
            return status(reader, self.sources, self.upkeep, indexing=indexing, meaning=self._without_meaning)

        return await self._reading(read)

    # --- what is changed

    async def add_documents(self, tx: Transaction[Any], texts: Sequence[NewText]) -> Added:
        """Raises ToolError."""
        done = await tx.run(adding.added, texts, self.collection)
        self.upkeep.look()
        return done

    async def delete_documents(self, tx: Transaction[Any], ids: Sequence[str], *, dry_run: bool) -> Deleted:
        """Raises ToolError."""
        return await tx.run(adding.deleted, ids, self.collection, dry_run=dry_run)

    async def watch_folder(self, tx: Transaction[Any], folder: str, name: str, *, stop: bool) -> Watched:
        """Raises ToolError for a folder that the operator does not allow, or a name that is taken."""
        done = await tx.run(self._unwatched if stop else self._watched, folder, name)
        self.upkeep.look()
        return done

    def _watched(self, connection: Any, folder: str, name: str) -> Watched:
        writer = Writer(connection)
        others, _ = self.sources.again(writer.watched())
        source = self.sources.watched(name, folder, others)
        writer.watch(name, str(source.folder))
        documents, _ = writer.by_source().get(name, (0, 0))
        return Watched(
            name, documents, f"Its documents are read now, as {name}:PATH; `get_index_status` says how far."
        )

    def _unwatched(self, connection: Any, folder: str, name: str) -> Watched:
        writer = Writer(connection)
        if writer.watched().get(name) is None:
            known = ", ".join(writer.watched()) or "none"
            raise ToolError(f"No folder is watched as {name[:40]!r}. There are: {known}.")
        writer.unwatch(name)
        keys = [row.key for row in writer.documents(source=name)]
        writer.delete(keys)
        writer.finish()
        return Watched(name, 0, f"No longer watched; {len(keys):,} documents were taken out of the index.")

    # --- inside

    def _folder(self, source: str, reader: Reader) -> Path | None:
        if source in self.sources:
            return self.sources[source].folder
        folder = reader.watched().get(source)
        return Path(folder) if folder else None

    def _source_named(self, called: str, reader: Reader) -> str:
        if called == self.collection:
            return MAIN
        known = {*self.sources, *reader.by_source(), *reader.watched(), ADDED} - {MAIN}
        if called not in known:
            names = ", ".join([self.collection, *sorted(known)])
            raise ToolError(f"There is no source {called[:80]!r}. There are: {names}.")
        return called

    async def _reading(self, read: Callable[[Reader], ResultT]) -> ResultT:
        def work() -> ResultT:
            with self.file.reading() as reader:
                return read(reader)

        return await run_sync(work)


def _reranker(settings: Settings) -> RerankerEndpoint | None:
    """Raises ConfigurationError."""
    if not settings.reranker:
        return None
    return RerankerEndpoint(
        settings.reranker,
        settings.reranker_model,
        key=settings.reranker_key,
        networks=settings.reranker_networks,
    )


def _sources(settings: Settings) -> Sources:
    """Raises ConfigurationError."""
    folder = settings.folder.expanduser()
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is not a folder.", hint="Give --folder a folder of documents.")
    file = Path(settings.sources).expanduser() if settings.sources else None
    return given(folder, settings.collection_name, file)


def _opened(index: Path, sources: Sources) -> IndexFile:
    """Raises ConfigurationError, Unavailable."""
    require_index_outside(index, list(sources.values()))
    file = IndexFile(index)
    try:
        with file.writing() as writer:
            writer.readdress(MAIN, sources[MAIN].collection)
    except BaseException:
        file.close()
        raise
    return file


def _hit(one: Result) -> Hit:
    passage = one.passage
    return Hit(
        id=one.document.id,
        title=one.document.title,
        url=one.document.url,
        snippet=one.snippet,
        score=one.score,
        locator=Locator(passage.start, passage.end, passage.page, passage.heading),
        format=one.document.format,
        updated=one.document.updated,
        status=one.document.metadata.get("status", "")[:100],
        also=list(one.same),
    )


def _day(name: str, text: str) -> str:
    """Empty for an empty one. Raises ToolError."""
    day = day_named(text) if text else ""
    if day is None:
        raise ToolError(f"{name} is {text[:40]!r}, which is no date. Write it like 2026-01-31.")
    return day
