"""A unified diff of known replacements: made from their places, so that no two texts have to be compared."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from toolservers.files.editing.edits import Edited

CONTEXT = 3
MAX_CHARACTERS = 20_000


class _Block(NamedTuple):
    """Lines of the text, with their ends, and what comes in their place; `start` and `stop` are their characters,
    `line` is the number of the first, from 0."""

    start: int
    stop: int
    line: int
    old: list[str]
    new: list[str]

    @property
    def growth(self) -> int:
        return len(self.new) - len(self.old)


def unified_diff(edited: Edited, path: str) -> str:
    """Ends of lines are shown as `\\n`, but for a mixed file, where each `\\r` stays; cut where it is too long."""
    return _Diff(edited).shown(path)


class _Diff:
    def __init__(self, edited: Edited) -> None:
        self._text, self._spans = edited.before.text, edited.spans
        self._end = edited.before.terminator
        self._hidden = "" if edited.before.end_of_line == "mixed" else "\r"

    def shown(self, path: str) -> str:
        told, shift, length = [f"--- {path}\n+++ {path}\n"], 0, 0
        for group in _grouped(self._blocks()):
            hunk = self._hunk(group, shift)
            shift += sum(block.growth for block in group)
            length += len(hunk)
            if length > MAX_CHARACTERS:
                told.append(f"{hunk[: MAX_CHARACTERS - length]}\n… the diff goes on\n")
                break
            told.append(hunk)
        return "".join(told)

    def _blocks(self) -> Iterator[_Block]:
        """The lines that replacements touch, those together that touch the same one, or that become one."""
        spans = deque(self._spans)
        line = at = 0  # the line with this number begins at or before this character
        while spans:
            start = self._text.rfind(self._end, at, spans[0].start) + 1 or at
            line += self._text.count(self._end, at, start)
            at, stop, pieces = start, self._behind(start), [""]
            while True:
                if spans and spans[0].start < stop:
                    span = spans.popleft()
                    pieces += filter(None, (self._text[at : span.start], span.new))
                    at = span.stop
                elif at > stop:
                    stop = self._behind(at - 1)
                elif at == stop < len(self._text) and self._is_open(pieces[-1]):
                    stop = self._behind(stop)
                else:
                    break
            pieces.append(self._text[at:stop])
            block = _trimmed(start, line, self._lines(self._text[start:stop]), self._lines("".join(pieces)))
            line, at = line + self._text.count(self._end, start, stop), stop
            if block.old or block.new:
                yield block

    def _is_open(self, piece: str) -> bool:
        """Whether the next line is joined to what came before."""
        return piece != "" and not piece.endswith(self._end)

    def _behind(self, at: int) -> int:
        """Where the line with this character ends, its end included."""
        return self._text.find(self._end, at) + 1 or len(self._text)

    def _lines(self, text: str) -> list[str]:
        """With their ends; the last may have none."""
        *lines, last = text.split(self._end)
        return [*(line + self._end for line in lines), *([last] if last else [])]

    def _hunk(self, group: Sequence[_Block], shift: int) -> str:
        """`shift` is by how many lines the hunks above have made the text longer."""
        begin = group[0].start
        for _ in range(CONTEXT):
            begin = self._text.rfind(self._end, 0, max(begin - 1, 0)) + 1
        stop = group[-1].stop
        for _ in range(CONTEXT):
            stop = self._behind(stop) if stop < len(self._text) else stop
        first = group[0].line - self._text.count(self._end, begin, group[0].start)
        told: list[str] = []
        at = begin
        for block in group:
            told += self._signed(" ", self._lines(self._text[at : block.start]))
            told += (*self._signed("-", block.old), *self._signed("+", block.new))
            at = block.stop
        told += self._signed(" ", self._lines(self._text[at:stop]))
        count = len(self._lines(self._text[begin:stop]))
        after = count + sum(block.growth for block in group)
        return f"@@ -{_range(first, count)} +{_range(first + shift, after)} @@\n" + "".join(told)

    def _signed(self, sign: str, lines: Sequence[str]) -> Iterator[str]:
        for line in lines:
            if line.endswith(self._end):
                yield f"{sign}{line[:-1].removesuffix(self._hidden)}\n"
            else:
                yield f"{sign}{line}\n\\ No newline at end of file\n"


def _trimmed(start: int, line: int, old: list[str], new: list[str]) -> _Block:
    """Without the lines at its ends that stay as they are."""
    least = min(len(old), len(new))
    above = 0
    while above < least and old[above] == new[above]:
        above += 1
    below = 0
    while below < least - above and old[-1 - below] == new[-1 - below]:
        below += 1
    start += sum(map(len, old[:above]))
    changed = old[above : len(old) - below]
    stop = start + sum(map(len, changed))
    return _Block(start, stop, line + above, changed, new[above : len(new) - below])


def _grouped(blocks: Iterator[_Block]) -> Iterator[list[_Block]]:
    """Those whose contexts would touch."""
    group: list[_Block] = []
    for block in blocks:
        if group and block.line - (group[-1].line + len(group[-1].old)) > 2 * CONTEXT:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _range(first: int, count: int) -> str:
    start = first + 1 if count else first
    return f"{start}" if count == 1 else f"{start},{count}"
