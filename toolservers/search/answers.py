"""What the tools answer. `search` and `fetch` keep the connector contract: its names and shapes are exact, and what
we say beyond them stands beside them."""

from dataclasses import dataclass, field


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
