"""Changes in real folders, told in time; and which of several processes on an index keeps it up to date."""

import fcntl
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.examples import examples
from tests.unit.test_search_folders import source, written
from toolservers.search.ingestion import watching
from toolservers.search.ingestion.lock import IndexLock, holder_of
from toolservers.search.ingestion.scanning import Folder
from toolservers.search.ingestion.watching import Watch
from toolservers.search.sources import Source
from toolservers.search.storage.records import MAIN
from toolward.errors import Unavailable


class Mirror:
    """What is known of the sources' files by nothing but what a watch tells."""

    def __init__(self, *sources: Source) -> None:
        self.sources = {of.name: of for of in sources}
        self.watch = Watch(sources)
        self.files: dict[str, dict[str, int]] = {of.name: {} for of in sources}
        self.told: list[watching.Changes] = []
        self._changes = self.watch.changes_here()

    def until(self, true: Callable[[], bool]) -> float:
        """Takes changes until it is so; gives the seconds. That it ends at all, the suite's timeout sees to."""
        began = time.monotonic()
        while not true():
            changes = next(self._changes)
            self.told.append(changes)
            for name, paths in changes.items():
                with suppress(Unavailable), Folder(self.sources[name]) as folder:
                    scan, known = folder.scan(paths), self.files[name]
                    for path in scan.gone(known):
                        del known[path]
                    known.update({path: seen.size for path, seen in scan.files.items()})
        return time.monotonic() - began

    def has(self, *paths: str, of: str = MAIN) -> Callable[[], bool]:
        return lambda: set(self.files[of]) == set(paths)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the times, so that the tests take a quarter of theirs."""
    monkeypatch.setattr(watching, "TOGETHER", 25)
    monkeypatch.setattr(watching, "_TICK", 60)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    written(tmp_path / "docs", "a.md", "deep/b.md")
    written(tmp_path / "more", "x.md")
    written(tmp_path / "elsewhere", "secret.md")
    (tmp_path / "docs/link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    mirror = Mirror(source(tmp_path / "docs"), source(tmp_path / "more", name="more"))
    mirror.until(lambda: mirror.has("a.md", "deep/b.md")() and mirror.has("x.md", of="more")())
    mirror.told.clear()
    yield mirror
    mirror.watch.stop()


def test_each_change_is_told_within_two_seconds(tmp_path: Path, mirror: Mirror) -> None:
    docs, more = tmp_path / "docs", tmp_path / "more"
    took: list[float] = []

    def after(*paths: str, of: str = MAIN) -> None:
        took.append(mirror.until(mirror.has(*paths, of=of)))

    (docs / "a.md").write_text("longer than it was before")
    took.append(mirror.until(lambda: mirror.files[MAIN]["a.md"] == 25))
    assert mirror.told[-1] == {MAIN: frozenset({"a.md"})}  # and not the whole source
    written(docs, ".git/config", ".a.md.tmp", "deep/c.md")
    after("a.md", "deep/b.md", "deep/c.md")
    assert mirror.told[-1] == {MAIN: frozenset({"deep/c.md"})}  # what is hidden is not even told
    (docs / "deep/c.md").rename(docs / "c.md")
    after("a.md", "c.md", "deep/b.md")
    (docs / "deep").rename(docs / "lower")
    after("a.md", "c.md", "lower/b.md")
    written(docs, "lower/new/er/d.md")  # folders that nobody watched yet
    after("a.md", "c.md", "lower/b.md", "lower/new/er/d.md")
    (docs / "lower/new/er/e.md").touch()  # and that are watched by now
    after("a.md", "c.md", "lower/b.md", "lower/new/er/d.md", "lower/new/er/e.md")
    shutil.rmtree(docs / "lower")
    (more / "x.md").unlink()
    after("a.md", "c.md")
    after(of="more")
    assert sorted(took)[len(took) // 2] < 2.0, took  # the middle one: other tests may keep the processors


def test_a_folder_that_goes_and_comes_back(tmp_path: Path, mirror: Mirror) -> None:
    docs = tmp_path / "docs"
    docs.rename(tmp_path / "away")
    (tmp_path / "more/y.md").touch()
    mirror.until(mirror.has("x.md", "y.md", of="more"))
    assert mirror.has("a.md", "deep/b.md")()  # a disk that is not mounted is no reason to forget
    written(docs, "other.md")
    mirror.until(mirror.has("other.md"))
    (docs / "one more.md").touch()
    mirror.until(mirror.has("one more.md", "other.md"))
    assert not mirror.watch.polling


def test_a_link_out_of_a_folder_is_not_watched(tmp_path: Path, mirror: Mirror) -> None:
    (tmp_path / "elsewhere/new.md").touch()
    (tmp_path / "docs/last.md").touch()
    mirror.until(mirror.has("a.md", "deep/b.md", "last.md"))
    assert mirror.told == [{MAIN: frozenset({"last.md"})}]


@pytest.mark.parametrize("why", ["there are more than 0 folders", "Too many open files (os error 24)"])
def test_without_notices_it_looks_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError(why)  # as watchfiles does where the system has no more watches to give

    monkeypatch.setattr(watching, "_AGAIN_POLLING", 0.05)
    if "open files" in why:
        monkeypatch.setattr("watchfiles.watch", refuse)
    else:
        monkeypatch.setattr(watching, "MAX_WATCHED", 0)
    written(tmp_path, "a.md")
    mirror = Mirror(source(tmp_path))
    mirror.until(mirror.has("a.md"))
    (tmp_path / "b.md").touch()
    mirror.until(mirror.has("a.md", "b.md"))
    assert why in mirror.watch.polling


def test_many_changes_are_told_as_the_whole_source(
    tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MANY", 3)
    names = [f"{number}.md" for number in range(9)]
    written(tmp_path / "docs", *names)
    mirror.until(mirror.has("a.md", "deep/b.md", *names))
    assert {MAIN: frozenset({""})} in mirror.told


def tangle(folder: Path, chance: random.Random, times: int) -> None:
    """Files and folders made, written, renamed and deleted, in any order."""
    for _ in range(times):
        below = [Path(path) for path, _, _ in os.walk(folder)]
        files = [Path(path) / name for path, _, names in os.walk(folder) for name in names]
        place, one = chance.choice(below), chance.choice(below[1:] or [folder / "none"])
        to = place / str(chance.randrange(9))
        with suppress(OSError):  # a folder into itself, a file over a folder
            match chance.randrange(7):
                case 0 | 1 | 2:
                    to.with_suffix(".md").write_text("x" * chance.randrange(1, 99))
                case 3:
                    to.mkdir()
                case 4:
                    chance.choice(files or [one]).rename(to.with_suffix(".md"))
                case 5:
                    one.rename(to)
                case _:
                    chance.choice(files or [one]).unlink()
                    shutil.rmtree(one) if chance.random() < 0.3 else None


@pytest.mark.parametrize("seed", range(examples(1)))
def test_whatever_happens_the_last_state_is_known(tmp_path: Path, mirror: Mirror, seed: int) -> None:
    docs, chance = tmp_path / "docs", random.Random(seed)
    for number in range(2):
        done = threading.Event()

        def work(done: threading.Event = done, number: int = number) -> None:
            tangle(docs, chance, 100)
            done.set()
            (docs / f"last {number}.md").touch()  # so that there is something to be told after it

        tangling = threading.Thread(target=work)
        tangling.start()
        mirror.until(done.is_set)
        tangling.join()
        with Folder(mirror.sources[MAIN]) as folder:
            last = {path: seen.size for path, seen in folder.scan().files.items()}
        mirror.until(lambda last=last: mirror.files[MAIN] == last)


@pytest.mark.anyio
async def test_a_watch_ends_when_nobody_listens(tmp_path: Path) -> None:
    before = threading.active_count()
    with anyio.move_on_after(30):
        async for changes in Watch([source(tmp_path)]).changes():
            assert changes == {MAIN: frozenset({""})}
            break
    assert threading.active_count() <= before + 1  # the one that anyio keeps for the next


@pytest.mark.anyio
async def test_one_holds_the_lock_and_the_next_takes_over(tmp_path: Path) -> None:
    index = tmp_path / "index.db"
    first, second = IndexLock(index, "serving"), IndexLock(index, "indexing")
    assert holder_of(index) is None
    with first, second:
        assert first.try_hold()
        assert first.try_hold()
        assert not second.try_hold()
        holder = holder_of(index)
        assert holder is not None
        assert (holder.pid, holder.doing) == (os.getpid(), "serving")
        async with anyio.create_task_group() as group:
            group.start_soon(second.hold)
            first.release()
        assert second.held
        second.path.unlink()  # by somebody who meant well
        assert first.try_hold()
    assert holder_of(index) is None
    (tmp_path / "index.db.lock").write_text("nonsense")
    held = os.open(tmp_path / "index.db.lock", os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        holder = holder_of(index)
        assert holder is not None
        assert holder.pid == 0
    finally:
        os.close(held)


_HOLD = """
import sys
from pathlib import Path
from toolservers.search.ingestion.lock import IndexLock
lock = IndexLock(Path(sys.argv[1]), "serving")
print(lock.try_hold(), flush=True)
sys.stdin.read()
"""


def test_a_process_that_is_killed_lets_go(tmp_path: Path) -> None:
    index = tmp_path / "index.db"
    with (
        IndexLock(index, "serving") as lock,
        subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(index)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as other,
    ):
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert not lock.try_hold()
        holder = holder_of(index)
        assert holder is not None
        assert holder.pid == other.pid
        other.kill()
        other.wait()
        assert lock.try_hold()


def test_a_lock_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be taken: No such file"):
        IndexLock(tmp_path / "missing/index.db", "serving").try_hold()
