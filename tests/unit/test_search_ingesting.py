"""A folder becomes documents, and the index goes on following it: real files, the real extraction."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from anyio.to_thread import run_sync

from tests.unit.search_documents import found, require_whole
from toolservers.documents.extracted import Extracted
from toolservers.documents.opening import extract
from toolservers.documents.unreadable import Unreadable
from toolservers.search.ingestion.ingesting import Ingestion
from toolservers.search.ingestion.report import Progress, Report
from toolservers.search.ingestion.scanning import Folder
from toolservers.search.sources import Source
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.records import DocumentRow
from toolward.errors import Unavailable

SECOND = 1_000_000_000
BOILS = "# Kettle\n\nThe kettle boils a litre in three minutes.\n"


class Desk:
    """A folder, its index, and what of it was taken apart."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "documents"
        self.root.mkdir()
        self.index = IndexFile(folder / "index.db")
        self.folder = Folder(Source("", self.root, "fernhill"))
        self.ingestion = Ingestion(self.index, self._extract)
        self.extracted: list[str] = []
        self.fail: Callable[[str], None] = lambda path: None
        self._clock = 1_700_000_000

    async def _extract(self, data: bytes, name: str) -> Extracted:
        self.extracted.append(name)
        self.fail(name)
        return await run_sync(extract, data, name)

    def write(self, path: str, text: str | bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        self._clock += 1
        os.utime(target, ns=(self._clock * SECOND, self._clock * SECOND + 1))

    async def run(self, *paths: str, again: bool = False) -> Report:
        self.extracted.clear()
        return await self.ingestion.run(self.folder, paths or ("",), again=again)

    def rows(self) -> dict[str, DocumentRow]:
        with self.index.reading() as reader:
            return {row.id: row for row in reader.documents()}

    def found(self, word: str) -> list[str]:
        with self.index.reading() as reader:
            return found(reader, word)

    def passages(self, identifier: str) -> list[int]:
        with self.index.reading() as reader:
            return [passage.key for passage in reader.passages_of(self.rows()[identifier].key)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk, None]:
    opened = Desk(tmp_path)
    yield opened
    require_whole(opened.index)
    opened.folder.close()
    opened.index.close()


async def test_a_folder_becomes_documents(desk: Desk) -> None:
    desk.write("kettle.md", "---\nupdated: 2026-02-03\ncategory: manuals\n---\n" + BOILS)
    desk.write("notes/plan b.txt", "Ring the bell. 漢字")
    desk.write("empty.txt", "")
    desk.write("vast.csv", "")
    os.truncate(desk.root / "vast.csv", 500_000_000)
    report = await desk.run()
    rows = desk.rows()
    assert (report.counts.added, report.counts.refused, report.coverage.documents) == (2, 2, 2)
    refused = [(problem.path, problem.why) for problem in report.coverage.problems]
    assert refused == [("empty.txt", "no_text"), ("vast.csv", "too_large")]
    kettle, plan = rows["kettle"], rows["notes/plan b.txt"]
    assert (kettle.title, kettle.url, kettle.updated) == ("Kettle", "kb://fernhill/kettle", "2026-02-03")
    assert kettle.metadata["category"] == "manuals"
    assert (plan.title, plan.url) == ("plan b.txt", "kb://fernhill/notes/plan%20b.txt")
    assert plan.updated.startswith("2023-11-14T22:13:")
    assert desk.found("litre") == ["kettle"]


async def test_only_what_changed_is_taken_apart_again(desk: Desk) -> None:
    for name in ("a.md", "b.md", "c.md", "d.md"):
        desk.write(name, f"# Of {name}\n\nsame")
    desk.write("bad.txt", "")
    await desk.run()
    desk.write("b.md", "# Of b\n\nanother")  # other bytes
    desk.write("c.md", "# Of c.md\n\nsame")  # the same bytes at another time
    (desk.root / "d.md").unlink()
    report = await desk.run()
    counts = report.counts
    assert desk.extracted == ["b.md"]
    assert (counts.changed, counts.unchanged, counts.removed, counts.refused) == (1, 2, 1, 1)
    assert (desk.found("another"), desk.found("same")) == (["b"], ["a", "c"])
    await desk.run()
    assert desk.extracted == []
    await desk.run(again=True)
    assert sorted(desk.extracted) == ["a.md", "b.md", "bad.txt", "c.md"]


async def test_a_rename_keeps_the_passages_even_over_another_file(desk: Desk) -> None:
    desk.write("old.txt", "Ring the bell.")
    desk.write("b.txt", "Something else.")
    desk.write("dir/c.txt", "Third.")
    await desk.run()
    passages = desk.passages("old.txt")
    (desk.root / "old.txt").rename(desk.root / "b.txt")
    (desk.root / "dir").rename(desk.root / "folder")
    report = await desk.run()
    assert (report.counts.renamed, report.counts.removed, desk.extracted) == (2, 0, [])
    assert desk.passages("b.txt") == passages
    assert (list(desk.rows()), desk.rows()["b.txt"].title) == (["b.txt", "folder/c.txt"], "b.txt")
    assert (desk.found("old"), desk.found("bell")) == ([], ["b.txt"])


async def test_passages_that_say_what_they_said_keep_their_vectors(desk: Desk) -> None:
    parts = [f"## Part {number}\n\nWhat part {number} says.\n\n" for number in range(5)]
    desk.write("manual.md", "# Manual\n\nIntroduction.\n\n" + "".join(parts))
    await desk.run()
    with desk.index.writing() as writer:
        model = writer.build_model("model", 8)
        writer.put_vectors(model, [(key, b"%016d" % key, b"c") for key in desk.passages("manual")])
    before = desk.passages("manual")
    parts[2] = "## Part 2\n\nSomething new.\n\n"
    desk.write("manual.md", "# Manual\n\nIntroduction.\n\n" + "".join(parts))
    desk.write("same.md", "# Manual\n\nIntroduction.\n\n" + "".join(parts))
    await desk.run()
    for identifier in ("manual", "same"):
        after = desk.passages(identifier)
        with desk.index.reading() as reader:
            missing = [row.key for row in reader.without_vector(model, 99)]
            vectors = reader.vectors(model, after)
        assert set(missing) & set(after) == {after[3]}
        assert [vectors.get(key, b"") for key in after] == [
            b"" if number == 3 else b"%016d" % key for number, key in enumerate(before)
        ]


async def test_only_the_paths_that_are_told_are_looked_at(desk: Desk) -> None:
    for path in ("one/a.md", "one/b.md", "two/c.md"):
        desk.write(path, BOILS + path)
    await desk.run()
    desk.write("one/a.md", "changed")
    desk.write("two/c.md", "changed, and not told")
    (desk.root / "one/b.md").unlink()
    report = await desk.run("one/a.md", "one/b.md")
    assert (desk.extracted, report.counts.removed) == (["one/a.md"], 1)
    assert list(desk.rows()) == ["one/a", "two/c"]


async def test_of_two_files_with_one_id_the_second_waits_until_it_is_free(desk: Desk) -> None:
    desk.write("a.md", "first")
    await desk.run()
    desk.write("a", "second")
    for _ in range(2):
        report = await desk.run()
        (problem,) = report.coverage.problems
        assert (problem.path, problem.why) == ("a", "same_id")
        assert "the file a.md is that already" in problem.message
        assert desk.found("first") == ["a"]
    assert desk.extracted == []
    (desk.root / "a.md").unlink()
    report = await desk.run()
    assert (report.coverage.problems, desk.found("second"), desk.found("first")) == ((), ["a"], [])


async def test_what_became_unreadable_is_served_no_more_and_comes_back(desk: Desk) -> None:
    desk.write("a.txt", "Ring the bell.")
    await desk.run()
    desk.write("a.txt", b"")
    report = await desk.run()
    assert (report.counts.removed, report.counts.refused, desk.found("bell")) == (1, 1, [])
    desk.write("a.txt", "Ring it again.")
    report = await desk.run()
    assert (report.counts.added, report.coverage.problems) == (1, ())
    desk.write("a.txt", b"")
    await desk.run()
    (desk.root / "a.txt").unlink()
    assert (await desk.run()).coverage.problems == ()


async def test_what_is_left_out_of_a_file_is_reported(desk: Desk) -> None:
    async def half(data: bytes, name: str) -> Extracted:
        return Extracted(data.decode(), "pdf", left_out=("Page 2 is an image without text.",), share=0.5)

    desk.write("scan.pdf", "x" * 100)
    report = await Ingestion(desk.index, half).run(desk.folder)
    assert report.coverage.share == 0.5
    (partial,) = report.coverage.partial
    assert (partial.id, partial.left_out) == ("scan.pdf", ("Page 2 is an image without text.",))


async def test_one_bad_file_ends_nothing_and_a_failure_of_the_rest_keeps_what_is_done(desk: Desk) -> None:
    for number in range(8):
        desk.write(f"{number}.txt", f"number {number}")

    def fail(path: str) -> None:
        if path == "2.txt":
            raise Unreadable("damaged", "It is damaged.")
        if path == "6.txt":
            raise Unavailable("The worker cannot be started.")

    desk.fail = fail
    with pytest.raises(Unavailable, match="worker"):
        await desk.run()
    assert set(desk.rows()) == {f"{number}.txt" for number in (0, 1, 3, 4, 5)}
    desk.fail = lambda path: None
    report = await desk.run()
    assert report.coverage.documents == 7
    assert [problem.why for problem in report.coverage.problems] == ["damaged"]


async def test_a_full_disk_ends_the_run_and_the_next_goes_on(desk: Desk) -> None:
    desk.write("a.txt", "Ring the bell.")
    await desk.run()
    desk.write("a.txt", "Ring it again.")
    desk.write("b.txt", "\n\n".join(f"Line {number} of a long document." for number in range(2000)))
    with desk.index.writing() as writer:
        writer.connection.pragma("max_page_count", writer.connection.pragma("page_count") + 10)
    with pytest.raises(Unavailable, match="full"):
        await desk.run()
    assert (list(desk.rows()), desk.found("bell")) == (["a.txt"], ["a.txt"])
    require_whole(desk.index)
    with desk.index.writing() as writer:
        writer.connection.pragma("max_page_count", 100_000)
    report = await desk.run()
    assert (report.counts.changed, report.counts.added) == (1, 1)


async def test_a_cancelled_run_leaves_whole_documents(desk: Desk) -> None:
    begun = asyncio.Event()

    def fail(path: str) -> None:
        if path == "5.txt":
            begun.set()

    for number in range(9):
        desk.write(f"{number}.txt", f"number {number}")
    desk.fail = fail
    work = asyncio.create_task(desk.run())
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    require_whole(desk.index)
    assert (await desk.run()).coverage.documents == 9


async def test_progress_is_told_file_by_file(desk: Desk) -> None:
    for number in range(5):
        desk.write(f"{number}.txt", "x" * 10)
    told: list[Progress] = []
    await desk.ingestion.run(desk.folder, told=told.append)
    assert [(one.files, one.of_files, one.bytes, one.of_bytes) for one in told] == [
        (number, 5, 10 * number, 50) for number in range(1, 6)
    ]


async def test_a_source_goes_with_all_it_has(desk: Desk) -> None:
    desk.write("a.txt", "Ring the bell.")
    desk.write("b.txt", "")
    await desk.run()
    assert await desk.ingestion.remove("") == 1
    with desk.index.reading() as reader:
        assert (reader.ids(), reader.problems()) == ([], [])


async def test_no_change_hides_within_a_tick_of_the_clock(desk: Desk) -> None:
    """Two within one leave the same time: a file that young is read a little later."""
    path = desk.root / "a.txt"
    path.write_text("one")
    await desk.run()
    stamp = path.stat().st_mtime_ns
    path.write_text("two")
    assert path.stat().st_mtime_ns > stamp
    await desk.run()
    assert desk.found("two") == ["a.txt"]


async def test_files_may_be_of_any_year(desk: Desk) -> None:
    for path, year in (("old.txt", -(10**9)), ("new.txt", 15_000_000_000), ("empty.txt", 15_000_000_000)):
        desk.write(path, "" if path == "empty.txt" else "Ring the bell.")
        os.utime(desk.root / path, (year, year))
    for added in (2, 0):
        report = await desk.run()
        assert (report.counts.added, report.counts.refused, report.coverage.documents) == (added, 1, 2)
