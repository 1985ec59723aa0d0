"""Which lines of a PDF are headings: its outline says so, or else the size of the letters."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from toolservers.documents.composing import one_line
from toolservers.documents.extracted import Heading, Page

if TYPE_CHECKING:
    from pypdf import PdfReader

_MAX_HEADINGS = 10_000  # that are looked for
_MAX_TITLE = 200  # characters
_LARGER = 1.12  # than most letters: the size of a heading
_MAX_LEVELS = 4  # told apart by size
_MAX_RUNS = 100_000
_MAX_PAGE = 100_000  # characters of a page in which its headings are looked for
_LEADERS = re.compile(r"(?:\. ?){4}")  # as in a table of contents
_MOST = 0.2  # of the text: where more than that stands in larger letters, they say nothing


class _Run(NamedTuple):
    """Letters of one size that follow each other, on the page that begins at `start` in the text."""

    title: str
    size: float
    start: int


class Letters:
    """How large the letters of a document are. Keeps what could be headings, and counts the rest."""

    def __init__(self) -> None:
        self._counts = Counter[float]()
        self._runs: list[_Run] = []
        self._parts: list[str] = []
        self._length = 0
        self._size = 0.0
        self._start = 0

    def saw(self, text: str, size: float, start: int) -> None:
        """`size` in points; `start` is the page's in the text."""
        if not text.strip():
            return
        self._counts[size] += len(text.strip())
        if (size, start) != (self._size, self._start):
            self._end_run()
            self._size, self._start = size, start
        self._length += len(text)
        if self._length <= _MAX_TITLE:
            self._parts.append(text)

    def headings(self, text: str) -> tuple[Heading, ...]:
        """Lines in letters that are larger than most."""
        self._end_run()
        levels = self._levels()
        found: list[Heading] = []
        after = 0
        large = (run for run in self._runs if run.size in levels)
        for run in islice(large, _MAX_HEADINGS):
            begin = max(after, run.start)
            heading = _on_a_line(text, run.title, begin, begin + _MAX_PAGE, levels[run.size])
            if heading is not None and any(letter.isalpha() for letter in heading.title):
                found.append(heading)
                after = heading.end
        return tuple(found)

    def _levels(self) -> dict[float, int]:
        """Of the sizes that are headings, 1 for the largest."""
        if not self._counts:
            return {}
        usual = self._counts.most_common(1)[0][0]
        sizes = sorted((size for size in self._counts if size >= usual * _LARGER), reverse=True)
        if sum(self._counts[size] for size in sizes) > _MOST * self._counts.total():
            return {}
        return {size: min(level, _MAX_LEVELS) for level, size in enumerate(sizes, 1)}

    def _end_run(self) -> None:
        title = "".join(self._parts).strip()
        if 0 < self._length <= _MAX_TITLE and len(self._runs) < _MAX_RUNS and not _LEADERS.search(title):
            self._runs.append(_Run(title, self._size, self._start))
        self._parts.clear()
        self._length = 0


def from_outline(reader: "PdfReader", text: str, pages: Sequence[Page]) -> tuple[Heading, ...]:
    """Those whose line is found on the page that the outline names."""
    try:
        entries = list(islice(_entries(reader, reader.outline, 1), _MAX_HEADINGS))
    except MemoryError:
        raise
    except Exception:  # whatever a library stumbles over in bytes that anybody made; the text is there
        return ()
    starts = [page.start for page in pages] + [len(text)]
    found: dict[int, Heading] = {}
    for level, title, index in entries:
        if 0 <= index < len(pages):
            end = min(starts[index + 1], starts[index] + _MAX_PAGE)
            heading = _on_a_line(text, title, starts[index], end, level)
            if heading is not None:
                found.setdefault(heading.start, heading)
    return tuple(found[start] for start in sorted(found))


def _entries(reader: "PdfReader", outline: Sequence[Any], level: int) -> Iterator[tuple[int, str, int]]:
    """Level, title and index of the page, in order. pypdf bounds how deep outlines are."""
    for entry in outline:
        if isinstance(entry, list):
            yield from _entries(reader, entry, level + 1)  # pyright: ignore[reportUnknownArgumentType]
            continue
        index = reader.get_destination_page_number(entry)
        title = one_line(str(entry.title or ""))
        if index is not None and 0 < len(title) <= _MAX_TITLE:
            yield level, title, index


def _on_a_line(text: str, title: str, start: int, end: int, level: int) -> Heading | None:
    """The line or lines that say `title` and nothing else but its number."""
    words = title.split()
    if not words:
        return None
    spaced = r"\s*".join(map(re.escape, words))
    said = re.compile(
        r"^[ \t]*(?:[A-Z\d][\w.]{0,10}[ \t]+|(?:Chapter|Appendix)[ \t]+\w{1,5}[.:]?[ \t]+)?"
        rf"({spaced})[ \t.:]*$",
        re.MULTILINE,
    )
    match = said.search(text, start, end)
    if match is None:
        return None
    first = match.start() + len(match[0]) - len(match[0].lstrip())
    last = match.start() + len(match[0].rstrip())
    return Heading(level, one_line(text[first:last]), first, last)
