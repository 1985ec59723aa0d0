"""Times as people write them on the command line: the same ones for every option."""

import time

from toolward.errors import InvalidRequest
from toolward.moments import age_seconds, moment_ms


def since_ms(text: str, option: str) -> int:
    """A time that has been, in Unix milliseconds; empty is 0. Raises InvalidRequest, which names the option."""
    if not text:
        return 0
    if (age := age_seconds(text)) is not None:
        return max(0, time.time_ns() // 1_000_000 - age * 1000)
    if (moment := moment_ms(text)) is None:
        raise InvalidRequest(
            f"{option} {text[:40]!r} is no time.",
            hint="Write how long ago (90m, 12h, 2d, 4w), or 2026-11-25, or 2026-11-25T10:00.",
        )
    return moment


def end_ms(text: str, option: str) -> int:
    """A time to come, likewise; it may have been."""
    if (age := age_seconds(text)) is not None:
        return time.time_ns() // 1_000_000 + age * 1000
    if (moment := moment_ms(text)) is None:
        raise InvalidRequest(
            f"{option} {text[:40]!r} is no time.",
            hint="Write for how long (12h, 30d, 4w), or until when: 2026-12-31, or 2026-12-31T10:00.",
        )
    return moment
