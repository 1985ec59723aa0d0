"""`compute_dates`: from a start to a date, or from one date to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction

from toolservers.calculator.dates.adding import add_to, moved_day, named, skipped
from toolservers.calculator.dates.answer import DatesAnswer
from toolservers.calculator.dates.business import BusinessDays
from toolservers.calculator.dates.difference import between_days, between_moments
from toolservers.calculator.dates.durations import Duration, read_duration
from toolservers.calculator.dates.moments import Moment, at_instant, offsets, on_clock
from toolservers.calculator.dates.notes import Notes
from toolservers.calculator.dates.reading import (
    WEEKDAYS,
    Reading,
    read_date,
    read_time,
    read_weekday,
    read_zone,
)
from toolservers.calculator.dates.zones import Zone, edition, offset_text
from toolservers.calculator.numerals import exact_text
from toolservers.calculator.ordinary import ordinary
from toolward.errors import ToolError

WEEKEND = ("Saturday", "Sunday")
MAX_HOLIDAYS = 1000

_GREGORIAN = date(1582, 10, 15)
_NO_ZONE = "No zone was given: computed as if the clock were never changed."


def compute_dates(
    start: str,
    add: str | None = None,
    until: str | None = None,
    zone: str | None = None,
    to_zone: str | None = None,
    holidays: Sequence[str] = (),
    weekend: Sequence[str] = WEEKEND,
) -> DatesAnswer:
    """Add to a date or time, measure up to another, or convert between time zones. Steps are shown.

    Give `start` and at most one of `add` and `until`. Years to days move the calendar (month ends are
    clamped: 31 January + 1 month is 28 February), hours to seconds are exact time. There is no clock:
    today's date must be given. With `until`: the difference in calendar parts, days, business days, seconds.

    The words for the schema:
        start: `2026-11-26`, `2026-11-26T14:30`, with `+01:00`, `Z` or `[Europe/Berlin]` where known
        add: `P1M3D`, `1 month 3 days`, `-2 weeks`, `90 minutes`, `5 business days`
        until: the end of the difference, written as `start`
        zone: IANA name of the times that have none of their own, for example Europe/Berlin
        to_zone: show the result in this zone
        holidays: dates that are no business days; none are built in
        weekend: names of weekdays; by default Saturday and Sunday

    Raises ToolError for what cannot be read, is ambiguous, or is over a limit.
    """
    if add is not None and until is not None:
        raise ToolError("`add` and `until` ask for two different things; give one of them.")
    if until is not None and to_zone is not None:
        raise ToolError(
            "`to_zone` converts a time, and `until` asks for a difference; leave one of them out."
        )
    work = _Work(_business_days(holidays, weekend), read_zone(zone) if zone is not None else None, Notes())
    first = work.read(start, "`start`")
    if until is not None:
        return work.difference(first, work.read(until, "`until`"))
    duration = read_duration(add) if add is not None else Duration()
    if add is not None and (holidays or tuple(weekend) != WEEKEND) and not duration.business_days:
        work.notes.warn("`holidays` and `weekend` matter for business days only, and `add` has none.")
    return work.moved(first, duration, read_zone(to_zone) if to_zone is not None else None)


def _business_days(holidays: Sequence[str], weekend: Sequence[str]) -> BusinessDays:
    if len(holidays) > MAX_HOLIDAYS:
        raise ToolError(
            f"There are {len(holidays):,} holidays, the limit is {MAX_HOLIDAYS:,}; give those of these years."
        )
    if len(weekend) > 20 or len(free := {read_weekday(name) for name in weekend}) > 6:
        raise ToolError("Every day of the week is in `weekend`; leave at least one business day.")
    return BusinessDays(free, [read_date(text, f"Holiday {at}") for at, text in enumerate(holidays, 1)])


@dataclass
class _Work:
    business: BusinessDays
    zone: Zone | None
    """Of the readings that have none of their own."""
    notes: Notes
    asked: bool = False
    """Whether the time zone database was."""

    def read(self, text: str, what: str) -> Reading:
        reading = read_time(text, what)
        if str(reading.day) not in ordinary(text):
            self.notes.step(f"{what}, {text!r}, was read as {named(reading.day)}")
        return reading

    def moved(self, first: Reading, duration: Duration, to_zone: Zone | None) -> DatesAnswer:
        if first.clock is None and not duration.exact:
            if to_zone is not None:
                raise ToolError(
                    "A date alone cannot be converted to a zone; give `start` a time: 2026-11-26T14:30."
                )
            return self._answer(moved_day(first.day, duration, self.business, self.notes))
        start = self.moment(first, "`start`")
        self._warn_of_clock(start, duration)
        moment = add_to(start, duration, self.business, self.notes)
        if to_zone is not None:
            moment = self._converted(moment, to_zone)
        return self._answer(moment)

    def difference(self, first: Reading, last: Reading) -> DatesAnswer:
        named_zone = self.zone or first.zone or last.zone
        if first.clock is None and last.clock is None and named_zone is None:
            parts, start, end = between_days(first.day, last.day), first.day, last.day
            seconds = None
        else:
            before = self.moment(first, "`start`")
            after = self.moment(last, "`until`", before.zone)
            if (before.zone is None) != (after.zone is None):
                raise ToolError("`start` has no zone and `until` has one; give `zone`, that of `start`.")
            if before.zone is None:
                self.notes.warn(_NO_ZONE)
            parts = between_moments(before, after)
            here = self._converted(after, before.zone) if before.zone is not None else after
            start, end, seconds = before.wall.date(), here.wall.date(), after.instant - before.instant
        return self._measured(start, end, parts, seconds)

    def _measured(self, start: date, end: date, parts: Duration, seconds: timedelta | None) -> DatesAnswer:
        business = self.business.between(start, end)
        holidays = self.business.holidays_in(*_counted_days(start, end))
        days = (end - start).days
        back = " back" if parts.iso.startswith("-") else ""
        self.notes.step(
            f"{named(start)} to {named(end)}: {parts.words}{back}, or {days:,} days on the calendar"
        )
        both = f"{abs(business) + self.business.has(start):,}"
        self.notes.step(
            f"{abs(business):,} business days without the day of `start` itself, {both} with it; skipped "
            + skipped(abs(days) - abs(business), holidays)
        )
        self._warn_of_age(start, end)
        return DatesAnswer(
            result=parts.iso,
            weekday=None,
            iso_week=None,
            zone=None,
            calendar_days=str(days),
            business_days=str(business),
            seconds=exact_text(Fraction(seconds // timedelta(microseconds=1), 10**6))
            if seconds is not None
            else None,
            steps=self.notes.steps,
            warnings=self.notes.warnings,
            tzdata=edition() if self.asked else None,
        )

    def moment(self, reading: Reading, what: str, otherwise: Zone | None = None) -> Moment:
        """A reading on the clock of its own zone, else of `zone`, else at its own offset, else of `otherwise`."""
        if reading.clock is None:
            self.notes.warn(f"{what} has no time: 00:00 was taken.")
        wall = datetime.combine(reading.day, reading.clock or time())
        zone = self._asking(reading.zone or self.zone)
        if reading.offset is None:
            return on_clock(wall, zone or otherwise, self.notes)
        at_offset = Moment(wall, reading.offset, reading.offset.rules.utcoffset(None) or timedelta(0))
        if zone is None:
            return at_offset
        if reading.zone is not None and at_offset.offset not in offsets(wall, zone):
            raise ToolError(
                f"{what} contradicts itself: the clock of {zone.name} has the offset "
                f"{offset_text(on_clock(wall, zone, Notes()).offset)} at {wall.isoformat()}; leave out one of them."
            )
        return self._converted(at_offset, zone)

    def _asking(self, zone: Zone | None) -> Zone | None:
        if zone is not None and zone.is_named:
            self.asked = True
            if zone.warning:
                self.notes.warn(zone.warning)
        return zone

    def _converted(self, moment: Moment, zone: Zone) -> Moment:
        if moment.zone is None:
            raise ToolError("`start` has no zone; give `zone`, or an offset such as +01:00 behind the time.")
        self._asking(zone)
        there = at_instant(moment.instant, zone)
        if there.text != moment.text:
            self.notes.step(f"{moment.text} is {there.text} in {zone.name}")
        return there

    def _warn_of_clock(self, start: Moment, duration: Duration) -> None:
        if start.zone is None and duration.exact:
            self.notes.warn(_NO_ZONE)
        elif (
            start.zone is not None
            and not start.zone.is_named
            and start.zone.name != "UTC"
            and duration.moves_calendar
        ):
            self.notes.warn(f"The offset {start.zone.name} was kept; where clocks are changed, give `zone`.")

    def _warn_of_age(self, *days: date) -> None:
        if min(days) < _GREGORIAN:
            self.notes.warn("Dates before 15 October 1582 are of the Gregorian calendar, reckoned backwards.")

    def _answer(self, result: date | Moment) -> DatesAnswer:
        day = result.wall.date() if isinstance(result, Moment) else result
        zone = result.zone if isinstance(result, Moment) else None
        year, week, _ = day.isocalendar()
        self._warn_of_age(day)
        return DatesAnswer(
            result=result.text if isinstance(result, Moment) else str(result),
            weekday=WEEKDAYS[day.weekday()],
            iso_week=f"{year:04}-W{week:02}",
            zone=zone.name if zone is not None else None,
            calendar_days=None,
            business_days=None,
            seconds=None,
            steps=self.notes.steps,
            warnings=self.notes.warnings,
            tzdata=edition() if self.asked else None,
        )


def _counted_days(start: date, end: date) -> tuple[date, date]:
    """The days that a count of business days goes over: those after the start, with the end."""
    if start == end:
        return date.max, date.max
    day = timedelta(1)
    return (start + day, end) if end > start else (end, start - day)
