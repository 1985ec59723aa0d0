"""Bar charts as figures of SVG: places are reckoned here, and drawn by `usage/chart.html`. Nothing is coloured by a
style of its own, which the console's policy of contents forbids: classes are."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 360, 140
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 4, 8, 20
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


class Series(NamedTuple):
    """One value for each place of the axis; None where there is none. `kind` is the class that colours it."""

    name: str
    kind: str
    values: Sequence[float | None]


class Bar(NamedTuple):
    x: float
    y: float
    width: float
    height: float
    kind: str


class Column(NamedTuple):
    """What stands at one place: `said` is read where a pointer rests on it."""

    x: float
    width: float
    said: str
    bars: tuple[Bar, ...]


class Mark(NamedTuple):
    at: float
    said: str


class Chart(NamedTuple):
    """`said` tells in a sentence what a picture cannot to who does not see it."""

    title: str
    said: str
    legend: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    ups: tuple[Mark, ...]
    alongs: tuple[Mark, ...]
    empty: bool
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    floor: int = HEIGHT - _BOTTOM


def chart(
    title: str,
    places: Sequence[str],
    series: Sequence[Series],
    tell: Callable[[float | None], str],
    *,
    stacked: bool = True,
) -> Chart:
    """`places` are the names along the axis (days, say). Series stand on each other, or beside each other."""
    columns = [[one.values[index] for one in series] for index in range(len(places))]
    heights = [_highest(values, stacked=stacked) for values in columns]
    most = max(heights, default=0.0)
    top = nice(most) or 1.0
    step = (WIDTH - _LEFT - _RIGHT) / max(len(places), 1)
    drawn = tuple(
        Column(
            round(_LEFT + index * step, 2),
            round(step, 2),
            _said(places[index], series, values, tell),
            tuple(_bars(_LEFT + index * step, step, values, series, top, stacked=stacked)),
        )
        for index, values in enumerate(columns)
    )
    return Chart(
        title,
        _sentence(title, places, heights, most, tell),
        tuple((one.name, one.kind) for one in series) if len(series) > 1 else (),
        drawn,
        tuple(Mark(round(_y(share * top, top), 2), tell(share * top)) for share in (0.0, 0.5, 1.0)),
        tuple(_alongs(places, step)),
        not most,
    )


def nice(value: float) -> float:
    """The next number that people like to see on an axis; 0 for 0."""
    if value <= 0:
        return 0.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in _STEPS if step * size >= value * 0.9999)


def _highest(values: Sequence[float | None], *, stacked: bool) -> float:
    there = [one for one in values if one is not None]
    return (sum(there) if stacked else max(there, default=0.0)) or 0.0


def _y(value: float, top: float) -> float:
    return HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM)


def _bars(
    x: float,
    step: float,
    values: Sequence[float | None],
    series: Sequence[Series],
    top: float,
    *,
    stacked: bool,
) -> list[Bar]:
    gap = min(step * 0.2, 3.0)
    room = (step - gap) / (1 if stacked else len(values))
    found: list[Bar] = []
    below = 0.0
    for index, value in enumerate(values):
        if not value:
            continue
        left = x + gap / 2 + (0 if stacked else index * room)
        upper = _y(below + value, top)
        height = max(_y(below, top) - upper, 0.75)  # what there is can be seen
        found.append(
            Bar(round(left, 2), round(upper, 2), round(room, 2), round(height, 2), series[index].kind)
        )
        below += value if stacked else 0
    return found


def _said(
    place: str, series: Sequence[Series], values: Sequence[float | None], tell: Callable[[float | None], str]
) -> str:
    if len(series) == 1:
        return f"{place}: {tell(values[0])}"
    parts = (f"{one.name} {tell(value)}" for one, value in zip(series, values, strict=True))
    return f"{place}: {', '.join(parts)}"


def _sentence(
    title: str,
    places: Sequence[str],
    heights: Sequence[float],
    most: float,
    tell: Callable[[float | None], str],
) -> str:
    if not places or not most:
        return f"{title}: nothing in this time."
    where = places[heights.index(most)]
    return f"{title} by day, {places[0]} to {places[-1]}; the most was {tell(most)}, on {where}."


def _alongs(places: Sequence[str], step: float) -> list[Mark]:
    """Names of the first, the middle and the last place: more would not fit on a small screen."""
    last = len(places) - 1
    chosen = sorted({0, last // 2, last}) if last > 1 else list(range(len(places)))
    return [Mark(round(_LEFT + (index + 0.5) * step, 2), places[index][5:]) for index in chosen]
