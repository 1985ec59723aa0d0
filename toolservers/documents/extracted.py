"""What is got out of a file: one text, and where in it pages and headings begin."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Page:
    """A page, slide or sheet; `number` counts from 1."""

    number: int
    start: int


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` counts from 1; `start` and `end` enclose its line in the text."""

    level: int
    title: str
    start: int
    end: int


@dataclass(frozen=True)
class Extracted:
    """All offsets are characters (code points) of `text`, from 0; its lines end with `\\n` alone."""

    text: str
    format: str
    """`text`, `markdown`, `html`, `pdf`, `docx`, `csv`, `json`, `email`."""
    title: str = ""
    encoding: str = ""
    """As people call it, where the format has one; a guess says so."""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    """Front matter, document properties, mail headers; keys in lower case."""
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    left_out: tuple[str, ...] = ()
    """What the file has and `text` has not, a sentence each: `Page 3 is an image without text.`"""
    share: float = 1.0
    """Of the characters that the file has, as far as can be told, how many are in `text`."""

    def page_at(self, offset: int) -> int | None:
        found = bisect_right(self._page_starts, offset)
        return self.pages[found - 1].number if found else None

    def heading_path(self, offset: int) -> tuple[str, ...]:
        """The titles of the headings that `offset` stands under, outermost first."""
        path: list[Heading] = []
        for heading in self.headings[: bisect_right(self._heading_starts, offset)]:
            while path and path[-1].level >= heading.level:
                path.pop()
            path.append(heading)
        return tuple(heading.title for heading in path)

    @cached_property
    def _page_starts(self) -> list[int]:
        return [page.start for page in self.pages]

    @cached_property
    def _heading_starts(self) -> list[int]:
        return [heading.start for heading in self.headings]
