"""An index that follows its folders: what changed in one is found within two seconds."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.unit.test_search_folders import source, written
from toolservers.documents.extracted import Extracted
from toolservers.documents.opening import extract
from toolservers.search.ingestion import following
from toolservers.search.ingestion.following import Following
from toolservers.search.ingestion.ingesting import Ingestion
from toolservers.search.ingestion.report import Report
from toolservers.search.sources import Source
from toolservers.search.storage.file import IndexFile
from toolward.errors import ToolwardError


async def extracted(data: bytes, name: str) -> Extracted:
    return extract(data, name)


class Told:
    """What a Following tells, and a way to wait for it."""

    def __init__(self, index: IndexFile) -> None:
        self.index = index
        self.failures: list[str] = []
        self._news = asyncio.Event()

    def ingested(self, source: Source, report: Report) -> None:
        self._news.set()

    def failed(self, source: Source, error: ToolwardError) -> None:
        self.failures.append(error.text)
        self._news.set()

    async def until(self, true: Callable[[], bool]) -> float:
        """Seconds from now."""
        began = time.monotonic()
        while not true():
            await self._news.wait()
            self._news.clear()
        return time.monotonic() - began

    def found(self, word: str) -> set[str]:
        """Ids of the documents that have it, by the index of words."""
        with self.index.reading() as reader:
            rows = reader.connection.execute(
                "SELECT d.id FROM words JOIN passages p ON p.key = words.rowid "
                "JOIN documents d ON d.key = p.document WHERE words MATCH ?",
                (word,),
            )
            return {row[0] for row in rows}


@asynccontextmanager
async def followed(tmp_path: Path, *sources: Source) -> AsyncGenerator[Told]:
    index = IndexFile(tmp_path / "index.db")
    told = Told(index)
    task = asyncio.create_task(Following(sources, Ingestion(index, extracted), told).run())
    try:
        yield told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        index.close()


@pytest.mark.anyio
async def test_a_changed_file_is_found_within_two_seconds(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    written(docs, "a.md", "deep/b.md")
    async with followed(tmp_path, source(docs)) as told:
        await told.until(lambda: told.found("says") == {"a", "deep/b"})
        (docs / "a.md").write_text("Marmalade is sold by weight.")
        took = [await told.until(lambda: told.found("marmalade") == {"a"})]
        (docs / "a.md").rename(docs / "deep/c.md")
        took.append(await told.until(lambda: told.found("marmalade") == {"deep/c"}))
        (docs / "deep").rename(docs / "lower")
        took.append(await told.until(lambda: told.found("marmalade") == {"lower/c"} == told.found("weight")))
        (docs / "lower/c.md").unlink()
        took.append(await told.until(lambda: not told.found("marmalade")))
        assert sorted(took)[len(took) // 2] < 2.0, took


@pytest.mark.anyio
async def test_what_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is not there yet does not keep others waiting, and is found when it comes."""
    monkeypatch.setattr(following, "RETRY", 0.05)
    written(tmp_path / "docs", "a.md")
    async with followed(
        tmp_path, source(tmp_path / "later", name="later"), source(tmp_path / "docs")
    ) as told:
        await told.until(lambda: told.found("says") == {"a"} and bool(told.failures))
        assert "cannot be read: No such file or directory" in told.failures[0]
        written(tmp_path / "later", "b.md")
        await told.until(lambda: told.found("says") == {"a", "later:b"})
