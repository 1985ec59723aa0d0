"""The shop's days and hours. Instants are UTC; a day, a working day and a cut-off hour are those of Amsterdam."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SHOP = "Europe/Amsterdam"


@lru_cache
def zone(name: str = SHOP) -> ZoneInfo:
    """Raises ZoneInfoNotFoundError or ValueError for a name that is none."""
    return ZoneInfo(name)


def local(instant: datetime) -> datetime:
    """An aware instant on the shop's clock."""
    return instant.astimezone(zone())


def aware(stored: datetime) -> datetime:
    """What the database holds: UTC without saying so."""
    return stored.replace(tzinfo=UTC)


def stored(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)


@lru_cache(64)
def holidays(year: int) -> frozenset[date]:
    """Public holidays of the Netherlands, on which nothing leaves the warehouse."""
    easter = _easter(year)
    kings_day = date(year, 4, 27)
    moving = (
        easter,
        easter + timedelta(1),
        easter + timedelta(39),
        easter + timedelta(49),
        easter + timedelta(50),
    )
    fixed = (date(year, 1, 1), date(year, 12, 25), date(year, 12, 26))
    return frozenset((*moving, *fixed, kings_day - timedelta(kings_day.weekday() == 6)))


def is_working_day(day: date) -> bool:
    return day.weekday() < 5 and day not in holidays(day.year)


@lru_cache(20_000)
def add_working_days(start: date, days: int) -> date:
    """The `days`-th working day after `start`."""
    day = start
    while days > 0:
        day += timedelta(days=1)
        days -= is_working_day(day)
    return day


def working_days_between(start: date, end: date) -> int:
    """How many working days there are after `start`, up to and with `end`; 0 where `end` is not later."""
    return sum(is_working_day(start + timedelta(days=n)) for n in range(1, (end - start).days + 1))


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm of 1876, as Meeus gives it)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)
