"""A document's text in passages: what a search finds, what a model embeds, what is cited.

Cuts are made where the text has them: before headings, between paragraphs, after sentences, at a line's end,
between words, and only in one endless word anywhere. Two neighbours share a sentence or two, so that what the cut
parts can still be found as one.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from toolservers.documents.extracted import Extracted
from toolservers.search.storage.records import Passage

LONGEST = 1000
"""Characters. About what a small embedding model reads at once."""

_GOAL = 900
_SHORTEST = 300  # a cut before that is only made by a heading or a page
_OVERLAP = 200
_HEADING = 400  # characters of a heading path that are kept
_BREAKING_LEVEL = 2

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
# After a full stop a small letter goes on with the sentence (`e.g. this`). Items of a list are sentences, too.
_SENTENCE = re.compile(
    r"[.!?…][\"'”’»)\]]{0,3}\s+(?![a-z])|[。！？][」』）]?\s*|\n[^\S\n]*(?=(?:[-*+•|]|\d{1,4}[.)])\s)"
)
_ENDED = tuple(".!?…。！？:;”\"'’»)]|")


def passages_of(extracted: Extracted) -> tuple[Passage, ...]:
    """In the order of the text; none is longer than LONGEST, but where a sentence goes on over the end of a page.

    Each character that is not blank is in at least one. None crosses a heading of level 1 or 2, nor a page, but for
    headings that have no text of their own and for that sentence. `heading` is the path of the first character that
    the passage does not share with the one before, or of the text below where it begins with headings."""
    cutter = _Cutter(extracted)
    return tuple(
        Passage(number, start, end, extracted.page_at(start), cutter.path(own, end))
        for number, (start, own, end) in enumerate(cutter.spans())
    )


class _Cutter:
    def __init__(self, extracted: Extracted) -> None:
        self._extracted = extracted
        self._text = extracted.text
        self._headings = [heading.start for heading in extracted.headings]
        self._paragraphs = _ends(_PARAGRAPH, self._text)
        self._sentences = sorted({*_ends(_SENTENCE, self._text), *self._paragraphs, *self._headings})
        self._above, self._bare = _outline(extracted)

    def spans(self) -> Iterator[tuple[int, int, int]]:
        """(start, first character that is not shared, end)."""
        breaks = self._breaks()
        at_page = {page.start for page in self._extracted.pages} - set(self._headings)
        for start, end in pairwise(breaks):
            found = list(self._cut(start, end))
            if found and end in at_page:
                found[-1] = (*found[-1][:2], self._sentence_over(found[-1][2], end))
            yield from found

    def path(self, own: int, end: int) -> str:
        number = bisect_right(self._headings, own) - 1
        if number < 0:
            return ""
        while self._bare[number] and own <= self._headings[number] and self._headings[number + 1] < end:
            number += 1
            own = self._headings[number]
        titles: list[str] = []
        while number >= 0:
            titles.append(self._extracted.headings[number].title)
            number = self._above[number]
        return " > ".join(reversed(titles))[:_HEADING]

    def _breaks(self) -> list[int]:
        """Where one passage must end and another begin."""
        headings = [
            heading.start
            for number, heading in enumerate(self._extracted.headings)
            if heading.level <= _BREAKING_LEVEL and not (number and self._bare[number - 1])
        ]
        return sorted({0, len(self._text), *headings, *(page.start for page in self._extracted.pages)})

    def _cut(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        end = start + len(self._text[start:end].rstrip())
        own = start = self._skip_blank(start, end)
        while own < end:
            cut = self._next_cut(start, own, end)
            last = start + len(self._text[start:cut].rstrip())
            yield start, own, last
            own = self._skip_blank(cut, end)
            start = self._shared(start, cut, own)

    def _next_cut(self, start: int, own: int, end: int) -> int:
        rest = end - start
        if rest <= LONGEST:
            return end
        goal = start + (_GOAL if rest > 2 * LONGEST else rest // 2)
        first = max(start + _SHORTEST, own + 1)
        last = start + LONGEST
        for marks in (self._headings, self._paragraphs, self._sentences):
            found = _nearest(marks, first, last, goal)
            if found is not None:
                return found
        for sign in ("\n", " "):
            found = self._text.rfind(sign, first, last) + 1
            if found:
                return found
        return last

    def _shared(self, start: int, cut: int, own: int) -> int:
        """Where the next passage begins: a sentence or two before the cut; some words, where no sentence is short
        enough. Nothing is shared over a heading."""
        if _has(self._headings, own):
            return own
        earliest = max(start + 1, cut - _OVERLAP)
        heading = bisect_right(self._headings, cut) - 1
        if heading >= 0:
            earliest = max(earliest, self._headings[heading])
        found = bisect_left(self._sentences, earliest)
        if found < len(self._sentences) and self._sentences[found] < cut:
            return self._skip_blank(self._sentences[found], own)
        for sign in ("\n", " "):
            blank = self._text.find(sign, max(earliest, cut - _OVERLAP // 2), cut - 1)
            if blank >= 0:
                return self._skip_blank(blank, own)
        return own

    def _sentence_over(self, last: int, end: int) -> int:
        """The end of the sentence that goes on behind a page's `end`, if it does and ends soon."""
        if self._text[last - 1] in _ENDED:
            return last
        found = bisect_right(self._sentences, self._skip_blank(end, len(self._text)))
        stop = self._sentences[found] if found < len(self._sentences) else len(self._text)
        if stop - end > _OVERLAP:
            return last
        return max(last, last + len(self._text[last:stop].rstrip()))

    def _skip_blank(self, start: int, end: int) -> int:
        while start < end and self._text[start].isspace():
            start += 1
        return start


def _outline(extracted: Extracted) -> tuple[list[int], list[bool]]:
    """Of each heading the number of the one that it stands under, -1 for none; and whether the next one follows it
    with no text between."""
    above: list[int] = []
    bare: list[bool] = []
    path: list[int] = []
    headings = extracted.headings
    for number, heading in enumerate(headings):
        while path and headings[path[-1]].level >= heading.level:
            path.pop()
        above.append(path[-1] if path else -1)
        path.append(number)
        following = headings[number + 1].start if number + 1 < len(headings) else len(extracted.text)
        between = extracted.text[heading.end : following]
        bare.append(number + 1 < len(headings) and (not between or between.isspace()))
    return above, bare


def _ends(pattern: re.Pattern[str], text: str) -> list[int]:
    return [found.end() for found in pattern.finditer(text)]


def _nearest(marks: Sequence[int], first: int, last: int, goal: int) -> int | None:
    """The mark in `first`..`last` that is nearest to `goal`."""
    near = marks[bisect_left(marks, first) : bisect_right(marks, last)]
    return min(near, key=lambda mark: abs(mark - goal), default=None)


def _has(marks: Sequence[int], mark: int) -> bool:
    found = bisect_left(marks, mark)
    return found < len(marks) and marks[found] == mark
