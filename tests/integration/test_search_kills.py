"""Kill -9 at random moments of an ingestion: the index opens, each document in it is whole, and the rest resumes.

`make chaos-search` does it 100 times and more; here are a few, from the same seed.
"""

import asyncio
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

from tests.unit.search_documents import require_whole
from toolservers.documents.extracted import Extracted
from toolservers.documents.opening import extract
from toolservers.search.ingestion.ingesting import Ingestion
from toolservers.search.ingestion.report import Report
from toolservers.search.ingestion.scanning import Folder
from toolservers.search.sources import Source
from toolservers.search.storage.file import IndexFile

KILLS = int(os.environ.get("TOOLWARD_KILLS", "4"))
SEED = int(os.environ.get("TOOLWARD_SEED", "20261126"))
_STEPS = 50  # SQLite's, between two moments at which a kill may come


class Library:
    """A folder that is changed between the lives of its ingestion."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.root = folder / "documents"
        self.root.mkdir()
        self.path = folder / "index.db"
        self.texts: set[str] = set()
        self._chance = chance
        self._number = 0
        for _ in range(12):
            self._write(self._new_name())

    def change(self) -> None:
        files = sorted(self.root.iterdir())
        for path in self._chance.sample(files, min(5, len(files))):
            match self._chance.choice(("write", "rename", "delete", "delete", "copy", "new", "new")):
                case "write":
                    self._write(path.name)
                case "rename":
                    path.rename(self.root / self._new_name())
                case "delete":
                    path.unlink()
                case "copy":
                    (self.root / self._new_name()).write_bytes(path.read_bytes())
                case _:
                    self._write(self._new_name())

    async def ingest(
        self, armed: Callable[[IndexFile], None] | None = None, path: Path | None = None
    ) -> Report:
        index = IndexFile(path or self.path)
        try:
            if armed is not None:
                armed(index)
            with Folder(Source("", self.root, "fernhill")) as folder:
                return await Ingestion(index, _extracted).run(folder)
        finally:
            index.close()

    def served(self, path: Path | None = None) -> dict[str, tuple[str, str]]:
        """What an index has: the title and text of each document."""
        index = IndexFile(path or self.path)
        try:
            require_whole(index)
            with index.reading() as reader:
                return {row.id: (row.title, reader.text(row.key)) for row in reader.documents()}
        finally:
            index.close()

    def _new_name(self) -> str:
        self._number += 1
        return f"{self._number:04}.txt"

    def _write(self, name: str) -> None:
        self._number += 1
        lines = self._chance.choice((3, 30, 300))
        text = "\n".join(f"Line {line} of version {self._number} of {name}." for line in range(lines))
        self.texts.add(text)
        (self.root / name).write_text(text)
        stamp = 10**18 + self._number  # not so young that the ingestion waits
        os.utime(self.root / name, ns=(stamp, stamp))


def test_no_kill_leaves_half_a_document_and_the_rest_resumes(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    library = Library(tmp_path, chance)
    kills = lives = 0
    last = 300  # how many moments a life may have: a little more than the longest yet
    while kills < KILLS:
        lives += 1
        assert lives < 3 * KILLS + 10
        at = chance.randrange(1, last)
        if _killed(library, at):
            kills += 1
            last = min(2 * last, 20_000)
        else:
            last = max(at, 50)
        assert {text for _, text in library.served().values()} <= library.texts
        library.change()

    report = asyncio.run(library.ingest())
    fresh = tmp_path / "fresh.db"
    asyncio.run(library.ingest(path=fresh))
    print(f"\n{kills} kills in {lives} lives; the last run: {report.counts}")
    assert library.served() == library.served(fresh)
    assert len(library.served()) == len(list(library.root.iterdir()))


async def _extracted(data: bytes, name: str) -> Extracted:
    return extract(data, name)


def _killed(library: Library, at: int) -> bool:
    """One life of an ingestion, which ends at that moment, or when it has done all."""

    def armed(index: IndexFile) -> None:
        left = at

        def step() -> bool:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return False

        with index.writing() as writer:  # the connection of all that this life writes
            writer.connection.set_progress_handler(step, _STEPS)

    child = os.fork()
    if not child:
        status = 1
        try:
            asyncio.run(library.ingest(armed))
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0
