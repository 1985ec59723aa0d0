"""Times as an address or a form has them."""

import re
from datetime import UTC, datetime

from toolward.errors import InvalidRequest
from toolward.moments import age_seconds, moment_ms

DAY = 24 * 3_600_000

_MS = re.compile(r"\d{10,15}")
_YEAR_10000 = 253_402_300_800_000  # from there on no calendar of ours can tell a time


def midnight(at: int) -> int:
    """The beginning of that day, UTC; Unix ms."""
    return at // DAY * DAY


def moment(text: str, name: str, now: int) -> int:
    """`today`, `yesterday`, how long ago (`90m`, `24h`, `7d`), a date or time (UTC where it names no zone) or Unix
    milliseconds, in Unix milliseconds; empty is 0. Raises InvalidRequest, which names the field."""
    text = text.strip()
    if not text:
        return 0
    if text in ("today", "yesterday"):
        return midnight(now) - (DAY if text == "yesterday" else 0)
    if (age := age_seconds(text)) is not None:
        return max(now - age * 1000, 0)
    said = int(text) if _MS.fullmatch(text) else moment_ms(text)
    if said is None or said >= _YEAR_10000:
        raise InvalidRequest(
            f"{name} is {text[:40]!r}, which is no time.",
            hint="Write today, how long ago (90m, 24h, 7d), or a time (2026-11-25, 2026-11-25T10:00).",
        )
    return said


def written(at: int) -> str:
    """For files: `2026-11-26T20:41:03.120+00:00`."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
