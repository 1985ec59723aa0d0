"""The shop's working hours: 9 to 17 h in Amsterdam on working days (kb://fernhill/contact-and-opening-hours)."""

from datetime import date, datetime, time, timedelta

from toolservers.crm.world.clock import is_working_day, local, zone

OPENS = time(9)
CLOSES = time(17)


def add_working_hours(start: datetime, hours: int) -> datetime:
    """The aware instant by which that many working hours have passed after `start`. Clocks change at night, so a
    working day has its eight hours always."""
    on_clock = local(start)
    day, left = on_clock.date(), timedelta(hours=hours)
    begins = max(on_clock.time().replace(tzinfo=None), OPENS)
    while True:
        open_for = _between(day, begins, CLOSES) if is_working_day(day) else timedelta()
        if timedelta() < left <= open_for or (not left and open_for):
            return datetime.combine(day, begins, zone()) + left
        left -= open_for
        day, begins = day + timedelta(days=1), OPENS


def _between(day: date, begins: time, ends: time) -> timedelta:
    return max(timedelta(), datetime.combine(day, ends) - datetime.combine(day, begins))
