"""Where the time of a run went, and the axis on which its waterfall is drawn. Pure; times are Unix milliseconds.

At each moment a run's time is one thing's: the model's where it is asked, else a tool's, else that of a person who
is waited for, else a pause's; what is nobody's is the gateway's. After its end and before the conversation goes on
it is no time of the run's.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from gateway.servers.console.runs.steps import Span

Whose = Literal["model", "tool", "person", "pause", "idle", "gateway"]
FIRST: tuple[Whose, ...] = ("model", "tool", "person", "pause", "idle", "gateway")
"""Whose a moment is of which several are under way: the first one's."""

WIDTH = 1000.0
_FOLDED = 0.15
"""What a wait takes of the axis at most, as a part of the time of work."""
_NICE = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)


class Part(NamedTuple):
    whose: Whose
    start: int
    end: int

    @property
    def ms(self) -> int:
        return self.end - self.start


def parts(spans: Iterable[Span], start: int, end: int) -> list[Part]:
    """The time from `start` to `end`, without gaps, each part as long as it can be."""
    moves: list[tuple[int, int, Whose]] = []
    for span in spans:
        first, last = max(span.start, start), min(end if span.end is None else span.end, end)
        if first < last:
            moves.append((first, 1, span.kind))
            moves.append((last, -1, span.kind))
    moves.sort(key=lambda one: one[0])
    going: dict[Whose, int] = dict.fromkeys(FIRST, 0)
    going["gateway"] = 1
    found: list[Part] = []
    ends = [*(at for at, _, _ in moves[1:]), end]
    _put(found, "gateway", start, moves[0][0] if moves else end)
    for (at, by, kind), until in zip(moves, ends, strict=bool(moves)):
        going[kind] += by
        _put(found, next(one for one in FIRST if going[one]), at, until)
    return found


def _put(found: list[Part], whose: Whose, start: int, end: int) -> None:
    if start >= end:
        return
    if found and found[-1].whose == whose:
        found[-1] = Part(whose, found[-1].start, end)
    else:
        found.append(Part(whose, start, end))


def shares(found: Iterable[Part]) -> dict[Whose, int]:
    """Milliseconds of each, in the order of `FIRST`; of whom there are none is left out."""
    sums = dict.fromkeys(FIRST, 0)
    for part in found:
        sums[part.whose] += part.ms
    return {whose: ms for whose, ms in sums.items() if ms and whose != "idle"}


class Axis:
    """From moments to places from 0 to `WIDTH`. Waits that would leave no room for work are folded: their length on
    the axis is bounded, and the page says so. While a run `grows` its axis has room to spare, so that what is drawn
    already keeps its place for a while; two axes are equal where they put what both have in the same places."""

    def __init__(self, found: Sequence[Part], *, grows: bool = False) -> None:
        worked = float(sum(part.ms for part in found if part.whose in ("model", "tool")))
        self._most = _FOLDED * (nice(worked) if grows else worked) or float("inf")
        lengths = [min(float(part.ms), self._longest(part)) for part in found]
        whole = sum(lengths)
        self._whole = (nice(whole) if grows else whole) or 1.0
        self._parts = found
        self._starts = [part.start for part in found]
        self._before = [0.0]
        for length in lengths:
            self._before.append(self._before[-1] + length)
        self.folded = [part for part, length in zip(found, lengths, strict=True) if length < part.ms]

    def _longest(self, part: Part) -> float:
        return float("inf") if part.whose in ("model", "tool") else self._most

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Axis) and (self._most, self._whole, self._starts[:1]) == (
            other._most,
            other._whole,
            other._starts[:1],
        )

    __hash__ = None  # pyright: ignore[reportAssignmentType] -- compared, never kept in a set

    def place(self, at: int) -> float:
        index = bisect_right(self._starts, at) - 1
        if index < 0:
            return 0.0
        part = self._parts[index]
        done = min(max(at - part.start, 0) / part.ms, 1.0)
        length = self._before[index + 1] - self._before[index]
        return round((self._before[index] + done * length) / self._whole * WIDTH, 1)


class Bar(NamedTuple):
    """Where a span is drawn."""

    kind: str
    x: float
    width: float


_THINNEST = 4.0


def bars(spans: Iterable[Span], axis: Axis, start: int, now: int) -> list[Bar]:
    """None is so thin that it cannot be seen."""
    found: list[Bar] = []
    for span in spans:
        left = axis.place(max(span.start, start))
        right = axis.place(max(now if span.end is None else span.end, start))
        width = max(right - left, _THINNEST)
        found.append(Bar(span.kind, round(min(left, WIDTH - width), 1), round(width, 1)))
    return found


def nice(value: float) -> float:
    """The next round number that is not smaller."""
    if value <= 0:
        return 0.0
    size = 1.0
    while size * 10 <= value:
        size *= 10
    return next(size * step for step in _NICE if size * step >= value)


def strip(found: Iterable[Part]) -> list[Bar]:
    """The shares of the whole beside each other, on the axis's width."""
    sums = shares(found)
    whole = sum(sums.values()) or 1
    edges = [0.0]
    for ms in sums.values():
        edges.append(edges[-1] + ms / whole * WIDTH)
    return [
        Bar(whose, round(left, 1), round(right - left, 1))
        for whose, (left, right) in zip(sums, pairwise(edges), strict=True)
    ]
