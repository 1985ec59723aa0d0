"""Time zones out of the package `tzdata` alone, never the machine's own files: the same answer everywhere."""

from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from toolservers.calculator.ordinary import ordinary
from toolward.errors import ToolError
from toolward.names import closest

_ALL_YEAR = {"EST": "America/New_York", "MST": "America/Denver", "HST": "Pacific/Honolulu"}
_LONGEST_NAME = 64


@dataclass(frozen=True)
class Zone:
    name: str
    """An IANA name, `UTC`, or an offset such as `+01:00`."""
    rules: tzinfo
    is_named: bool = True

    @property
    def warning(self) -> str | None:
        """What people often do not know of this name."""
        if self.name in _ALL_YEAR:
            return (
                f"{self.name} is one offset for the whole year, without daylight saving time; for a place "
                f"that has it, give its zone, such as {_ALL_YEAR[self.name]}."
            )
        if self.name.startswith(("Etc/GMT+", "Etc/GMT-")) and not self.name.endswith(("+0", "-0")):
            return (
                f"The sign in {self.name} is the reverse of an offset's; give `+05:00` for five hours ahead."
            )
        return None


UTC = Zone("UTC", timezone(timedelta(0)), is_named=False)


def edition() -> str:
    """Of the time zone database, such as `2026a`."""
    import tzdata

    return tzdata.IANA_VERSION


def fixed(offset: timedelta) -> Zone:
    return Zone(offset_text(offset), timezone(offset), is_named=False) if offset else UTC


def offset_text(offset: timedelta) -> str:
    """`+01:00`; with seconds where there are some, as in local mean times."""
    total = round(offset.total_seconds())
    hours, rest = divmod(abs(total), 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{'-' if total < 0 else '+'}{hours:02}:{minutes:02}"
    return f"{text}:{seconds:02}" if seconds else text


def find_zone(name: str) -> Zone:
    """By its IANA name, in capital or small letters. Raises ToolError for one that does not exist."""
    plain = ordinary(name[: _LONGEST_NAME + 1]).strip()
    if plain in ("z", "utc"):
        return UTC
    known = _names().get(plain.replace(" ", "_"))
    if known is None:
        raise ToolError(f"There is no time zone {name[:_LONGEST_NAME]!r}; {_remedy(plain)}")
    return Zone(known, _rules(known))


def _remedy(plain: str) -> str:
    cities = {name.rpartition("/")[2]: name for name in _names()}
    city = plain.replace(" ", "_").rpartition("/")[2]
    if city not in cities and 2 <= len(plain) <= 5 and plain.isalpha():
        return (
            "abbreviations stand for different zones in different countries: give the IANA name of a place, "
            "such as America/Los_Angeles, or an offset, such as -08:00."
        )
    near = cities.get(city) or closest(plain, _names()) or cities.get(closest(city, cities) or "")
    if near is not None:
        return f"did you mean {_names()[near]}?"
    return "give an IANA name, such as Europe/Berlin, or an offset, such as +01:00."


@cache
def _names() -> dict[str, str]:
    """Every name there is, by its form in small letters."""
    text = (files("tzdata") / "zones").read_text(encoding="utf-8")
    return {name.lower(): name for name in text.split()}


@lru_cache(maxsize=64)
def _rules(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)
