"""A date, or a date and time, as people and programs write them; what could mean two days is refused."""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, time, timedelta

from toolservers.calculator.dates.zones import UTC, Zone, find_zone, fixed
from toolservers.calculator.ordinary import ordinary
from toolward.errors import ToolError

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_LONGEST = 100
_NO_CLOCK = ("today", "now", "tomorrow", "yesterday", "tonight")
_SHAPE = "write `2026-11-26`, or with a time `2026-11-26T14:30`"
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in map(str.lower, MONTHS)) + "|sept"
_WEEKDAY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)(?:[a-z]*day|s|rs?|nes)?\.?,?\s+(?=[\da-z])")
_TIME = re.compile(
    r"(?:t|,?\s+(?:at\s+)?)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:\s*([ap])\.?m\b\.?)?(?![\d:])"
)
_BASIC_TIME = re.compile(r"t(\d{2})(\d{2})(\d{2})?()()(?!\d)")
_OFFSET = re.compile(
    r"\s*(?:(z|utc|gmt)(?![a-z/+-])|(?:utc|gmt)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?(?!\d))"
)
_ZONE = re.compile(r"\s*\[([^\[\]]+)\]|\s+([a-z][a-z0-9_+/-]*)")


@dataclass(frozen=True)
class Reading:
    day: date
    clock: time | None = None
    offset: Zone | None = None
    zone: Zone | None = None


def read_time(text: str, what: str) -> Reading:
    """Raises ToolError, which names `what`, for a text that is no date or that could be two."""
    day, rest = _read_day(text, what)
    found = _TIME.match(rest) or _BASIC_TIME.match(rest)
    if found is None:
        if rest.strip():
            raise _not_understood(what, text, rest)
        return Reading(day)
    reading = Reading(day, _clock(found, what))
    rest = rest[found.end() :]
    if offset := _OFFSET.match(rest):
        reading = replace(reading, offset=_read_offset(offset, what))
        rest = rest[offset.end() :]
    if zone := _ZONE.match(rest):
        reading = replace(reading, zone=find_zone(zone.group(1) or zone.group(2)))
        rest = rest[zone.end() :]
    if rest.strip():
        raise _not_understood(what, text, rest)
    return reading


def read_date(text: str, what: str) -> date:
    """Of a text that has no time. Raises ToolError, which names `what`."""
    day, rest = _read_day(text, what)
    if rest.strip():
        raise ToolError(f"{what} is a date without a time, such as {day}; leave out {rest.strip()[:40]!r}.")
    return day


def read_zone(text: str) -> Zone:
    """An IANA name, `UTC`, or an offset."""
    offset = _OFFSET.fullmatch(ordinary(text).strip())
    return _read_offset(offset, "The zone") if offset else find_zone(text)


def read_weekday(text: str) -> int:
    """0 is Monday."""
    plain = ordinary(text).strip()
    for number, name in enumerate(WEEKDAYS):
        if len(plain) >= 3 and name.lower().startswith(plain):
            return number
    raise ToolError(
        f"`weekend` has names of weekdays, and {text[:40]!r} is none; there are {', '.join(WEEKDAYS)}."
    )


def _read_day(text: str, what: str) -> tuple[date, str]:
    """The day that a text begins with, and what follows it."""
    plain = ordinary(text[: _LONGEST + 1]).strip()
    if len(text) > _LONGEST:
        raise ToolError(f"{what} has {len(text):,} characters and is no date; {_SHAPE}.")
    if plain.startswith(_NO_CLOCK):
        raise ToolError(
            f"{what} is {text!r}, and there is no clock here; find out the date and give it, {_SHAPE}."
        )
    weekday = _WEEKDAY.match(plain)
    body = plain[weekday.end() :] if weekday else plain
    for pattern, made in _FORMS:
        if found := pattern.match(body):
            day = made(found, what)
            if weekday and not WEEKDAYS[day.weekday()].lower().startswith(weekday.group(1)):
                raise ToolError(
                    f"{what}, {text!r}, contradicts itself: {day} is a {WEEKDAYS[day.weekday()]}; correct one."
                )
            return day, body[found.end() :]
    raise _not_understood(what, text, plain)


def _by_numbers(found: re.Match[str], what: str) -> date:
    year, month, day = found.group("year", "month", "day")
    return _made(what, int(year), int(month), int(day))


def _by_name(found: re.Match[str], what: str) -> date:
    year, name, day = found.group("year", "month", "day")
    month = next(number for number, full in enumerate(MONTHS, 1) if full.lower().startswith(name[:3]))
    return _made(what, int(year), month, int(day))


def _by_week(found: re.Match[str], what: str) -> date:
    year, week, day = map(int, found.groups())
    try:
        return date.fromisocalendar(year, week, day)
    except ValueError:
        raise ToolError(
            f"{what}, {found.group().upper()!r}, does not exist; ISO years have 52 or 53 weeks of the days 1 to 7."
        ) from None


def _by_day_of_year(found: re.Match[str], what: str) -> date:
    year, day = map(int, found.groups())
    first = _made(what, year, 1, 1)
    if not 1 <= day <= (date(year, 12, 31) - first).days + 1:
        raise ToolError(f"{what}, {found.group()!r}, does not exist; {year} has no day {day}.")
    return first + timedelta(days=day - 1)


def _either_way(found: re.Match[str], what: str) -> date:
    """Day first or month first: taken only where one of them exists, and the year has its four digits."""
    one, _, two, year = found.groups()
    if len(year) != 4:
        raise ToolError(f"{what}, {found.group()!r}, has a year of {len(year)} digits; {_SHAPE}.")
    readings = dict[date, str]()
    for order, month, day in (("day first", two, one), ("month first", one, two)):
        if 1 <= int(month) <= 12 and 1 <= int(day) <= monthrange(max(int(year), 1), int(month))[1]:
            readings[_made(what, int(year), int(month), int(day))] = order
    if len(readings) > 1:
        both = " or ".join(f"{day} ({order})" for day, order in readings.items())
        raise ToolError(f"{what}, {found.group()!r}, can be {both}; write the one that is meant.")
    if not readings:
        raise ToolError(f"{what}, {found.group()!r}, is no date, day first or month first; {_SHAPE}.")
    return next(iter(readings))


def _made(what: str, year: int, month: int, day: int) -> date:
    if not 1 <= year <= 9999:
        raise ToolError(f"{what} has the year {year}; the years 1 to 9999 are the limits.")
    if not 1 <= month <= 12:
        raise ToolError(f"{what} has the month {month}; the order is year, month, day: {_SHAPE}.")
    last = monthrange(year, month)[1]
    if not 1 <= day <= last:
        raise ToolError(f"{what} does not exist: {MONTHS[month - 1]} {year} has {last} days, and no {day}.")
    return date(year, month, day)


def _form(
    pattern: str, made: Callable[[re.Match[str], str], date]
) -> tuple[re.Pattern[str], Callable[..., date]]:
    return re.compile(pattern), made


_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_FORMS = (
    _form(r"(\d{4})-?w(\d{2})-?(\d)(?!\d)", _by_week),
    _form(r"(?P<year>\d{4,6})([-/])(?P<month>\d{1,2})\2(?P<day>\d{1,2})(?!\d)", _by_numbers),
    _form(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?!\d)", _by_numbers),
    _form(r"(\d{4})-(\d{3})(?!\d)", _by_day_of_year),
    _form(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{1,4})(?!\d)", _either_way),
    _form(rf"{_DAY}[\s.-]+(?:of\s+)?(?P<month>{_MONTH})[\s.,-]+(?P<year>\d{{4}})(?!\d)", _by_name),
    _form(rf"(?P<month>{_MONTH})[\s.]+{_DAY}[\s,]+(?P<year>\d{{4}})(?!\d)", _by_name),
)


def _clock(found: re.Match[str], what: str) -> time:
    hour, minute, second, part, half = found.groups()
    shown = found.group().strip(" t,")
    if part and part[6:].strip("0"):
        raise ToolError(f"{what} is finer than a microsecond; round it to six decimals.")
    if second == "60":
        raise ToolError(
            f"{what} is a leap second, and they are not counted here; write second 59, or the next minute."
        )
    if hour == "24":
        raise ToolError(f"{what} has the hour 24; write 00:00 of the next day.")
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59 or (half and not 1 <= int(hour) <= 12):
        raise ToolError(f"{what} has the time {shown}, and there is none; use 00:00:00 to 23:59:59.")
    hours = int(hour) % 12 + 12 * (half == "p") if half else int(hour)
    return time(hours, int(minute), int(second or 0), int((part or "0")[:6].ljust(6, "0")))


def _read_offset(found: re.Match[str], what: str) -> Zone:
    utc, sign, hours, minutes, seconds = found.groups()
    if utc:
        return UTC
    if int(hours) > 23 or int(minutes or 0) > 59 or int(seconds or 0) > 59:
        raise ToolError(
            f"{what} has the offset {found.group().strip()}; offsets are -23:59 to +23:59, such as +01:00."
        )
    size = timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=int(seconds or 0))
    return fixed(-size if sign == "-" else size)


def _not_understood(what: str, text: str, rest: str) -> ToolError:
    place = f" at {rest.strip()[:20]!r}" if rest.strip() and rest.strip() != text.strip() else ""
    return ToolError(
        f"{what}, {text[:60]!r}, is not understood{place}; {_SHAPE} (24 hours), an offset (`+01:00`, `Z`) or "
        "`[Europe/Berlin]` behind it where known."
    )
