"""Documents read in processes apart, as real processes: what they bear, and that a bad file hurts no other."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from tests.written_documents import pdf, shown
from toolservers.documents import apart, opening
from toolservers.documents.extractor import IN_PROCESS, Extractor
from toolservers.documents.unreadable import Unreadable
from toolservers.workers.pool import Pool

PAGE = b"<h1>Care</h1><p>Descale it."


@asynccontextmanager
async def failing(seconds: float = 20.0) -> AsyncGenerator[Extractor]:
    work = apart.work(1)
    limits = structs.replace(work.limits, call_seconds=seconds)
    async with Extractor.open(
        work=replace(work, table="tests.servers.failing_documents", limits=limits)
    ) as extractor:
        yield extractor


async def test_what_comes_back_is_what_was_read_there() -> None:
    manual = pdf([shown("Kettle"), shown("Care")], outline=[("Care", 1)], info="/Author (Ann)")
    large = "für ".encode() * (IN_PROCESS // 4)
    async with Extractor.open(at_once=2) as extractor:
        documents = [(manual, "a.pdf"), (PAGE, "a.html"), (large, "a.txt"), (b"small", "a.txt")]
        found = await asyncio.gather(*(extractor.extract(data, name) for data, name in documents))
        assert found == [opening.extract(data, name) for data, name in documents]
        with pytest.raises(Unreadable, match="damaged") as told:
            await extractor.extract(b"%PDF-1.7", "a.pdf")
        assert told.value.why == "damaged"


@pytest.mark.parametrize(
    ("name", "why", "said"),
    [
        ("hangs.html", "too_slow", r"longer than 0\.5 s.*Split the document"),
        ("grows.html", "too_dense", "1024 MB of memory"),
        ("crashes.html", "damaged", "save it once more"),
        ("fails.html", "damaged", "save it once more"),
    ],
)
async def test_one_over_which_the_reader_fails_is_refused_and_the_next_is_read(
    name: str, why: str, said: str
) -> None:
    async with failing(0.5 if name == "hangs.html" else 20.0) as extractor:
        with pytest.raises(Unreadable, match=said) as told:
            await extractor.extract(PAGE, name)
        assert told.value.why == why
        assert "inner secret" not in str(told.value)
        assert (await extractor.extract(PAGE, "good.html")).text == "Care\n\nDescale it."


async def test_processes_start_when_they_are_needed_and_end_when_they_are_not() -> None:
    work = apart.work(1)
    work = replace(work, limits=structs.replace(work.limits, idle_seconds=0.05))
    async with Pool(work).running() as pool:
        for _ in range(2):
            await until(lambda: not pool.pids)
            found = await pool.call("extract", {"name": "a.html"}, apart.Outcome, attached=PAGE)
            assert found.result().headings[0].title == "Care"


async def until(true: Callable[[], bool]) -> None:
    """What another process does is seen by looking."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.01)


async def test_paths_are_opened_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Care")
    (tmp_path / "link.md").symlink_to("a.md")
    os.mkfifo(tmp_path / "pipe.md")
    with (tmp_path / "large.pdf").open("wb") as large:
        large.truncate(500_000_000)
    expected = {
        "gone.md": "gone",
        "link.md": "denied",
        "pipe.md": "denied",
        ".": "denied",
        "large.pdf": "too_large",
    }
    async with Extractor.open() as extractor:
        assert (await extractor.extract(tmp_path / "a.md", "a.md")).headings[0].title == "Care"
        for name, why in expected.items():
            with pytest.raises(Unreadable) as told:
                await extractor.extract(tmp_path / name, name)
            assert told.value.why == why
            assert str(tmp_path) not in str(told.value)
