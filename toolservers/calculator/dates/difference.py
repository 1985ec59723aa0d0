"""From one moment to another: in calendar parts, of which adding them is the inverse."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from toolservers.calculator.dates.adding import moved_days, moved_months
from toolservers.calculator.dates.durations import Duration
from toolservers.calculator.dates.moments import Moment, at_instant, on_clock
from toolservers.calculator.dates.notes import Notes


def between_days(start: date, end: date) -> Duration:
    """As many whole months as fit (each counted from `start`, month ends clamped), then days."""
    return _parts(start, end, 1 if end >= start else -1, lambda day: (day - end).days)


def between_moments(start: Moment, end: Moment) -> Duration:
    """Whole months and days on the clock of `start`'s zone, then exact time: `start` and this is `end`. Both
    have a zone, or neither."""
    sign = 1 if end.instant >= start.instant else -1
    here = at_instant(end.instant, start.zone)

    def beyond_end(day: date) -> int:
        reached = _kept(start, day).instant
        return (reached > end.instant) - (reached < end.instant)

    parts = _parts(start.wall.date(), here.wall.date(), sign, beyond_end)
    reached = _kept(start, moved_days(moved_months(start.wall.date(), parts.months), parts.days))
    return Duration(parts.months, parts.days, exact=end.instant - reached.instant)


def _kept(start: Moment, day: date) -> Moment:
    """The moment at which the clock of `start` is reached on another day; the steps are told elsewhere."""
    if day == start.wall.date():
        return start
    return on_clock(datetime.combine(day, start.wall.time()), start.zone, Notes())


def _parts(start: date, end: date, sign: int, compare: Callable[[date], int]) -> Duration:
    """The most months, then the most days, that do not go beyond the end. `compare` says on which side of it a
    day lies: above 0 later."""
    months = (end.year - start.year) * 12 + end.month - start.month
    months *= months * sign > 0  # a clock set back over midnight shows the day before, later
    while months * sign > 0 and compare(moved_months(start, months)) * sign > 0:
        months -= sign
    from_here = moved_months(start, months)
    days = (end - from_here).days
    days *= days * sign > 0
    while days * sign > 0 and compare(from_here + timedelta(days)) * sign > 0:
        days -= sign
    return Duration(months, days)
