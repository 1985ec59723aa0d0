"""Where something stands in a text exactly, and how the ends of lines of what replaces it are written there."""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property

from toolservers.files.text.encodings import Text
from toolward.errors import ToolError


class Occurrences:
    """In one text. What is looked for and what comes in its place has `\\n`, which means the text's own ends."""

    def __init__(self, text: Text) -> None:
        self._text, self._end = text, text.end_of_line

    def places(self, old: str, most: int) -> list[tuple[int, int]]:
        """Start and stop of at most `most` places, also such as overlap."""
        if self._end == "mixed" and "\r" not in old:
            return [(self._place(at), self._place(at + len(old))) for at in _found(self._plain, old, most)]
        wanted = self._text.with_ends(old) if self._end in ("\r\n", "\r") else old
        found = _found(self._text.text, wanted, most)
        return [
            (at, at + len(wanted)) for at in found if self._is_whole(at) and self._is_whole(at + len(wanted))
        ]

    def written(
        self, places: Sequence[tuple[int, int]], old: str, new: str
    ) -> Iterator[tuple[tuple[int, int], str]]:
        """Each place of `old` with what comes there. Raises ToolError where that would bring ends of lines that the
        file does not have."""
        if self._end == "\n" and "\r\n" in new:
            raise ToolError(
                r"`new` has ends of lines \r\n, where the file has \n alone. Write `new` with \n; it is written "
                "with the ends that the file has."
            )
        if self._end == "mixed" and "\r" not in old + new:
            return ((place, self._as_it_stands(place, old.split("\n"), new.split("\n"))) for place in places)
        ended = self._text.with_ends(new) if self._end in ("\r\n", "\r") else new
        return ((place, ended) for place in places)

    def _is_whole(self, at: int) -> bool:
        """Whether this is not between the two characters of one end of a line."""
        return self._text.text[max(at - 1, 0) : at + 1] != "\r\n"

    @cached_property
    def _plain(self) -> str:
        return self._text.text.replace("\r\n", "\n")

    @cached_property
    def _pairs(self) -> "array[int]":
        """Where an end of two characters stands in the plain text."""
        found = re.finditer("\r\n", self._text.text)
        return array("L", (match.start() - number for number, match in enumerate(found)))

    def _place(self, plain: int) -> int:
        return plain + bisect_left(self._pairs, plain)

    def _as_it_stands(self, place: tuple[int, int], old: list[str], new: list[str]) -> str:
        """In a mixed file: lines that stay keep their ends, others take that of the place."""
        start, stop = place
        ends = re.findall("\r?\n", self._text.text[start:stop])
        count = len(new) - 1
        if count != len(ends):
            least = min(count, len(ends))
            above = _in_common(old[:least], new[:least])
            below = _in_common(old[::-1][: least - above], new[::-1][: least - above])
            fill = ends[above - 1] if above else ends[0] if ends else self._end_near(start)
            ends = [*ends[:above], *[fill] * (count - above - below), *ends[len(ends) - below :]]
        return "".join(line + end for line, end in zip(new, [*ends, ""], strict=True))

    def _end_near(self, at: int) -> str:
        """Of the line that has this character, or of the one before, where it is the last."""
        text = self._text.text
        feed = text.find("\n", at)
        if feed < 0:
            feed = text.rfind("\n", 0, at)
        return "\r\n" if text[feed - 1 : feed] == "\r" else "\n"


def _found(text: str, wanted: str, most: int) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0 and most:
        yield at
        at, most = text.find(wanted, at + 1), most - 1


def _in_common(one: list[str], other: list[str]) -> int:
    for count, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return count
    return min(len(one), len(other))
