"""`compute_dates`: from a start to a date, or from one date to another."""

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction

from toolservers.calculator.dates.adding import add_to, moved_day, named, skipped
from toolservers.calculator.dates.answer import DatesAnswer
from toolservers.calculator.dates.business import BusinessDays
from toolservers.calculator.dates.clocks import Clocks
from toolservers.calculator.dates.difference import between_days, between_moments
from toolservers.calculator.dates.durations import Duration, read_duration
from toolservers.calculator.dates.moments import Moment
from toolservers.calculator.dates.notes import Notes
from toolservers.calculator.dates.reading import (
    WEEKDAYS,
    Reading,
    read_date,
    read_time,
    read_weekday,
    read_zone,
)
from toolservers.calculator.dates.zones import Zone
from toolservers.calculator.numerals import exact_text
from toolservers.calculator.ordinary import ordinary
from toolward.errors import ToolError

WEEKEND = ("Saturday", "Sunday")
MAX_HOLIDAYS = 1000

_GREGORIAN = date(1582, 10, 15)
_MICROSECOND = timedelta(microseconds=1)
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
    """`start` moved by the duration `add`, or the difference to `until`, or `start` shown in `to_zone`.

    Years to days move the calendar, and the clock is kept; hours to seconds are exact time. Raises ToolError for
    what cannot be read, is ambiguous, contradicts itself, or is over a limit.
    """
    if add is not None and until is not None:
        raise ToolError("`add` and `until` ask for two different things; give one of them.")
    if until is not None and to_zone is not None:
        raise ToolError(
            "`to_zone` converts a time, and `until` asks for a difference; leave one of them out."
        )
    business = _business_days(holidays, weekend)
    clocks = Clocks(read_zone(zone) if zone is not None else None, Notes())
    first = _read(start, "`start`", clocks.notes)
    if until is not None:
        return _difference(first, _read(until, "`until`", clocks.notes), clocks, business)
    duration = read_duration(add) if add is not None else Duration()
    if add is not None and (holidays or tuple(weekend) != WEEKEND) and not duration.business_days:
        clocks.notes.warn("`holidays` and `weekend` matter for business days only, and `add` has none.")
    return _moved(first, duration, read_zone(to_zone) if to_zone is not None else None, clocks, business)


def _business_days(holidays: Sequence[str], weekend: Sequence[str]) -> BusinessDays:
    if len(holidays) > MAX_HOLIDAYS:
        raise ToolError(
            f"There are {len(holidays):,} holidays, the limit is {MAX_HOLIDAYS:,}; give those of these years."
        )
    if len(weekend) > 20 or len(free := {read_weekday(name) for name in weekend}) > 6:
        raise ToolError("Every day of the week is in `weekend`; leave at least one business day.")
    return BusinessDays(free, [read_date(text, f"Holiday {at}") for at, text in enumerate(holidays, 1)])


def _read(text: str, what: str, notes: Notes) -> Reading:
    reading = read_time(text, what)
    if str(reading.day) not in ordinary(text):
        notes.step(f"{what}, {text!r}, was read as {named(reading.day)}")
    return reading


def _moved(
    first: Reading, duration: Duration, to_zone: Zone | None, clocks: Clocks, business: BusinessDays
) -> DatesAnswer:
    if first.clock is None and not duration.exact:
        if to_zone is not None:
            raise ToolError(
                "A date alone cannot be converted to a zone; give `start` a time: 2026-11-26T14:30."
            )
        day = moved_day(first.day, duration, business, clocks.notes)
        return _on_a_day(day, str(day), None, clocks)
    start = clocks.moment(first, "`start`")
    _warn_of_clock(start, duration, clocks.notes)
    moment = add_to(start, duration, business, clocks.notes)
    if to_zone is not None:
        moment = clocks.converted(moment, to_zone)
    return _on_a_day(moment.wall.date(), moment.text, moment.zone, clocks)


def _on_a_day(day: date, result: str, zone: Zone | None, clocks: Clocks) -> DatesAnswer:
    _warn_of_age(clocks.notes, day)
    year, week, _ = day.isocalendar()
    return DatesAnswer(
        result=result,
        steps=clocks.notes.steps,
        warnings=clocks.notes.warnings,
        weekday=WEEKDAYS[day.weekday()],
        iso_week=f"{year:04}-W{week:02}",
        zone=zone.name if zone is not None else None,
        tzdata=clocks.tzdata,
    )


def _difference(first: Reading, last: Reading, clocks: Clocks, business: BusinessDays) -> DatesAnswer:
    if first.clock is None and last.clock is None and clocks.zone is None:
        return _measured(first.day, last.day, between_days(first.day, last.day), None, clocks, business)
    start = clocks.moment(first, "`start`")
    end = clocks.moment(last, "`until`", start.zone)
    if (start.zone is None) != (end.zone is None):
        raise ToolError("`start` has no zone and `until` has one; give `zone`, that of `start`.")
    if start.zone is None:
        clocks.notes.warn(_NO_ZONE)
    here = clocks.converted(end, start.zone) if start.zone is not None else end
    passed = end.instant - start.instant
    return _measured(
        start.wall.date(), here.wall.date(), between_moments(start, end), passed, clocks, business
    )


def _measured(
    start: date, end: date, parts: Duration, passed: timedelta | None, clocks: Clocks, business: BusinessDays
) -> DatesAnswer:
    notes, days, working = clocks.notes, (end - start).days, business.between(start, end)
    back = " back" if parts.iso.startswith("-") else ""
    notes.step(f"{named(start)} to {named(end)}: {parts.words}{back}, or {days:,} days on the calendar")
    holidays = business.holidays_counted(start, end)
    notes.step(
        f"{abs(working):,} business days without the day of `start` itself, "
        f"{abs(working) + business.has(start):,} with it; skipped {skipped(abs(days) - abs(working), holidays)}"
    )
    _warn_of_age(notes, start, end)
    return DatesAnswer(
        result=parts.iso,
        steps=notes.steps,
        warnings=notes.warnings,
        calendar_days=str(days),
        business_days=str(working),
        seconds=exact_text(Fraction(passed // _MICROSECOND, 10**6)) if passed is not None else None,
        tzdata=clocks.tzdata,
    )


def _warn_of_clock(start: Moment, duration: Duration, notes: Notes) -> None:
    if start.zone is None:
        if duration.exact:
            notes.warn(_NO_ZONE)
    elif not start.zone.is_named and start.zone.name != "UTC" and duration.moves_calendar:
        notes.warn(f"The offset {start.zone.name} was kept; where clocks are changed, give `zone`.")


def _warn_of_age(notes: Notes, *days: date) -> None:
    if min(days) < _GREGORIAN:
        notes.warn("Dates before 15 October 1582 are of the Gregorian calendar, reckoned backwards.")
