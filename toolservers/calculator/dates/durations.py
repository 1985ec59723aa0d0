"""How long: `P1M3D` or `1 month 3 days`, read and written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import NoReturn

from toolservers.calculator.ordinary import ordinary
from toolward.errors import ToolError

_LONGEST = 200
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {
    "year": "years yr yrs y",
    "quarter": "quarters",
    "month": "months mo mos",
    "week": "weeks wk wks w",
    "day": "days d",
    "business day": "business days, working day, working days, workday workdays weekday weekdays",
    "hour": "hours hr hrs h",
    "minute": "minutes min mins",
    "second": "seconds sec secs s",
    "millisecond": "milliseconds ms",
}
_NAMES = {unit: unit for unit in _UNITS} | {
    name: unit
    for unit, names in _UNITS.items()
    for name in (re.split(", | (?!day)", names) if unit == "business day" else names.split())
}
_MONTHS = {"year": 12, "quarter": 3, "month": 1}
_DAYS = {"week": 7, "day": 1}
_SECONDS = {
    "hour": Fraction(3600),
    "minute": Fraction(60),
    "second": Fraction(1),
    "millisecond": Fraction(1, 1000),
}
_MOST = {"months": 12 * 9998, "days": 3_652_058, "business_days": 3_652_058, "seconds": 3_652_058 * 86400}

_AMOUNT = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_PART = re.compile(rf"(?:(?:,|\band\b)\s*)?([+-]?)\s*({_AMOUNT})\s*((?:business|working)\s+days?|[a-zµ]+)\s*")
_ISO_AMOUNT = r"[+-]?\d+(?:[.,]\d+)?"
_ISO = re.compile(
    r"([+-]?)p"
    + "".join(rf"(?:({_ISO_AMOUNT}){letter})?" for letter in "ymwd")
    + r"(?:t"
    + "".join(rf"(?:({_ISO_AMOUNT}){letter})?" for letter in "hms")
    + ")?"
)
_ISO_UNITS = ("year", "month", "week", "day", "hour", "minute", "second")


@dataclass(frozen=True)
class Duration:
    """Taken in this order. Months, days and business days move the calendar, `exact` is time that passes."""

    months: int = 0
    days: int = 0
    business_days: int = 0
    exact: timedelta = timedelta(0)

    @property
    def moves_calendar(self) -> bool:
        return bool(self.months or self.days or self.business_days)

    @property
    def iso(self) -> str:
        """Without business days, for which ISO 8601 has no letter; all parts have one sign."""
        parts = "".join(f"{amount}{unit}" for amount, unit in _in_units(self.months, (12, "Y"), (1, "M")))
        parts += f"{abs(self.days)}D" if self.days else ""
        clock = "".join(f"{amount}{unit}" for amount, unit in _clock(self.exact, "HMS"))
        minus = "-" if min(self.months, self.days) < 0 or self.exact < timedelta(0) else ""
        return f"{minus}P{parts}{'T' if clock else ''}{clock}" if parts or clock else "P0D"

    @property
    def words(self) -> str:
        amounts = _in_units(self.months, (12, "year"), (1, "month"))
        amounts += [(str(abs(self.days)), "day")] if self.days else []
        return counted(*amounts, *_clock(self.exact, ("hour", "minute", "second"))) or "nothing"


def counted(*amounts: tuple[str, str]) -> str:
    """`1 month 3 days`."""
    return " ".join(f"{amount} {unit}{'' if amount == '1' else 's'}" for amount, unit in amounts)


def read_duration(text: str) -> Duration:
    """Raises ToolError for what is no duration, has a part that is no fixed length, or is over a limit."""
    if len(text) > _LONGEST:
        raise ToolError(f"`add` has {len(text)} characters, and at most {_LONGEST} are read; shorten it.")
    plain = ordinary(text).strip()
    iso = _ISO.fullmatch(plain)
    parts = list(_iso_parts(iso) if iso else _word_parts(plain, text))
    if not parts:
        _refuse(text, plain)
    return _total(parts)


def _iso_parts(found: re.Match[str]) -> Iterator[tuple[Fraction, str]]:
    minus = -1 if found.group(1) == "-" else 1
    for amount, unit in zip(found.groups()[1:], _ISO_UNITS, strict=True):
        if amount is not None:
            yield minus * Fraction(amount.replace(",", ".")), unit


def _word_parts(plain: str, text: str) -> Iterator[tuple[Fraction, str]]:
    at, minus_before = 0, False
    while at < len(plain):
        found = _PART.match(plain, at)
        if found is None:
            _refuse(text, plain[at:])
        sign, amount, name = found.groups()
        unit = _NAMES.get(" ".join(name.split()))
        if unit is None:
            _refuse(text, name)
        if minus_before and not sign:
            raise ToolError(
                f"In {text!r} it is not clear whether the minus holds for `{amount} {name}` too; give each part "
                "its sign, such as `-1 month -3 days` or `-1 month +3 days`."
            )
        minus_before = minus_before or sign == "-"
        value = Fraction(amount.replace(",", ""))
        yield (-value if sign == "-" else value), unit
        at = found.end()


def _total(parts: list[tuple[Fraction, str]]) -> Duration:
    months = days = business_days = seconds = Fraction(0)
    for amount, unit in parts:
        if unit not in _SECONDS and amount.denominator != 1:
            raise ToolError(
                f"A part of a {unit} has no fixed length; write whole {unit}s, and the rest in smaller units: "
                "`36 hours` for exact time, `12 hours` beside whole days."
            )
        months += amount * _MONTHS.get(unit, 0)
        days += amount * _DAYS.get(unit, 0)
        business_days += amount if unit == "business day" else 0
        seconds += amount * _SECONDS.get(unit, 0)
    for what, sum_ in (
        ("months", months),
        ("days", days),
        ("business_days", business_days),
        ("seconds", seconds),
    ):
        if abs(sum_) > _MOST[what]:
            raise ToolError(
                f"`add` has more than {_MOST[what]:,} {what.replace('_', ' ')}, which leads outside the years 1 "
                "to 9999; use a smaller step."
            )
    microseconds = seconds * 1_000_000
    if microseconds.denominator != 1:
        raise ToolError("Parts of a microsecond are not computed; round the seconds to six decimals.")
    return Duration(int(months), int(days), int(business_days), int(microseconds) * _MICROSECOND)


def _refuse(text: str, rest: str) -> NoReturn:
    remedy = "write `P1M3D`, `1 month 3 days`, `-2 weeks`, `90 minutes` or `5 business days`."
    if rest == "m":
        remedy = "`m` can be minutes or months: write the word."
    elif rest in ("ago", "earlier", "before"):
        remedy = "for an earlier date give each part a minus sign: `-2 weeks`."
    raise ToolError(f"The duration {text[:60]!r} is not understood at {rest[:20]!r}; {remedy}")


def _in_units(amount: int, *units: tuple[int, str]) -> list[tuple[str, str]]:
    left, found = abs(amount), list[tuple[str, str]]()
    for size, name in units:
        count, left = divmod(left, size)
        if count:
            found.append((str(count), name))
    return found


def _clock(exact: timedelta, units: str | tuple[str, ...]) -> list[tuple[str, str]]:
    hours, minutes, seconds = units
    microseconds = abs(exact) // _MICROSECOND
    found = _in_units(microseconds // 60_000_000, (60, hours), (1, minutes))
    whole, part = divmod(microseconds % 60_000_000, 1_000_000)
    if whole or part:
        found.append((f"{whole}.{part:06}".rstrip("0") if part else str(whole), seconds))
    return found
