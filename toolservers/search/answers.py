"""What the tools answer. `search` and `fetch` keep the connector contract: its names and shapes are exact, and what
we say beyond them stands beside them."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True, slots=True)
class Locator:
    """The passage that was found: characters `start` up to `end` of the document's text, as `fetch` gives it."""

    start: int
    end: int
    page: int | None = None
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    id: str
    title: str
    url: str
    snippet: str
    score: float
    locator: Locator
    format: str = ""
    updated: str = ""
    status: str = ""
    """What the document says of itself in its metadata, such as `superseded`."""
    also: list[str] = field(default_factory=list[str])
    """Documents that say the same, or nearly, and are not listed themselves."""


@dataclass(frozen=True, slots=True)
class SearchResults:
    results: list[Hit]
    note: str = ""
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """`text` has the characters from `start` up to `end` of all `characters`; `sha256` is of the whole text."""

    id: str
    title: str
    text: str
    url: str
    metadata: dict[str, str]
    start: int
    end: int
    characters: int
    sha256: str
    stale: bool
    next_start: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    id: str
    title: str
    format: str
    updated: str
    characters: int
    duplicate_of: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    documents: list[Listed]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """`state` says whether changes are `followed`, or why not."""

    name: str
    documents: int
    problems: int
    state: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that is not in the index (`share` is 0), or of which this share of its characters is, as far as can be
    told."""

    source: str
    path: str
    share: float
    why: str


@dataclass(frozen=True, slots=True)
class Status:
    """`indexing` and `meaning` are sentences: what is under way, whether questions are also compared by meaning.
    `share` is how many of the characters of files that could be read are here, as far as can be told."""

    documents: int
    passages: int
    characters: int
    share: float
    sources: list[SourceStatus]
    indexing: str
    meaning: str
    unread: list[Unread]
    more_unread: int


@dataclass(frozen=True)
class NewText:
    """A document that a tool brings. Without an id it gets one from its title."""

    title: Annotated[str, Field(min_length=1, max_length=300)]
    text: Annotated[str, Field(min_length=1, max_length=1_000_000, description="Markdown, or plain.")]
    id: Annotated[str, Field(max_length=200)] = ""
    updated: Annotated[str, Field(max_length=40, description="ISO 8601; default: now.")] = ""
    metadata: Annotated[dict[str, Annotated[str, Field(max_length=1_000)]], Field(max_length=50)] = field(
        default_factory=dict[str, str]
    )


@dataclass(frozen=True, slots=True)
class Added:
    documents: list[Listed]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    documents: list[Listed]
    done: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    name: str
    documents: int
    note: str = ""
