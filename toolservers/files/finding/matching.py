"""The lines of one file in which a query is found, with lines around them."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from toolservers.files.finding.queries import Query
from toolservers.files.text.blocks import Block


class Line(NamedTuple):
    """`text` is UTF-8 without its end, of a very long line a piece; `match` is where in it the first match lies,
    None in a line that is shown only for its neighbour."""

    number: int
    text: bytes
    match: tuple[int, int] | None


def matching_lines(blocks: Iterable[Block], query: Query, context: int = 0) -> Iterator[Line]:
    """In their order, each once. With `context`, that many lines before and after each that matches."""
    before: deque[Line] = deque(maxlen=context)
    matched, shown, after = 0, 0, 0  # the last lines that were given; how many are still due
    for block in blocks:
        matches = _matches(block, query)
        for line in _with_others(block, matches) if context else matches:
            if line.number <= (shown if line.match is None else matched):
                continue  # another piece of a long line
            if line.match is not None:
                yield from (earlier for earlier in before if earlier.number < line.number)
                before.clear()
                yield line
                matched, shown, after = line.number, line.number, context
            elif after:
                yield line
                shown, after = line.number, after - 1
            elif not before or before[-1].number < line.number:
                before.append(line)


def _matches(block: Block, query: Query) -> Iterator[Line]:
    text, number, start, end = block
    counted = start
    while start < end:
        found = query.first(text, start, end)
        if found is None or (found[0] == end and text.endswith(b"\n")):
            return
        begin = text.rfind(b"\n", 0, found[0]) + 1
        stop = text.find(b"\n", found[1], end)
        stop = end if stop < 0 else stop
        number += text.count(b"\n", counted, begin)
        yield Line(number, text[begin:stop], (found[0] - begin, found[1] - begin))
        counted, start = begin, stop + 1


def _with_others(block: Block, matches: Iterator[Line]) -> Iterator[Line]:
    lines = block.text[: block.end].split(b"\n")
    if not lines[-1]:
        lines.pop()
    match = next(matches, None)
    for number, text in enumerate(lines, start=block.line):
        if match is not None and match.number == number:
            yield match
            match = next(matches, None)
        else:
            yield Line(number, text, None)
