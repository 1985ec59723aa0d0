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

_MAX_HEADINGS = 10_000
_MAX_TITLE = 200  # characters
_LARGER = 1.12  # than most letters: the size of a heading
_MAX_LEVELS = 4  # told apart by size
_LEADERS = re.compile(r"(?:\. ?){4}")  # as in a table of contents
_MOST = 0.2  # of the text: where more than that stands in larger letters, they say nothing


class Piece(NamedTuple):
    """Letters of one size, in points, on the page that begins at `start` in the text."""

    text: str
    size: float
    start: int


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
            heading = _on_a_line(text, title, starts[index], starts[index + 1], level)
            if heading is not None:
                found.setdefault(heading.start, heading)
    return tuple(found[start] for start in sorted(found))


def by_size(text: str, pieces: Sequence[Piece]) -> tuple[Heading, ...]:
    """Lines in letters that are larger than most."""
    letters = Counter[float]()
    for piece in pieces:
        letters[piece.size] += len(piece.text.strip())
    if not letters:
        return ()
    usual = letters.most_common(1)[0][0]
    sizes = sorted((size for size in letters if size >= usual * _LARGER), reverse=True)
    if not sizes or sum(letters[size] for size in sizes) > _MOST * letters.total():
        return ()
    levels = {size: min(level, _MAX_LEVELS) for level, size in enumerate(sizes, 1)}
    found: list[Heading] = []
    after = 0
    for title, size, start in _runs(pieces, levels):
        begin = max(after, start)
        heading = _on_a_line(text, title, begin, begin + 100_000, levels[size])
        if heading is not None and any(letter.isalpha() for letter in heading.title):
            found.append(heading)
            after = heading.end
            if len(found) == _MAX_HEADINGS:
                break
    return tuple(found)


def _runs(pieces: Sequence[Piece], sizes: dict[float, int]) -> Iterator[tuple[str, float, int]]:
    """Pieces of one of `sizes` that follow each other on a page, as one title."""
    title, size, start = "", 0.0, -1
    for piece in [*pieces, Piece("", -1.0, -1)]:
        if (piece.size, piece.start) == (size, start):
            title += piece.text
            continue
        if size in sizes and 0 < len(title.strip()) <= _MAX_TITLE and not _LEADERS.search(title):
            yield title, size, start
        title, size, start = piece.text, piece.size, piece.start


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
