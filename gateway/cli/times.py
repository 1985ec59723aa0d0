"""Times as people write them on the command line."""

import time

from toolward.errors import InvalidRequest
from toolward.moments import age_seconds as read_age
from toolward.moments import moment_ms as read_moment


def age_seconds(text: str, option: str) -> int:
    """`90m`, `12h`, `7d`, `4w` in seconds. Raises InvalidRequest, which names the option."""
    if (age := read_age(text)) is None:
        raise InvalidRequest(f"{option} {text[:40]!r} is no age.", hint="Write 90m, 12h, 7d or 4w.")
    return age


def is_age(text: str) -> bool:
    return read_age(text) is not None


def moment_ms(text: str) -> int:
    """A date, or a date and time, in Unix milliseconds; UTC where it names no zone. Raises InvalidRequest."""
    if (moment := read_moment(text)) is None:
        raise InvalidRequest(f"{text[:40]!r} is no time.", hint="Write 2026-11-25, or 2026-11-25T10:00:00Z.")
    return moment


def age_or_moment_ms(text: str, option: str) -> int:
    """Either of the two, in Unix milliseconds; empty is 0. Raises InvalidRequest."""
    if not text:
        return 0
    if (age := read_age(text)) is not None:
        return max(0, time.time_ns() // 1_000_000 - age * 1000)
    if (moment := read_moment(text)) is None:
        raise InvalidRequest(
            f"{option} {text[:40]!r} is no time.",
            hint="Write how long ago (90m, 12h, 2d, 4w), or 2026-11-25.",
        )
    return moment
