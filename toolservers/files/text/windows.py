"""Windows of lines: from either end of a text, from a column of a long line, never more than fits into an answer.

A line ends with `\\n` (or `\\r` where a file has no `\\n`), which belongs to it. Windows that follow each other by
their `following` put together are the whole text.
"""

from dataclasses import dataclass
from typing import NamedTuple

from toolservers.files.text.encodings import Text
from toolward.errors import ToolError

MAX_CHARACTERS = 20_000
_STRIDE = 65_536


@dataclass(frozen=True)
class Asked:
    """`line` from 1, or below 0 from the end; `count` None for as many as fit; `column` from 1, in that line;
    `page` of a document, instead of `line`."""

    line: int = 1
    count: int | None = None
    column: int = 1
    page: int | None = None


class Position(NamedTuple):
    line: int
    column: int

    def __str__(self) -> str:
        return f"line={self.line}" + (f" column={self.column}" if self.column > 1 else "")


class Window(NamedTuple):
    """`first` and `last` are lines, below 0 where only the end is known; `total` is None where nobody counted."""

    text: str
    first: int
    last: int
    total: int | None
    following: Position | None
    """Where to go on; None at the end of the text."""


def window(text: Text, asked: Asked) -> Window:
    """Of a text in memory. Raises ToolError where the window lies behind the end."""
    require_line(asked.line)
    whole, end = text.text, text.terminator
    total = whole.count(end) + (whole != "" and not whole.endswith(end))
    line = asked.line if asked.line > 0 else max(1, total + 1 + asked.line)
    if line > max(total, 1):
        raise behind_end(line, total)
    start = _start(whole, end, line)
    if asked.column > 1:
        stop = whole.find(end, start) + 1 or len(whole)
        if start + asked.column > stop:
            raise behind_line(line, asked.column, stop - start)
        start += asked.column - 1
    piece = whole[start : start + MAX_CHARACTERS + 1]
    return cut(piece, end, Asked(line, asked.count, asked.column), total)


def cut(piece: str, end: str, asked: Asked, total: int | None) -> Window:
    """The window at the beginning of `piece`, which begins where `asked` says and has one character more than a
    window may, or else goes to the end of the text: whole lines, or a part of the first where it is longer."""
    length = lines = 0
    while lines != asked.count:
        found = piece.find(end, length, MAX_CHARACTERS)
        if found < 0:
            break
        length, lines = found + 1, lines + 1
    line, fits = asked.line, len(piece) <= MAX_CHARACTERS
    if lines != asked.count and fits and length < len(piece):  # the last line, without an end
        length, lines = len(piece), lines + 1
    if fits and length == len(piece):
        return Window(piece, line, line + max(lines, 1) - 1, total, None)
    if lines:
        return Window(piece[:length], line, line + lines - 1, total, Position(line + lines, 1))
    part = piece[:MAX_CHARACTERS]
    if piece[MAX_CHARACTERS - 1 :] == "\r\n":
        part = part[:-1]
    return Window(part, line, line, total, Position(line, asked.column + len(part)))


def require_line(line: int) -> None:
    if line == 0:
        raise ToolError("Lines are counted from 1, or from the end with -1 for the last; there is no line 0.")


def behind_end(line: int, total: int) -> ToolError:
    lines = "1 line" if total == 1 else f"{total:,} lines"
    return ToolError(f"Line {line:,} is behind the end: the file has {lines}; `line=-50` gives the last 50.")


def behind_line(line: int, column: int, length: int) -> ToolError:
    return ToolError(
        f"Column {column:,} is behind the end of line {line:,}, which has {length:,} characters with its end."
    )


def _start(text: str, end: str, line: int) -> int:
    """Where a line begins that there is. Long ways in strides, since counting is faster than finding each."""
    left, start = line - 1, 0
    while left > 1000:
        count = text.count(end, start, start + _STRIDE)
        if count >= left:
            break
        left, start = left - count, start + _STRIDE
    for _ in range(left):
        start = text.index(end, start) + 1
    return start
