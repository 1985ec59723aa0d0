"""An index of its own for a measurement: made in a temporary folder, used, and gone."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from anyio.to_thread import run_sync

from toolservers.documents.extractor import Extractor
from toolservers.search.embedding.catching_up import CatchingUp
from toolservers.search.embedding.port import Embedder
from toolservers.search.ingestion.following import ingested
from toolservers.search.ingestion.ingesting import Ingestion
from toolservers.search.ingestion.report import Report, Told
from toolservers.search.sources import Source
from toolservers.search.storage.file import IndexFile


class Indexed(NamedTuple):
    file: IndexFile
    reports: list[Report]
    """One for each source."""


@asynccontextmanager
async def indexed(
    sources: Sequence[Source], embedder: Embedder | None = None, told: Told | None = None
) -> AsyncGenerator[Indexed]:
    """All documents of the sources, with vectors where there is an embedder. Raises what reading the folders, the
    embedder and a full disk do."""
    with TemporaryDirectory(prefix="toolward-search-") as place:
        file = await run_sync(IndexFile, Path(place) / "index.db")
        try:
            async with Extractor.open() as extractor:
                ingestion = Ingestion(file, extractor.extract)
                reports = [await ingested(ingestion, source, told=told) for source in sources]
            if embedder is not None:
                await CatchingUp(file, embedder).catch_up()
            yield Indexed(file, reports)
        finally:
            await run_sync(file.close)
