"""`toolserver search index|watch|status`, over real folders and a real index."""

import asyncio
import io
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_search_folders import written
from toolservers.search.commands import index, status, watch
from toolservers.search.commands.asked import asked, parser
from toolservers.search.commands.progress import ProgressBar
from toolservers.search.ingestion.lock import IndexLock
from toolservers.search.ingestion.report import Progress
from toolservers.search.storage.file import IndexFile
from toolward.errors import ConfigurationError, Unavailable

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command's data, or what it says (`says=True`)."""
    monkeypatch.setenv("TOOLWARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TOOLWARD_SEARCH_EMBEDDINGS", "none")

    def running(command: Any, *arguments: object, code: int = 0, says: bool = False) -> Any:
        given = [*map(str, arguments), *([] if says else ["--json"])]
        assert command.main(given) == code
        printed = capsys.readouterr().out
        return printed if says else json.loads(printed)

    return running


def test_an_index_is_made_and_told_of(tmp_path: Path, run: Run) -> None:
    docs, more = tmp_path / "docs", tmp_path / "More Docs!"
    written(docs, "a.md", "deep/b.txt", ".env")
    written(more, "c.md")
    (docs / "program").write_bytes(b"\x7fELF\0\0\0\0")
    done = run(index, docs, more)
    assert set(done["sources"]) == {"docs", "more-docs"}
    first = done["sources"]["docs"]
    assert (first["counts"]["added"], first["counts"]["refused"]) == (2, 1)
    assert [problem["path"] for problem in first["coverage"]["problems"]] == ["program"]
    assert first["skipped"] == {"hidden or excluded": 1}
    assert run(index, docs, more)["sources"]["docs"]["counts"]["unchanged"] == 2

    (docs / "a.md").write_text("other words")
    (docs / "deep/b.txt").unlink()
    told = run(status, docs)
    assert (told["documents"], told["kept_by"]) == (3, None)
    by_name = {of["name"]: of for of in told["sources"]}
    assert (by_name["docs"]["to_read"], by_name["docs"]["to_remove"]) == (1, 1)
    assert by_name["more-docs"]["trouble"] == "Its folder is not given."
    said = run(status, docs, says=True)
    assert "files to read: 1; documents to remove: 1" in said
    assert "program: It is not text" in said

    assert run(index, docs, "--forget-others")["others"] == {"more-docs": 1}
    assert run(status, docs)["documents"] == 1
    assert "1 changed" in run(index, docs, "--again", says=True)


def test_a_file_of_sources_and_folders_that_tools_watched(tmp_path: Path, run: Run) -> None:
    written(tmp_path, "docs/a.md", "books/b.md", "roots/team/c.md", "elsewhere/d.md")
    (tmp_path / "sources.toml").write_text('watch_roots = ["roots"]\n[sources.books]\nfolder = "books"')
    arguments = (tmp_path / "docs", "--sources", tmp_path / "sources.toml", "--index", tmp_path / "team.db")
    run(index, *arguments)
    file = IndexFile(tmp_path / "team.db")
    with file.writing() as writer:
        writer.watch("team", str(tmp_path / "roots/team"))
        writer.watch("bad", str(tmp_path / "elsewhere"))
    file.close()
    done = run(index, *arguments, code=1)  # what cannot be watched any more is a failure that is seen
    assert set(done["sources"]) == {"docs", "books", "team"}
    assert "no folder" in done["failed"]["bad"]
    (tmp_path / "books").rename(tmp_path / "away")
    assert "No such file" in run(index, *arguments, code=1)["failed"]["books"]
    told = {of["name"]: of for of in run(status, *arguments)["sources"]}
    assert "cannot be read" in told["books"]["trouble"]
    assert told["books"]["coverage"]["documents"] == 1


def test_what_cannot_be_done_is_said(tmp_path: Path, run: Run) -> None:
    written(tmp_path, "docs/a.md")
    docs = tmp_path / "docs"
    with pytest.raises(ConfigurationError, match="is not a folder"):
        run(index, docs / "a.md")
    with pytest.raises(ConfigurationError, match="There is no index"):
        run(status, docs)
    assert not (tmp_path / "home").exists()  # looking made none
    with pytest.raises(ConfigurationError, match="lies in the folder"):
        run(index, docs, "--index", docs / "index.db")
    with pytest.raises(ConfigurationError, match="one lies in the other"):
        run(index, docs, tmp_path)


def test_an_index_that_is_kept_is_left_to_who_keeps_it(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "PATIENCE", 0.01)
    written(tmp_path, "docs/a.md")
    file = tmp_path / "index.db"
    with IndexLock(file, "serving") as lock:
        assert lock.try_hold()
        with pytest.raises(Unavailable, match=rf"Process {os.getpid()} \(serving\) keeps the index"):
            run(index, tmp_path / "docs", "--index", file)
        told = run(status, tmp_path / "docs", "--index", file)
        assert told["kept_by"]["pid"] == os.getpid()


@pytest.mark.anyio
async def test_watching(tmp_path: Path) -> None:
    """Says what it did, waits for its turn, stops when it is told to."""
    docs, file = tmp_path / "docs", tmp_path / "index.db"
    written(docs, "a.md")
    told: asyncio.Queue[tuple[str, str, dict[str, Any]]] = asyncio.Queue()

    def say(*said: Any) -> None:
        told.put_nowait(said)

    options = parser("watch", "", "").parse_args([str(docs), "--index", str(file), "--embeddings", "none"])
    other = IndexLock(file, "indexing")
    assert other.try_hold()
    work = asyncio.create_task(watch.until_stopped(asked(options), say))
    try:
        assert (await told.get())[2] == {"event": "waiting"}
        other.release()
        assert (await told.get())[:2] == ("docs", "1 added; 0.0 MB read; 0 not in the index")
        (docs / "b.md").write_text("new")
        _, said, data = await told.get()
        assert "1 added" in said
        assert data["report"].counts.added == 1
        docs.rename(tmp_path / "away")
        assert (await told.get())[2] == {"event": "failed"}
        (tmp_path / "away").rename(docs)
        assert "2 unchanged" in (await told.get())[1]
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
    assert (await told.get())[2] == {"event": "stopped"}
    assert IndexLock(file, "indexing").try_hold()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_progress(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "79")
    now = 0.0
    bar = ProgressBar(stream, lambda: now, about="fernhill")
    for number in range(1, 101):
        now += 0.25
        bar(Progress(f"x\x1b[2J{number}.md", number, 100, number * 1_000_000, 100_000_000))
    bar.end()
    printed = stream.getvalue()
    if stream.isatty():
        assert "\r\x1b[Kfernhill [##########..........]  50% 50/100 files 4.0 MB/s x?[2J50.md\r" in printed
        assert printed.endswith("\r\x1b[K")
    else:
        assert printed.splitlines() == [
            "fernhill  40% 40/100 files 4.0 MB/s x?[2J40.md",
            "fernhill  80% 80/100 files 4.0 MB/s x?[2J80.md",
        ]
