"""Tables: on a terminal as wide as it is, with nothing left out; in a pipe values apart by tabs, with no header."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from gateway.cli.colours import coloured
from toolward.printable import printable

_GAP = "  "
_INDENT = "  "
_NARROWEST = 24
"""Characters of a column of text, below which it cannot be read."""


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            print("\t".join(row))
        return
    for line in in_width(header, cells, shutil.get_terminal_size((100, 0)).columns):
        print(line)


def in_width(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Where even folded text leaves no room for every column, each row is several lines, and so is the header."""
    names = [name.upper() for name in header]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    fitting = _fit(widths, rows, width)
    if fitting is not None:
        groups = [list(range(len(names)))]
    else:
        groups, fitting = _groups(widths, width), [min(most, width - len(_INDENT)) for most in widths]
    for number, row in enumerate((names, *rows)):
        for line in _row(row, groups, fitting):
            yield line if number else coloured(line, "dim", sys.stdout)


def _fit(widths: Sequence[int], rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Columns of text give way, the widest first; names and times do not. None where that is not enough."""
    found = list(widths)
    texts = {number for number in range(len(found)) if any(row[number].count(" ") > 1 for row in rows)}
    while (over := sum(found) + len(_GAP) * (len(found) - 1) - width) > 0:
        wide = [number for number in texts if found[number] > _NARROWEST]
        if not wide:
            return None
        widest = max(wide, key=found.__getitem__)
        found[widest] = max(found[widest] - over, _NARROWEST)
    return found


def _groups(widths: Sequence[int], width: int) -> list[list[int]]:
    """The columns that stand on one line, as many as fit."""
    groups: list[list[int]] = [[]]
    used = 0
    for number, most in enumerate(widths):
        if groups[-1] and used + len(_GAP) + most > width:
            groups.append([])
            used = 0
        groups[-1].append(number)
        used += len(_GAP) + most  # of the first column, the indent
    return groups


def _row(row: Sequence[str], groups: Sequence[Sequence[int]], widths: Sequence[int]) -> Iterator[str]:
    for place, group in enumerate(groups):
        folded = [_folded(row[number], widths[number]) for number in group]
        for index in range(max(map(len, folded))):
            cells = (lines[index] if index < len(lines) else "" for lines in folded)
            padded = (cell.ljust(widths[number]) for cell, number in zip(cells, group, strict=True))
            if line := _GAP.join(padded).rstrip():
                yield f"{_INDENT if place else ''}{line}"


def _folded(cell: str, width: int) -> list[str]:
    """At spaces only: what is one word can be copied whole."""
    if len(cell) <= width:
        return [cell]
    return textwrap.wrap(cell, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]
