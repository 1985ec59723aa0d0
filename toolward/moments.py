"""Times as people write them. What cannot be read is None: who asked for it says so in their own words."""

import re
from datetime import UTC, datetime

_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_AGE = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)


def age_seconds(text: str) -> int | None:
    """`90m`, `12h`, `7d`, `4w` in seconds."""
    found = _AGE.fullmatch(text)
    return int(found[1]) * _UNITS[found[2]] if found else None


def moment_ms(text: str) -> int | None:
    """A date, or a date and time, in Unix milliseconds; UTC where it names no zone; nothing before 1970."""
    try:
        moment = datetime.fromisoformat(text)
        return max(round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000), 0)
    except (ValueError, OverflowError):
        return None
