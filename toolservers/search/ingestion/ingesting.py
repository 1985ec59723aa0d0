"""The pipeline: files are scanned, read, taken apart, cut, compared and written, in the order of their paths.

Whatever ends it, power cut or full disk, each document is in the index whole or not at all, and the next run goes
on where this one was: a file that is as the index knows it is not read again.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from anyio.to_thread import run_sync

from toolservers.documents import opening
from toolservers.documents.extracted import Extracted
from toolservers.documents.unreadable import Unreadable
from toolservers.search.ingestion.duplicates import placed
from toolservers.search.ingestion.planning import Plan, planned
from toolservers.search.ingestion.preparing import of_file, title_of
from toolservers.search.ingestion.report import Counts, Progress, Report, Told, coverage_of
from toolservers.search.ingestion.scanning import Folder, Scan
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.records import FileFacts, NewDocument, Problem
from toolservers.search.storage.writing import Writer
from toolward.errors import Conflict, ToolwardError

Extract = Callable[[bytes, str], Awaitable[Extracted]]
"""(bytes, the file's path) to text. Raises Unreadable."""

AHEAD = 3
"""Files that are read and taken apart while the one before is written."""

_MOST = 64  # documents in one transaction
_MOST_CHARACTERS = 1_000_000
_PAUSE = 0.3  # seconds that a document waits for others at most
_TICK_NS = 20_000_000  # how exact a file's time is: two changes within it may leave one
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Same:
    """Its bytes are those that are indexed."""

    file: FileFacts


@dataclass(frozen=True, slots=True)
class _Moved:
    file: FileFacts
    former: str


@dataclass(frozen=True, slots=True)
class _New:
    document: NewDocument
    file: FileFacts


@dataclass(frozen=True, slots=True)
class _Refused:
    problem: Problem


_Outcome = _Same | _Moved | _New | _Refused


class _Batch:
    """What goes into one transaction: a few documents cost hardly more in one than one does."""

    def __init__(self) -> None:
        self._outcomes: list[_Outcome] = []
        self._characters = 0
        self._begun = 0.0

    def add(self, outcome: _Outcome) -> None:
        self._begun = self._begun if self._outcomes else time.monotonic()
        self._outcomes.append(outcome)
        self._characters += len(outcome.document.text) if isinstance(outcome, _New) else 0

    def is_due(self) -> bool:
        return (
            len(self._outcomes) >= _MOST
            or self._characters >= _MOST_CHARACTERS
            or (bool(self._outcomes) and time.monotonic() - self._begun >= _PAUSE)
        )

    def taken(self) -> list[_Outcome]:
        """What is in it; it is empty then."""
        taken, self._outcomes, self._characters = self._outcomes, [], 0
        return taken


class Ingestion:
    """One at a time writes to an index (`lock.py`). Runs of one Ingestion come one after another."""

    def __init__(self, index: IndexFile, extract: Extract, *, ahead: int = AHEAD) -> None:
        self._index = index
        self._extract = extract
        self._ahead = ahead
        self._running = asyncio.Lock()

    async def run(
        self, folder: Folder, paths: Iterable[str] = ("",), *, again: bool = False, told: Told | None = None
    ) -> Report:
        """Makes the index follow the folder, or what lies at and below `paths` of it. `again`: unchanged files are
        read, too.

        A file that gives no text is a problem in the report, and no longer in the index. Raises Unavailable,
        ConfigurationError for the index or the folder; what has been written until then stays."""
        async with self._running:
            began = time.monotonic()
            scan = await run_sync(folder.scan, tuple(paths))
            plan = await run_sync(self._plan, folder, scan, again)
            run = _Run(self._index, folder, plan, Counts(unchanged=plan.unchanged, refused=plan.refused))
            await run_sync(run.forget, plan.surely_gone(scan))
            await self._work(run, scan, again, told)
            await run_sync(run.finish)
            return await run_sync(self._report, run, scan, began)

    async def remove(self, source: str) -> int:
        """Takes a source's documents and problems out of the index; gives how many documents."""
        async with self._running:
            return await run_sync(_remove, self._index, source)

    def _plan(self, folder: Folder, scan: Scan, again: bool) -> Plan:
        with self._index.reading() as reader:
            return planned(reader, folder.source, scan, again)

    def _report(self, run: "_Run", scan: Scan, began: float) -> Report:
        name = run.folder.source.name
        with self._index.reading() as reader:
            coverage = coverage_of(reader, name)
        return Report(name, run.counts, time.monotonic() - began, coverage, dict(scan.skipped))

    async def _work(self, run: "_Run", scan: Scan, again: bool, told: Told | None) -> None:
        files, size, of_bytes = 0, 0, sum(scan.files[path].size for path in run.plan.todo)
        batch = _Batch()
        try:
            async with aclosing(self._outcomes(run, scan, again)) as outcomes:
                async for path, outcome in outcomes:
                    if outcome is not None:
                        batch.add(outcome)
                        files, size = files + 1, size + scan.files[path].size
                        if told is not None:
                            told(Progress(path, files, len(run.plan.todo), size, of_bytes))
                    if outcome is None or batch.is_due():
                        await run_sync(run.write, batch.taken())
        except ToolwardError:
            await run_sync(run.write, batch.taken())  # none where it was the writing that failed
            raise
        await run_sync(run.write, batch.taken())

    async def _outcomes(
        self, run: "_Run", scan: Scan, again: bool
    ) -> AsyncGenerator[tuple[str, _Outcome | None]]:
        """In the order of the plan; some are made ahead. None: the next one takes its time."""
        waiting: deque[tuple[str, asyncio.Task[_Outcome]]] = deque()
        rest = iter(run.plan.todo)
        try:
            while True:
                while len(waiting) < self._ahead and (path := next(rest, None)) is not None:
                    work = asyncio.create_task(
                        self._outcome(run, path, scan, again), name="reading a document"
                    )
                    waiting.append((path, work))
                if not waiting:
                    return
                path, task = waiting[0]
                await asyncio.wait({task}, timeout=_PAUSE)
                if not task.done():
                    yield path, None
                outcome = await task
                waiting.popleft()
                yield path, outcome
        finally:
            for _, task in waiting:
                task.cancel()
            for _, task in waiting:
                with suppress(asyncio.CancelledError, Exception):
                    await task

    async def _outcome(self, run: "_Run", path: str, scan: Scan, again: bool) -> _Outcome:
        seen = scan.files[path]
        file = FileFacts(path, seen.size, seen.mtime_ns, "")
        try:
            data, file = await self._read(run.folder, path, seen.mtime_ns)
            known = run.plan.known.get(path)
            if known is not None and known[1].digest == file.digest and not again:
                return _Same(file)
            former = None if again else run.plan.moved_from(file.digest)
            if former is not None:
                return _Moved(file, former)
            extracted = await self._extract(data, path)
            run.counts.bytes += len(data)
        except Unreadable as error:
            name = run.folder.source.name
            return _Refused(Problem(name, path, file.size, file.mtime_ns, error.why, str(error)))
        return _New(await run_sync(of_file, run.folder.source, file, extracted), file)

    async def _read(self, folder: Folder, path: str, mtime_ns: int) -> tuple[bytes, FileFacts]:
        """Not while another change could leave the file's size and time as they are."""
        tries = 0
        while True:
            age = time.time_ns() - mtime_ns
            exact = _TICK_NS if mtime_ns % _SECOND_NS else 2 * _SECOND_NS
            if 0 <= age < exact:
                await asyncio.sleep((exact - age) / _SECOND_NS)
            data, file = await run_sync(folder.read, path, opening.LARGEST)
            tries += 1
            if file.mtime_ns == mtime_ns or tries == 3:
                return data, file
            mtime_ns = file.mtime_ns


class _Run:
    """What one run writes. Blocking."""

    def __init__(self, index: IndexFile, folder: Folder, plan: Plan, counts: Counts) -> None:
        self.folder = folder
        self.plan = plan
        self.counts = counts
        self._index = index

    def forget(self, paths: Sequence[str]) -> None:
        """Files that are gone."""
        for at in range(0, len(paths), _MOST):
            with self._index.writing() as writer:
                for path in paths[at : at + _MOST]:
                    self._drop(writer, path)

    def finish(self) -> None:
        self.forget(list(self.plan.gone))
        source = self.folder.source.name
        if self.plan.over or self.plan.problems:
            with self._index.writing() as writer:
                for path in self.plan.over:
                    writer.forget_problem(source, path)
                for problem in self.plan.problems:
                    writer.put_problem(problem)

    def write(self, outcomes: Sequence[_Outcome]) -> None:
        if not outcomes:
            return
        with self._index.writing() as writer:
            for outcome in outcomes:
                self._write_one(writer, outcome)

    def _write_one(self, writer: Writer, outcome: _Outcome) -> None:
        match outcome:
            case _Same(file):
                writer.seen(self.plan.known[file.path][0], file)
                writer.forget_problem(self.folder.source.name, file.path)
                self.counts.unchanged += 1
            case _Moved(file, former):
                self._claim(writer, file, lambda: self._move(writer, file, former), former)
            case _New(document, file):
                self._claim(writer, file, lambda: self._put(writer, document))
            case _Refused(problem):
                self._refuse(writer, problem)

    def _put(self, writer: Writer, document: NewDocument) -> None:
        placed(writer, document)
        is_known = document.file is not None and document.file.path in self.plan.known
        self.counts.changed += is_known
        self.counts.added += not is_known

    def _move(self, writer: Writer, file: FileFacts, former: str) -> None:
        source = self.folder.source
        key, _ = self.plan.gone[former]
        known = self.plan.known.get(file.path)
        if known is not None:  # it had other bytes
            writer.delete([known[0]])
        writer.renamed(key, source.identifier(file.path), source.address(file.path), file)
        row = writer.document_of(key)
        if row is not None and row.title == title_of(former):
            writer.retitle(key, title_of(file.path))
        writer.forget_problem(source.name, file.path)
        del self.plan.gone[former]
        self.counts.renamed += 1

    def _claim(self, writer: Writer, file: FileFacts, write: Callable[[], None], former: str = "") -> None:
        """Writes a document, unless another has its id and is not about to go. `former` is the path it had."""
        source = self.folder.source
        row = writer.document(source.identifier(file.path))
        holder = row.file.path if row is not None and row.file is not None else ""
        if row is not None and row.source == source.name and holder in self.plan.gone and holder != former:
            self._drop(writer, holder)
        try:
            write()
        except Conflict:
            identifier = source.identifier(file.path)
            has = f"the file {holder}" if holder else "another document"
            message = f"Its document would be {identifier}, and {has} is that already. Rename one of the two."
            self._refuse(
                writer, Problem(source.name, file.path, file.size, file.mtime_ns, "same_id", message)
            )

    def _refuse(self, writer: Writer, problem: Problem) -> None:
        known = self.plan.known.get(problem.path)
        if known is not None:
            writer.delete([known[0]])
            self.counts.removed += 1
        if problem.why == "gone":
            writer.forget_problem(problem.source, problem.path)
            return
        writer.put_problem(problem)
        self.counts.refused += 1

    def _drop(self, writer: Writer, path: str) -> None:
        key, _ = self.plan.gone.pop(path)
        writer.delete([key])
        writer.forget_problem(self.folder.source.name, path)
        self.counts.removed += 1


def _remove(index: IndexFile, source: str) -> int:
    with index.reading() as reader:
        keys = [row.key for row in reader.documents(source=source)]
    for at in range(0, len(keys), _MOST):
        with index.writing() as writer:
            writer.delete(keys[at : at + _MOST])
    with index.writing() as writer:
        for problem in writer.problems(source):
            writer.forget_problem(source, problem.path)
    return len(keys)
