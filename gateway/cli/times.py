"""Times as people write them on the command line."""

import re
import time
from datetime import UTC, datetime

from toolward.errors import InvalidRequest

_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_AGE = re.compile(r"(\d{1,6})([mhdw])")


def age_seconds(text: str, option: str) -> int:
    """`90m`, `12h`, `7d`, `4w` in seconds. Raises InvalidRequest, which names the option."""
    if (found := _AGE.fullmatch(text)) is None:
        raise InvalidRequest(f"{option} {text[:40]!r} is no age.", hint="Write 90m, 12h, 7d or 4w.")
    return int(found[1]) * _UNITS[found[2]]


def is_age(text: str) -> bool:
    return _AGE.fullmatch(text) is not None


def moment_ms(text: str) -> int:
    """A date, or a date and time, in Unix milliseconds; UTC where it names no zone. Raises InvalidRequest."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            f"{text[:40]!r} is no time.", hint="Write 2026-11-25, or 2026-11-25T10:00:00Z."
        ) from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def age_or_moment_ms(text: str, option: str) -> int:
    """Either of the two, in Unix milliseconds; empty is 0. Raises InvalidRequest."""
    if not text:
        return 0
    if _AGE.fullmatch(text):
        return max(0, time.time_ns() // 1_000_000 - age_seconds(text, option) * 1000)
    try:
        return moment_ms(text)
    except InvalidRequest:
        raise InvalidRequest(
            f"{option} {text[:40]!r} is no time.",
            hint="Write how long ago (90m, 12h, 2d, 4w), or 2026-11-25.",
        ) from None
