"""The section `inbox` of `toolward.yaml`: who is reminded, by webhook, of what waits for an answer."""

import re

from gateway.config.convert import networks, url
from gateway.config.reader import Section
from gateway.core.spec import ReminderSpec
from toolward.types import RequestKind

SHORTEST_SECRET = 24
AFTER, EVERY, AT_MOST = "1h", "4h", 5
_PERIOD = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LEAST, _MOST = 60.0, 30 * 86_400.0
_EXPECTED = "a time such as 30m, 4h or 2d, from 1m to 30d"


def read_reminders(at: Section) -> tuple[ReminderSpec, ...]:
    at.only("reminders")
    found: list[ReminderSpec] = []
    for one in at.sections("reminders"):
        spec = _reminder(one)
        if any(spec.url == other.url for other in found):
            one.wrong("url", "is that of another reminder; write one with all that it is to have")
        found.append(spec)
    return tuple(found)


def period(text: str) -> float:
    """Seconds of `30m`, `4h`, `2d`."""
    found = _PERIOD.fullmatch(text)
    seconds = float(int(found[1]) * _UNITS[found[2]]) if found else 0.0
    if not _LEAST <= seconds <= _MOST:
        raise ValueError(text)
    return seconds


def _reminder(at: Section) -> ReminderSpec:
    at.only("url", "secret", "after", "every", "at_most", "kinds", "networks")
    if "url" not in at:
        at.missing("url", "url: https://hooks.example/toolward")
    if "secret" not in at:
        at.missing("secret", "secret: ${env:WEBHOOK_SECRET}")
    secret = at.text("secret", secret=True)
    if "secret" in at and len(secret) < SHORTEST_SECRET:
        at.wrong("secret", f"must have {SHORTEST_SECRET} characters or more (openssl rand -base64 32)")
    return ReminderSpec(
        url=str(
            at.converted("url", url, "", "a URL such as https://hooks.example/toolward, without credentials")
        ),
        secret=secret,
        after=at.converted("after", period, period(AFTER), _EXPECTED),
        every=at.converted("every", period, period(EVERY), _EXPECTED),
        at_most=at.count("at_most", AT_MOST, least=1, most=100),
        kinds=_kinds(at),
        networks=networks(at),
    )


def _kinds(at: Section) -> tuple[RequestKind, ...]:
    known = [kind.value for kind in RequestKind]
    found: list[RequestKind] = []
    for index, text in enumerate(at.texts("kinds")):
        if text in known:
            found.append(RequestKind(text))
        else:
            at.wrong_item("kinds", index, f"is {text[:60]!r}, which is none of {', '.join(known)}")
    return tuple(found)
