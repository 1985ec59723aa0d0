"""Reading the terms on which a rule lets calls through: its `limits`, its `output` and its `cache`."""

import re
from collections.abc import Mapping
from typing import cast

from gateway.core.constraints import Path
from gateway.core.limits import (
    MOST_A_DAY,
    MOST_A_PERIOD,
    NO_LIMITS,
    PERS,
    SECONDS,
    Limits,
    Per,
    Rate,
)
from gateway.core.outputs import AS_IT_IS, Output
from gateway.core.patterns import Pattern
from gateway.core.policy_document import Document, Fields
from gateway.core.result_cache import LONGEST
from toolward.names import closest
from toolward.types import Trust

_RATE = re.compile(r"([0-9]{1,9})/([a-z]+)")
_PERIOD = re.compile(r"([1-9][0-9]{0,5})([smh])")
_UNITS = {"s": 1, "m": 60, "h": 3600}
_TRUST = ("trusted", "untrusted")
_OUTPUT_SHAPE = "a mapping with `redact` or `trust`"
_LIMITS_SHAPE = "a mapping with `rate`, `concurrency` or `per_day`"


def read_limits(document: Document, path: Path, fields: Fields) -> Limits:
    limits = document.mapping(path, fields, "limits", _LIMITS_SHAPE)
    if limits is None:
        return NO_LIMITS
    path = (*path, "limits")
    document.check_keys(path, limits, ("rate", "concurrency", "per_day", "per"))
    if not limits.keys() - {"per"}:
        document.note(path, f"`limits` must be {_LIMITS_SHAPE}")
    per_day = document.mapping(path, limits, "per_day", "a mapping with `calls` or `sums`") or {}
    document.check_keys((*path, "per_day"), per_day, ("calls", "sums"))
    return Limits(
        rate=_rate(document, path, limits),
        concurrency=document.whole(path, limits, "concurrency", most=MOST_A_PERIOD) or 0,
        calls_per_day=document.whole((*path, "per_day"), per_day, "calls", most=MOST_A_DAY) or 0,
        sums_per_day=_sums(document, (*path, "per_day"), per_day),
        per=cast(Per, document.one_of(path, limits, "per", PERS) or "principal"),
    )


def read_output(document: Document, path: Path, fields: Fields, patterns: Mapping[str, Pattern]) -> Output:
    output = document.mapping(path, fields, "output", _OUTPUT_SHAPE)
    if output is None:
        return AS_IT_IS
    path = (*path, "output")
    document.check_keys(path, output, ("redact", "trust"))

    def flaw(name: str) -> str:
        if name in patterns:
            return ""
        near = closest(name, patterns)
        return "is no pattern; " + (f"did you mean {near}?" if near else f"there are {', '.join(patterns)}")

    names = document.texts(path, output, "redact", flaw)
    trust = document.one_of(path, output, "trust", _TRUST) or "untrusted"
    found = tuple(patterns[name] for name in dict.fromkeys(names) if name in patterns)
    return Output(found, cast(Trust, trust))


def read_cache(document: Document, path: Path, fields: Fields) -> int:
    """In seconds; 0 where there is none."""
    text = document.text(path, fields, "cache")
    if not text:
        return 0
    found = _PERIOD.fullmatch(text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < seconds <= LONGEST:
        document.note((*path, "cache"), f"the cache {text!r} is not like 30s, 5m or 2h, and at most 24h")
        return 0
    return seconds


def _rate(document: Document, path: Path, limits: Fields) -> Rate | None:
    text = document.text(path, limits, "rate")
    if not text:
        return None
    found = _RATE.fullmatch(text)
    if found is None or found[2] not in SECONDS or not 1 <= int(found[1]) <= MOST_A_PERIOD:
        document.note(
            (*path, "rate"),
            f"the rate {text!r} is not like 10/minute: 1 to {MOST_A_PERIOD:,} calls a {', '.join(SECONDS)}",
        )
        return None
    return Rate(int(found[1]), SECONDS[found[2]])


def _sums(document: Document, path: Path, per_day: Fields) -> dict[str, int]:
    sums = document.mapping(path, per_day, "sums", "a mapping of arguments to the most of a day") or {}
    path = (*path, "sums")
    found = {str(name): document.whole(path, sums, name, most=MOST_A_DAY) for name in sums}
    return {name: most for name, most in found.items() if most is not None}
