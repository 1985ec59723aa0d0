"""What is to be done after a scan: told by names, sizes and times alone, nothing is read."""

from dataclasses import dataclass, field

from toolservers.search.ingestion.scanning import Scan, changed
from toolservers.search.sources import Source
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import FileFacts, Problem

_PASSING = ("denied", "gone", "same_id")
"""Reasons that may be over without the file having changed."""


@dataclass
class Plan:
    source: Source
    known: dict[str, tuple[int, FileFacts]]
    """The indexed files that the scan covers, each with its document's key."""
    todo: list[str]
    """Files that are to be read, by path."""
    gone: dict[str, tuple[int, FileFacts]]
    """Those of `known` that are there no more, until another file turns out to be one of them."""
    problems: list[Problem]
    """That the scan itself brought."""
    over: list[str]
    """Paths of problems that are there no more."""
    unchanged: int
    refused: int = 0
    """Unchanged files that were refused before."""
    by_digest: dict[str, str] = field(default_factory=dict[str, str])
    """Of `gone`: paths by the digests of their bytes."""

    def moved_from(self, digest: str) -> str | None:
        """The path that a file with these bytes had before; it is given out once."""
        return self.by_digest.pop(digest, None)

    def surely_gone(self, scan: Scan) -> list[str]:
        """Those that no file to be read can be the same as: no other has the size."""
        sizes = {scan.files[path].size for path in self.todo}
        return [path for path, (_, facts) in self.gone.items() if facts.size not in sizes]


def planned(reader: Reader, source: Source, scan: Scan, again: bool) -> Plan:
    """`again`: files are read whether they have changed or not."""
    known = {path: row for path, row in reader.files(source.name).items() if scan.covers(path)}
    refused = {problem.path: problem for problem in reader.problems(source.name)}
    gone = {path: known[path] for path in scan.gone(known)}
    todo = list(scan.files) if again else changed(scan, {path: facts for path, (_, facts) in known.items()})
    standing = set[str]()
    if not again:
        ids = {source.identifier(path) for path in known if path not in gone}
        standing = {path for path in todo if path in refused and _stands(refused[path], scan, source, ids)}
    todo = [path for path in todo if path not in standing]
    return Plan(
        source,
        known,
        todo,
        gone,
        scan.problems,
        _over(refused, scan),
        len(scan.files) - len(todo) - len(standing),
        len(standing),
        {facts.digest: path for path, (_, facts) in gone.items()},
    )


def _stands(problem: Problem, scan: Scan, source: Source, ids: set[str]) -> bool:
    """Whether the file would be refused again for the same reason."""
    if (problem.size, problem.mtime_ns) != scan.files[problem.path]:
        return False
    if problem.why == "same_id":
        return source.identifier(problem.path) in ids
    return problem.why not in _PASSING


def _over(refused: dict[str, Problem], scan: Scan) -> list[str]:
    still = {problem.path for problem in scan.problems}
    return [
        path
        for path in refused
        if path not in still and path not in scan.files and scan.covers(path.removesuffix("/"))
    ]
