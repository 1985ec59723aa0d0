"""What stands in the index, as its readers and writers hand it over."""

from collections.abc import Mapping
from dataclasses import dataclass, field

MAIN = ""
"""The name of the source that the server was started with; its documents' ids have no prefix."""

ADDED = "added"
"""The source of documents that came by a tool and have no file."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What tells that a file is as it was: `path` is relative to its source's folder, with `/`."""

    path: str
    size: int
    mtime_ns: int
    digest: str
    """SHA-256 of its bytes, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document's text: the characters from `start` up to `end`."""

    number: int
    start: int
    end: int
    page: int | None
    heading: str
    """The headings that it stands under, outermost first, joined by ` > `."""


@dataclass(frozen=True)
class NewDocument:
    id: str
    source: str
    title: str
    url: str
    format: str
    text: str
    passages: tuple[Passage, ...]
    updated: str
    """ISO 8601 date, or date and time: what the document says of itself, else the file's."""
    file: FileFacts | None = None
    encoding: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    left_out: tuple[str, ...] = ()
    share: float = 1.0
    pages: tuple[tuple[int, int], ...] = ()
    """(number, start) of each page."""
    signature: bytes = b""
    """Of its words, by which near duplicates are found (`ingestion.duplicates`)."""
    bands: tuple[int, ...] = ()
    """Hashes of parts of the signature, 64 bits with sign: near duplicates most likely share one."""


@dataclass(frozen=True)
class DocumentRow:
    """A document without its text. `key` is its row; `sha256` is of the text, in UTF-8."""

    key: int
    id: str
    source: str
    title: str
    url: str
    format: str
    encoding: str
    updated: str
    indexed_at: str
    characters: int
    sha256: str
    metadata: Mapping[str, str]
    left_out: tuple[str, ...]
    share: float
    duplicate_of: str
    """The id of the document whose text is the same, or nearly: that one is searched first. Empty for none."""
    file: FileFacts | None


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is compared of a document with others."""

    key: int
    original: int
    """Its own key, or that of the document that it is a duplicate of."""
    source: str
    updated: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class PassageRow:
    key: int
    document: int
    number: int
    start: int
    end: int
    page: int | None
    heading: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is not in the index, and why; it is tried again when it has changed."""

    source: str
    path: str
    size: int
    mtime_ns: int
    why: str
    message: str


@dataclass(frozen=True, slots=True)
class Model:
    """An embedding model whose vectors are in the index. One at most is `serving`; one at most is `building`."""

    key: int
    name: str
    """Where it runs and what it is called, so that two different ones never have the same."""
    dimensions: int
    state: str
