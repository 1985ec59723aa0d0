"""Exact replacements in a text: each against the text as it was, all of them or none.

What a caller gives has `\\n`; in a file with other ends of lines that means the file's own. Nothing else is
taken for something that it is not: a near miss is shown (`misses.py`), never written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from toolservers.files.editing.misses import described_miss, described_places
from toolservers.files.editing.occurrences import Occurrences
from toolservers.files.paths.refusals import shown
from toolservers.files.text.encodings import MAX_FILE, Text, decode, require_characters
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
    _require_sound(edits)
    before = decode(data, path)
    done = Edited(before, _spans(before, edits, path))
    after = before.encode(done.after)
    if len(after) > MAX_FILE:
        raise _too_large(path, f"{len(after):,}")
    _require_readable(after, done.after, path)
    return done, after


def _require_sound(edits: Sequence[Edit]) -> None:
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


def _spans(text: Text, edits: Sequence[Edit], path: str) -> tuple[Span, ...]:
    """What the edits mean in this text, in its order. Raises ToolError, which tells of several edits at once."""
    refused: list[str] = []
    spans: list[Span] = []
    size, occurrences = 0, Occurrences(text)
    for number, edit in enumerate(edits, start=1):
        most = min(max(edit.count, MAX_TOLD), 2 * MAX_FILE // len(edit.old))
        places = occurrences.places(edit.old, most + 1)
        if len(places) != edit.count:
            wrong = (
                described_places(text, places, edit.count, most) if places else described_miss(text, edit.old)
            )
            refused.append(f"Edit {number}: {wrong}")
            if len(refused) == _MAX_REFUSED:
                break
            continue
        size += len(edit.new) * len(places)
        if size > MAX_FILE:
            raise _too_large(path, f"more than {MAX_FILE:,}")
        spans += (Span(*place, new, number) for place, new in occurrences.written(places, edit.old, edit.new))
    if refused:
        raise ToolError(f"{shown(path)} was not changed.\n" + "\n".join(refused))
    spans.sort()
    _refuse_overlaps(spans, text, path)
    return tuple(spans)


def _too_large(path: str, bytes_then: str) -> ToolError:
    return ToolError(f"{shown(path)} would have {bytes_then} bytes then; at most {MAX_FILE:,} are edited.")


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
