"""`python -m tests.fuzz.dates [--count 10000] [--seed 0]`: compute_dates against a slow reckoning of its own, which
shares nothing with it but zoneinfo's rules: months by first days, business days one by one, and times on a clock by
trying every offset that the zone has around then. Many cases are near a change of a zone's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from random import Random
from zoneinfo import ZoneInfo

from tests.fuzz.campaign import campaign
from toolservers.calculator.dates.answer import DatesAnswer
from toolservers.calculator.dates.compute import compute_dates

DAY = timedelta(days=1)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ISO_LETTERS = {
    "years": "Y",
    "months": "M",
    "weeks": "W",
    "days": "D",
    "hours": "H",
    "minutes": "M",
    "seconds": "S",
}


@cache
def zone_names() -> list[str]:
    return (files("tzdata") / "zones").read_text(encoding="utf-8").split()


@cache
def rules(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def local(instant: datetime, name: str) -> datetime:
    return instant.astimezone(rules(name))


def a_change(name: str, random: Random) -> datetime | None:
    """An instant at which the clock of a zone is changed, in one of six random years from 1880 to 2100."""
    for _ in range(6):
        at = datetime(random.randint(1880, 2100), 1, 1, tzinfo=UTC)
        for later in (at + 25 * DAY * step for step in range(1, 15)):
            if local(at, name).utcoffset() != local(later, name).utcoffset():
                return _first_with_new_offset(at, later, name)
            at = later
    return None


def _first_with_new_offset(low: datetime, high: datetime, name: str) -> datetime:
    old = local(low, name).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (middle, high) if local(middle, name).utcoffset() == old else (low, middle)
    return high


def on_clock(wall: datetime, name: str) -> datetime:
    """The earliest instant at which the clock shows `wall`; else what the offset before the jump makes of it."""
    around = [wall.replace(tzinfo=UTC) + timedelta(hours=hours) for hours in range(-30, 31)]
    seen = {local(instant, name).utcoffset() or timedelta(0) for instant in around}
    instants = [(wall - offset).replace(tzinfo=UTC) for offset in seen]
    fitting = [one for one in instants if local(one, name).replace(tzinfo=None, fold=0) == wall]
    if fitting:
        return min(fitting)
    low, high = around[0], around[-1]
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) / 2
        before = local(middle, name).replace(tzinfo=None, fold=0) < wall
        low, high = (middle, high) if before else (low, middle)
    return (wall - (local(low, name).utcoffset() or timedelta(0))).replace(tzinfo=UTC)


def plus_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + (day.day - 1) * DAY, following - DAY)


@dataclass(frozen=True)
class Calendar:
    weekend: tuple[int, ...]
    holidays: tuple[date, ...]

    def plus(self, day: date, count: int) -> date:
        step = DAY if count > 0 else -DAY
        while count:
            day += step
            if self.has(day):
                count -= 1 if count > 0 else -1
        return day

    def between(self, start: date, end: date) -> int:
        if end < start:
            return -sum(self.has(start - (n + 1) * DAY) for n in range((start - end).days))
        return sum(self.has(start + (n + 1) * DAY) for n in range((end - start).days))

    def has(self, day: date) -> bool:
        return day.weekday() not in self.weekend and day not in self.holidays

    def asked(self, start: date, add: str | None = None, until: str | None = None) -> DatesAnswer:
        holidays, weekend = map(str, self.holidays), (WEEKDAYS[day] for day in self.weekend)
        return compute_dates(str(start), add, until, holidays=list(holidays), weekend=list(weekend))


def check(random: Random) -> None:
    """One random case. Raises AssertionError where the two reckonings differ."""
    random.choice((check_adding, check_adding, check_difference, check_days))(random)


def check_adding(random: Random) -> None:
    name, start, text = _start(random)
    parts = _parts(random, ("years", "months", "weeks", "days", "hours", "minutes", "seconds"))
    to_name = random.choice(zone_names())
    case = {"start": text, "add": _written(random, parts), "zone": name, "to_zone": to_name}
    answer = compute_dates(case["start"], case["add"], zone=name, to_zone=to_name)
    found = datetime.fromisoformat(answer.result)
    expected = local(plus(start, parts, name), to_name)
    shown = expected.replace(
        tzinfo=timezone(expected.utcoffset() or timedelta(0))
    )  # == of a fold is never true
    assert (found, found.utcoffset()) == (shown, shown.utcoffset()), case
    assert f"{answer.weekday} {answer.iso_week}" == f"{found:%A %G-W%V}", case


def plus(start: datetime, parts: dict[str, int], name: str) -> datetime:
    wall = local(start, name).replace(tzinfo=None, fold=0)
    day = plus_months(wall.date(), 12 * parts.get("years", 0) + parts.get("months", 0))
    day += timedelta(days=parts.get("days", 0), weeks=parts.get("weeks", 0))
    moved = on_clock(datetime.combine(day, wall.time()), name) if day != wall.date() else start
    return moved + timedelta(**{unit: parts.get(unit, 0) for unit in ("hours", "minutes", "seconds")})


def check_difference(random: Random) -> None:
    name, start, text = _start(random)
    other, end, until = _start(random)
    if random.random() < 0.5:
        other, end = name, start + timedelta(seconds=random.randint(-90_000, 90_000))
        until = local(end, name).isoformat()
    case = {"start": f"{text}[{name}]", "until": f"{until}[{other}]"}
    answer = compute_dates(case["start"], until=case["until"])
    assert answer.seconds is not None
    assert timedelta(seconds=float(answer.seconds)) == end - start, case
    back = compute_dates(text, add=answer.result, zone=name)
    assert datetime.fromisoformat(back.result) == end, (case, answer.result)
    first, last = local(start, name).date(), local(end, name).date()
    assert answer.calendar_days == str((last - first).days), case


def check_days(random: Random) -> None:
    """Dates alone: months and days, business days, and back."""
    start = date(1, 1, 1) + random.randrange(3_652_000 // 2, 3_650_000) * DAY
    end = start + random.randint(-900, 900) * DAY
    weekend = tuple(random.sample(range(7), random.choice((0, 1, 2, 2, 2, 6))))
    holidays = tuple(start + random.randint(-900, 900) * DAY for _ in range(random.choice((0, 3, 200))))
    calendar = Calendar(weekend, holidays)
    case = {"start": str(start), "until": str(end)}
    answer = calendar.asked(start, until=str(end))
    assert answer.business_days == str(calendar.between(start, end)), (case, calendar)
    sign = 1 if end >= start else -1
    passed = (start + sign * n * DAY for n in range(1, abs((end - start).days) + 1))
    free = sum(day.weekday() in weekend for day in passed)
    assert f"skipped {free} weekend day" in answer.steps[-1], (case, calendar)
    months = 0
    while (plus_months(start, months + sign) - end).days * sign <= 0:
        months += sign
    parts = {"months": months, "days": (end - plus_months(start, months)).days}
    assert compute_dates(str(start), add=_iso(parts)).result == str(end), case
    assert answer.result == _whole_years(parts), case
    count = random.randint(-300, 300)
    moved = calendar.asked(start, f"{count} business days")
    assert moved.result == str(calendar.plus(start, count)), (case, count, calendar)


def _start(random: Random) -> tuple[str, datetime, str]:
    """A zone, an instant, and how it is written."""
    name = random.choice(zone_names())
    near = a_change(name, random) if random.random() < 0.7 else None
    if near is not None:
        wall = local(near, name).replace(tzinfo=None, fold=0)
        wall += timedelta(seconds=random.randint(-7200, 7200))
        if random.random() < 0.5:
            wall -= random.choice((1, 7, 28, 30, 31, 365)) * DAY
    else:
        wall = datetime(1850, 1, 1) + timedelta(seconds=random.randrange(250 * 365 * 86400))  # noqa: DTZ001
    if random.random() < 0.2:
        wall += timedelta(microseconds=random.randrange(10**6))
    instant = on_clock(wall, name)
    if local(instant, name).replace(tzinfo=None, fold=0) == wall and random.random() < 0.3:
        return name, instant, local(instant, name).isoformat()
    return name, instant, wall.isoformat(sep=random.choice("T "))


def _parts(random: Random, units: Sequence[str]) -> dict[str, int]:
    most = {
        "years": 60,
        "months": 40,
        "weeks": 60,
        "days": 400,
        "hours": 100,
        "minutes": 5000,
        "seconds": 10**6,
    }
    chosen = sorted(random.sample(units, random.randint(1, 4)), key=units.index)
    sign = random.choice((1, 1, -1))
    return {unit: sign * random.randint(0, most[unit]) for unit in chosen}


def _written(random: Random, parts: dict[str, int]) -> str:
    if random.random() < 0.5:
        return _iso(parts)
    return random.choice((" ", ", ", " and ")).join(f"{amount:+} {unit}" for unit, amount in parts.items())


def _iso(parts: dict[str, int]) -> str:
    minus = "-" if min(parts.values()) < 0 else ""
    written = dict[bool, str]({False: "", True: ""})
    for unit, amount in parts.items():
        written[unit in ("hours", "minutes", "seconds")] += f"{abs(amount)}{ISO_LETTERS[unit]}"
    return f"{minus}P{written[False]}{'T' if written[True] else ''}{written[True]}"


def _whole_years(parts: dict[str, int]) -> str:
    years, months = divmod(abs(parts["months"]), 12)
    shown = {"years": years, "months": months, "days": abs(parts["days"])}
    text = "".join(f"{amount}{ISO_LETTERS[unit]}" for unit, amount in shown.items() if amount) or "0D"
    return f"{'-' if min(parts.values()) < 0 else ''}P{text}"


if __name__ == "__main__":
    campaign("tests.fuzz.dates", "cases of dates", __doc__, check)
