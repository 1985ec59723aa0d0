"""Exact replacements in a text: each against the text as it was, all of them or none.

What a caller gives has `\\n`; in a file with other ends of lines that means the file's own. Nothing else is
taken for something that it is not: a near miss is shown (`misses.py`), never written.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from toolservers.files.misses import described_miss, described_places
from toolservers.files.refusals import shown
from toolservers.files.text import MAX_FILE, Text, decode, require_characters
from toolward.errors import ToolError

MAX_EDITS = 100
MAX_SAID = 1_000_000
"""Characters in all that is replaced and put in its place."""

MAX_PLACES = 10_000
MAX_TOLD = 1000
"""Places that are counted where fewer were meant; fewer of what is long, where they can only overlap each other."""

_MAX_REFUSED = 3


@dataclass(frozen=True)
class Edit:
    """`count` is how many places are meant, all of which are replaced."""

    old: str
    new: str
    count: int = 1


class Span(NamedTuple):
    """`start` and `stop` are characters of the text as it was; `edit` is counted from 1."""

    start: int
    stop: int
    new: str
    edit: int


@dataclass(frozen=True)
class Edited:
    """`spans` in the order of the text, none overlapping another."""

    before: Text
    spans: tuple[Span, ...]

    @cached_property
    def after(self) -> str:
        pieces: list[str] = []
        at = 0
        for span in self.spans:
            pieces += (self.before.text[at : span.start], span.new)
            at = span.stop
        return "".join((*pieces, self.before.text[at:]))

    def lines(self) -> dict[int, list[int]]:
        """By edit, the lines at which its places begin in the text as it is now."""
        end = self.before.terminator
        found: dict[int, list[int]] = {}
        line, at = 1, 0
        for span in self.spans:
            line += self.before.text.count(end, at, span.start)
            found.setdefault(span.edit, []).append(line)
            line, at = line + span.new.count(end), span.stop
        return found


def edited(data: bytes, edits: Sequence[Edit], path: str) -> tuple[Edited, bytes]:
    """The bytes of a whole file after all edits; `path` is for refusals. Raises ToolError."""
    require_edits(edits)
    before = decode(data, path)
    done = Edited(before, replacements(before, edits, path))
    after = before.encode(done.after)
    if len(after) > MAX_FILE:
        raise ToolError(
            f"{shown(path)} would have {len(after):,} bytes then; at most {MAX_FILE:,} are edited."
        )
    _require_readable(after, done.after, path)
    return done, after


def require_edits(edits: Sequence[Edit]) -> None:
    """Raises ToolError where something is wrong with them in any file."""
    if not 1 <= len(edits) <= MAX_EDITS:
        raise ToolError(f"There are {len(edits):,} edits; give 1 to {MAX_EDITS} at once.")
    said = sum(len(edit.old) + len(edit.new) for edit in edits)
    if said > MAX_SAID:
        raise ToolError(f"The edits have {said:,} characters; at most {MAX_SAID:,} are taken at once.")
    for number, edit in enumerate(edits, start=1):
        if not edit.old:
            raise ToolError(
                f"Edit {number}: `old` is empty. To insert, give the line beside the place as `old` and that line "
                "with what is added as `new`; to add at the end, `write_file` with mode `append`."
            )
        if edit.old == edit.new:
            raise ToolError(f"Edit {number}: `new` is the same as `old`; leave this edit out.")
        if not 1 <= edit.count <= MAX_PLACES:
            raise ToolError(f"Edit {number}: `count` is {edit.count:,}; it can be 1 to {MAX_PLACES:,}.")
        require_characters(edit.old, f"Edit {number}: `old`")
        require_characters(edit.new, f"Edit {number}: `new`")


def replacements(text: Text, edits: Sequence[Edit], path: str) -> tuple[Span, ...]:
    """What the edits mean in this text, in its order. Raises ToolError, which tells of several edits at once."""
    refused: list[str] = []
    spans: list[Span] = []
    size, matching = 0, _Matching(text)
    for number, edit in enumerate(edits, start=1):
        if len(refused) == _MAX_REFUSED:
            break
        most = min(max(edit.count, MAX_TOLD), 2 * MAX_FILE // len(edit.old))
        places = matching.places(edit.old, most + 1)
        if not places:
            refused.append(f"Edit {number}: {described_miss(text, edit.old)}")
        elif len(places) != edit.count:
            refused.append(f"Edit {number}: {described_places(text, places, edit.count, most)}")
        size += len(edit.new) * len(places)
        if size > MAX_FILE:
            raise ToolError(
                f"{shown(path)} would have more than {MAX_FILE:,} bytes then; nothing was changed."
            )
        spans += (Span(*place, new, number) for place, new in matching.written(places, edit, number))
    if refused:
        raise ToolError(f"{shown(path)} was not changed.\n" + "\n".join(refused))
    spans.sort()
    _refuse_overlaps(spans, text, path)
    return tuple(spans)


def _refuse_overlaps(spans: list[Span], text: Text, path: str) -> None:
    for one, other in pairwise(spans):
        if other.start < one.stop:
            line = text.text.count(text.terminator, 0, other.start) + 1
            said = (
                f"edits {one.edit} and {other.edit} overlap in line {line:,}. All are against the file as it "
                "is now; make one edit of them."
                if one.edit != other.edit
                else f"places of edit {one.edit} overlap in line {line:,}; give a longer `old` for each."
            )
            raise ToolError(f"{shown(path)} was not changed: {said}")


def _require_readable(data: bytes, text: str, path: str) -> None:
    """What was read as a guess, or begins with what is taken for a BOM, could come out as something else."""
    try:
        same = decode(data, path).text == text
    except ToolError:
        same = False
    if not same:
        raise ToolError(
            f"{shown(path)} was not changed: with these characters the file would be taken for binary data or for "
            "another encoding when it is read again. Leave out NUL and control characters; in a file whose "
            "encoding is a guess, write this into a new file instead."
        )


class _Matching:
    """Where something stands in a text, and how its ends of lines are written there."""

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
        self, places: Sequence[tuple[int, int]], edit: Edit, number: int
    ) -> Iterator[tuple[tuple[int, int], str]]:
        """Each place with what comes there."""
        if self._end == "\n" and "\r\n" in edit.new:
            raise ToolError(
                rf"Edit {number}: `new` has ends of lines \r\n, where the file has \n alone. Write `new` with \n; "
                "it is written with the ends that the file has."
            )
        if self._end == "mixed" and "\r" not in edit.old + edit.new:
            return ((place, self._as_it_stands(place, edit)) for place in places)
        new = self._text.with_ends(edit.new) if self._end in ("\r\n", "\r") else edit.new
        return ((place, new) for place in places)

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

    def _as_it_stands(self, place: tuple[int, int], edit: Edit) -> str:
        """In a mixed file: lines that stay keep their ends, others take that of the place."""
        start, stop = place
        ends = re.findall("\r?\n", self._text.text[start:stop])
        old, new = edit.old.split("\n"), edit.new.split("\n")
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
