"""A moment and a duration: the calendar moves first, with the clock kept, then time passes."""

from calendar import monthrange
from datetime import date, datetime, timedelta

from toolservers.calculator.dates.business import BusinessDays
from toolservers.calculator.dates.durations import Duration, counted
from toolservers.calculator.dates.moments import Moment, at_instant, beyond, on_clock
from toolservers.calculator.dates.notes import Notes
from toolservers.calculator.dates.reading import MONTHS, WEEKDAYS
from toolservers.calculator.dates.zones import offset_text

_SHOWN_HOLIDAYS = 20


def named(day: date) -> str:
    """`2026-11-26 (Thursday)`."""
    return f"{day} ({WEEKDAYS[day.weekday()]})"


def moved_months(day: date, months: int) -> date:
    """The same day of the month, or the month's last where it has no such day. Raises ToolError outside the years
    1 to 9999."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise beyond()
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def moved_days(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise beyond() from None


def moved_day(start: date, duration: Duration, business: BusinessDays, notes: Notes) -> date:
    """By the parts of a duration that move the calendar."""
    day = start
    if duration.months:
        day = moved_months(start, duration.months)
        years, months = divmod(abs(duration.months), 12)
        amounts = [(str(count), unit) for count, unit in ((years, "year"), (months, "month")) if count]
        clamped = (
            ""
            if day.day == start.day
            else f": {MONTHS[day.month - 1]} {day.year} has {day.day} days, so day {start.day} became {day.day}"
        )
        notes.step(f"{named(start)} {_sign(duration.months)} {counted(*amounts)} = {named(day)}{clamped}")
    if duration.days:
        before, day = day, moved_days(day, duration.days)
        notes.step(f"{named(before)} {_sign(duration.days)} {_days(duration.days)} = {named(day)}")
    if duration.business_days:
        day = _moved_business_days(day, duration.business_days, business, notes)
    return day


def add_to(start: Moment, duration: Duration, business: BusinessDays, notes: Notes) -> Moment:
    """Raises ToolError for a result outside the years 1 to 9999."""
    day = moved_day(start.wall.date(), duration, business, notes)
    moment = start
    if day != start.wall.date():
        moment = on_clock(datetime.combine(day, start.wall.time()), start.zone, notes)
        _tell_kept_clock(start, moment, notes)
    if not duration.exact:
        return moment
    later = at_instant(moment.instant + duration.exact, start.zone)
    sign = "-" if duration.exact < timedelta(0) else "+"
    notes.step(
        f"{moment.text} {sign} {Duration(exact=duration.exact).words} of exact time = {later.text}"
        + _changed_offset(moment, later)
    )
    return later


def _moved_business_days(start: date, count: int, business: BusinessDays, notes: Notes) -> date:
    day = business.moved(start, count)
    if day is None:
        raise beyond()
    passed = abs((day - start).days) - abs(count)
    holidays = business.holidays_counted(start, day)
    amount = counted((str(abs(count)), "business day"))
    notes.step(f"{named(start)} {_sign(count)} {amount} = {named(day)}; skipped {skipped(passed, holidays)}")
    if not business.has(start):
        notes.step(f"{named(start)} is no business day itself; counting begins with the next one.")
    return day


def skipped(passed: int, holidays: list[date]) -> str:
    """`8 weekend days and 1 holiday (2026-12-25)`."""
    text = counted((str(passed - len(holidays)), "weekend day"))
    if not holidays:
        return f"{text}, no holiday"
    shown = ", ".join(map(str, holidays[:_SHOWN_HOLIDAYS]))
    more = f" and {len(holidays) - _SHOWN_HOLIDAYS} more" if len(holidays) > _SHOWN_HOLIDAYS else ""
    return f"{text} and {counted((str(len(holidays)), 'holiday'))} ({shown}{more})"


def _tell_kept_clock(before: Moment, after: Moment, notes: Notes) -> None:
    if before.zone is None or before.wall.time() != after.wall.time():  # the latter is a warning already
        return
    notes.step(f"the clock keeps {before.wall.time()}: {after.text}{_changed_offset(before, after)}")


def _changed_offset(before: Moment, after: Moment) -> str:
    if before.offset == after.offset:
        return ""
    return f" (the offset changed from {offset_text(before.offset)} to {offset_text(after.offset)})"


def _sign(count: int) -> str:
    return "-" if count < 0 else "+"


def _days(count: int) -> str:
    weeks, days = divmod(abs(count), 7)
    plain = counted((str(abs(count)), "day"))
    return f"{plain} ({counted((str(weeks), 'week'))})" if weeks and not days else plain
