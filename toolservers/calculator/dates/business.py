"""Which days count as business days; counted by arithmetic, not day by day."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date

_LAST = date.max.toordinal()


class BusinessDays:
    """Days that are neither of the `weekend` (0 is Monday) nor one of the `holidays`."""

    def __init__(self, weekend: Iterable[int], holidays: Iterable[date]) -> None:
        self._weekend = frozenset(weekend)
        days = {day.toordinal() for day in holidays if day.weekday() not in self._weekend}
        self._holidays = sorted(days)  # those that would be business days otherwise
        self._in_week = [sum(day not in self._weekend for day in range(count)) for count in range(8)]

    def moved(self, start: date, count: int) -> date | None:
        """`count` business days after `start`, or before it; `start` itself is not counted, and 0 does not move.
        None where the calendar ends first."""
        if count == 0:
            return start
        here = start.toordinal()
        wanted = self._until(here) + count if count > 0 else self._until(here - 1) + count + 1
        if wanted < 1 or wanted > self._until(_LAST):
            return None
        return date.fromordinal(bisect_left(range(_LAST + 1), wanted, key=self._until))

    def between(self, start: date, end: date) -> int:
        """Those after `start` up to and including `end`; where `end` is before, those from `end` up to the day
        before `start`, as a negative number. The inverse of `moved` where `end` is a business day."""
        first, last = start.toordinal(), end.toordinal()
        if last < first:
            first, last = first - 1, last - 1
        return self._until(last) - self._until(first)

    def has(self, day: date) -> bool:
        return self._until(day.toordinal()) > self._until(day.toordinal() - 1)

    def holidays_counted(self, start: date, end: date) -> list[date]:
        """Those that `between` goes over and that fall on no weekend."""
        first, last = start.toordinal() + 1, end.toordinal() + 1
        if end < start:
            first, last = last - 1, first - 1
        found = self._holidays[bisect_left(self._holidays, first) : bisect_left(self._holidays, last)]
        return [date.fromordinal(day) for day in found]

    def _until(self, ordinal: int) -> int:
        """How many business days there are from the year 1 to this day; its first day, 1, was a Monday."""
        weeks, days = divmod(ordinal, 7)
        return weeks * self._in_week[7] + self._in_week[days] - bisect_right(self._holidays, ordinal)
