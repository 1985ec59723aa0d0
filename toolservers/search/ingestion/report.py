"""What a run did, and how whole the index is: nothing that was left out goes unsaid."""

from collections.abc import Callable
from dataclasses import dataclass, field

from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import Problem


@dataclass(frozen=True, slots=True)
class Partial:
    """A document that has less than its file."""

    id: str
    share: float
    """Of the characters that the file has, as far as can be told."""
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of one source, or of all."""

    documents: int
    duplicates: int
    characters: int
    share: float
    """Of the characters of the files that gave text, how many are in the index; 1.0 is all. What the files among
    `problems` have is not known."""
    partial: tuple[Partial, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. The last file has been looked at, but need not be written yet."""

    path: str
    files: int
    of_files: int
    bytes: int
    of_bytes: int


Told = Callable[[Progress], None]


@dataclass(slots=True)
class Counts:
    """Files of one run, by what was done with them."""

    added: int = 0
    changed: int = 0
    renamed: int = 0
    removed: int = 0
    unchanged: int = 0
    refused: int = 0
    """Not in the index, or no longer, for the reasons in `problems`."""
    bytes: int = 0
    """Read and taken apart."""


@dataclass(frozen=True, slots=True)
class Report:
    source: str
    counts: Counts
    seconds: float
    coverage: Coverage
    skipped: dict[str, int] = field(default_factory=dict[str, int])
    """As `scanning.Scan.skipped`."""


def coverage_of(reader: Reader, source: str | None = None) -> Coverage:
    """Of one source; of all, for None."""
    documents, duplicates, characters, whole = reader.connection.execute(
        "SELECT count(*), count(duplicate_of), coalesce(sum(characters), 0), "
        "coalesce(sum(characters / max(share, 0.001)), 0) "
        "FROM documents WHERE ?1 IS NULL OR source = ?1",
        (source,),
    ).fetchone()
    return Coverage(
        documents,
        duplicates,
        characters,
        characters / whole if whole else 1.0,
        tuple(Partial(*row) for row in reader.partial(source)),
        tuple(reader.problems(source)),
    )
