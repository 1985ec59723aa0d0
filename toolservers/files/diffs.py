"""A unified diff of known replacements: made from their places, in time that grows with the text alone."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from toolservers.files.edits import Edited

CONTEXT = 3
MAX_CHARACTERS = 20_000


class _Block(NamedTuple):
    """Whole lines, from 0, and what comes in their place."""

    first: int
    stop: int
    new: list[str]


def unified_diff(edited: Edited, path: str) -> str:
    """Ends of lines are shown as `\\n`, but for a mixed file, where each `\\r` stays; cut where it is too long."""
    end = edited.before.terminator
    old = _lines(edited.before.text, end)
    blocks = [_trimmed(old, block) for block in _blocks(edited, old, end)]
    hide = "" if edited.before.end_of_line == "mixed" else "\r"
    told, shift, length = [f"--- {path}\n+++ {path}\n"], 0, 0
    for group in _grouped([block for block in blocks if old[block.first : block.stop] != block.new]):
        hunk = _hunk(old, group, shift, end, hide)
        shift += _growth(group)
        length += len(hunk)
        if length > MAX_CHARACTERS:
            told.append(f"{hunk[: MAX_CHARACTERS - length]}\n… the diff goes on\n")
            break
        told.append(hunk)
    return "".join(told)


def _lines(text: str, end: str) -> list[str]:
    """With their ends; the last may have none."""
    lines = [line + end for line in text.split(end)]
    lines[-1] = lines[-1].removesuffix(end)
    return lines if lines[-1] else lines[:-1]


def _blocks(edited: Edited, lines: Sequence[str], end: str) -> list[_Block]:
    """The lines that replacements touch, those together that touch the same one, or that become one."""
    text, spans = edited.before.text, deque(edited.spans)
    blocks: list[_Block] = []
    number = at = 0  # the line with this number begins at this character
    while spans:
        while at + len(lines[number]) <= spans[0].start:
            at, number = at + len(lines[number]), number + 1
        first, pieces, reached = number, [""], at
        while True:
            if spans and spans[0].start < at:
                span = spans.popleft()
                pieces += filter(None, (text[reached : span.start], span.new))
                reached = span.stop
            elif number == first or at < reached or (at == reached < len(text) and _is_open(pieces[-1], end)):
                at, number = at + len(lines[number]), number + 1
            else:
                break
        pieces.append(text[reached:at])
        blocks.append(_Block(first, number, _lines("".join(pieces), end)))
    return blocks


def _is_open(piece: str, end: str) -> bool:
    return piece != "" and not piece.endswith(end)


def _trimmed(old: Sequence[str], block: _Block) -> _Block:
    """Without the lines at its ends that stay as they are."""
    first, stop, new = block
    above = 0
    while above < min(stop - first, len(new)) and old[first + above] == new[above]:
        above += 1
    below = 0
    while below < min(stop - first, len(new)) - above and old[stop - 1 - below] == new[-1 - below]:
        below += 1
    return _Block(first + above, stop - below, new[above : len(new) - below])


def _grouped(blocks: Sequence[_Block]) -> list[list[_Block]]:
    """Those whose contexts would touch."""
    groups: list[list[_Block]] = []
    for block in blocks:
        if groups and block.first - groups[-1][-1].stop <= 2 * CONTEXT:
            groups[-1].append(block)
        else:
            groups.append([block])
    return groups


def _hunk(old: Sequence[str], group: Sequence[_Block], shift: int, end: str, hide: str) -> str:
    """`shift` is by how many lines the hunks above have made the text longer."""
    begin, stop = max(group[0].first - CONTEXT, 0), min(group[-1].stop + CONTEXT, len(old))
    told: list[str] = []
    at = begin
    for block in group:
        told += (_line(" ", line, end, hide) for line in old[at : block.first])
        told += (_line("-", line, end, hide) for line in old[block.first : block.stop])
        told += (_line("+", line, end, hide) for line in block.new)
        at = block.stop
    told += (_line(" ", line, end, hide) for line in old[at:stop])
    count = stop - begin + _growth(group)
    return f"@@ -{_range(begin, stop - begin)} +{_range(begin + shift, count)} @@\n" + "".join(told)


def _growth(blocks: Sequence[_Block]) -> int:
    return sum(len(block.new) - (block.stop - block.first) for block in blocks)


def _range(first: int, count: int) -> str:
    start = first + 1 if count else first
    return f"{start}" if count == 1 else f"{start},{count}"


def _line(sign: str, line: str, end: str, hide: str) -> str:
    if line.endswith(end):
        return f"{sign}{line[:-1].removesuffix(hide)}\n"
    return f"{sign}{line}\n\\ No newline at end of file\n"
