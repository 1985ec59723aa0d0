"""How pages tell values: times, lengths of time, money, counts, JSON, and texts of somebody else's."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from markupsafe import Markup

from toolward.printable import printable

NOTHING = "—"
"""For what there is no value of: never 0, never 100 %."""

LONG = 50_000
"""Characters of a tool's result, or of what it was sent, that stand on a page."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def visible(value: Any) -> Any:
    """Texts with control and bidirectional characters as escapes; lines and tabs stay. What is markup is ours."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in value.split("\n"))


def filters(clock: Callable[[], int]) -> dict[str, Callable[..., Any]]:
    """By the names under which templates know them; `clock` gives Unix milliseconds."""

    def since(at: int) -> Markup:
        return ago(at, clock())

    def left(at: int) -> Markup:
        return until(at, clock())

    return {
        "ago": since,
        "until": left,
        "moment": moment,
        "duration": duration,
        "money": money,
        "share_of": share_of,
        "count": count,
        "pretty": pretty,
        "compact": compact,
        "brief": brief,
        "beginning": beginning,
        "readable": readable,
        "words": words,
    }


def words(name: str) -> str:
    """`input_required` -> `input required`"""
    return str(name).replace("_", " ")


def moment(at: int) -> str:
    """`2026-11-26 20:41:03 UTC`"""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else NOTHING


def ago(at: int, now: int) -> Markup:
    """`3 min ago`, with the whole time where a pointer rests on it; a script keeps it true."""
    return _time(at, f"{_span(now - at)} ago" if now - at >= 5_000 else "just now")


def until(at: int, now: int) -> Markup:
    """`in 3 min`, to the nearest, or that it is over: of a day that was given a second ago 24 h are left."""
    return _time(at, f"in {_span(at - now, 0.5)}" if at > now else "over")


def _time(at: int, said: str) -> Markup:
    if not at:
        return Markup("—")
    iso = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, moment(at), said)


def _span(ms: int, more: float = 0) -> str:
    """Of the largest unit of which there are two, as many as have passed; with 0.5 `more` the nearest."""
    seconds = max(ms, 0) // 1000
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{int(seconds / size + more)} {unit}"
    return f"{seconds} s"


def duration(ms: float | None) -> str:
    """`12 ms`, `1.23 s`, `4 min 5 s`, `3 h 2 min`"""
    if ms is None:
        return NOTHING
    if ms < 1_000:
        return f"{_digits(ms, 3)} ms"
    if ms < 60_000:
        return f"{_digits(ms / 1000, 3)} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def money(billionths: int | None, unpriced: bool = False) -> str:
    """US dollars with four significant digits. What has no known price is told, never taken for nothing."""
    if billionths is None:
        return NOTHING
    if unpriced and not billionths:
        return "unpriced"
    told = f"${_digits(billionths / 1e9, 4)}"
    return f"{told} + unpriced" if unpriced else told


def share_of(part: int, whole: int) -> str:
    """`22 %`, `0.4 %`; of nothing there are no shares."""
    return f"{_digits(100 * part / whole, 2)} %" if whole else NOTHING


def count(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def pretty(value: Any) -> Markup:
    """JSON over several lines. Characters that cannot be seen are JSON's own escapes, so that the text may be read
    back as it was."""
    return Markup.escape(_escaped(json.dumps(_plain(value), ensure_ascii=False, indent=2)))


def compact(value: Any) -> Markup:
    """The same in one line."""
    return Markup.escape(_escaped(json.dumps(_plain(value), ensure_ascii=False)))


def brief(value: Any, most: int = 160) -> Markup:
    """The beginning of it in one line; that it is cut is seen."""
    text = _escaped(json.dumps(_plain(value), ensure_ascii=False)[: most + 1])
    return Markup.escape(text if len(text) <= most else f"{text[: most - 1]}…")


def beginning(value: Any, pieces: int = 1) -> Markup:
    """A text as it is, JSON over several lines; of what is long the beginning, since no browser bears a megabyte in
    one place. Of several pieces each has its share of the room."""
    text = value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False, indent=2)
    begins = text[: LONG // max(pieces, 1)]
    shown = Markup.escape(visible(begins) if isinstance(value, str) else _escaped(begins))
    if len(begins) == len(text):
        return shown
    said = Markup('{}\n<span class="muted">… The first {} of {} characters; more is not shown.</span>')
    return said.format(shown, count(len(begins)), count(len(text)))


def readable(text: str) -> str:
    """A text that should be JSON: over several lines where it is, and otherwise as it is."""
    try:
        return pretty(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value.decode(errors="replace")
    return msgspec.to_builtins(value)


def _escaped(text: str) -> str:
    return text if text.replace("\n", "").isprintable() else "".join(map(_in_json, text))


@lru_cache(4096)  # of a megabyte of such characters nearly all are one and the same
def _in_json(char: str) -> str:
    if char.isprintable() or char == "\n":
        return char
    return "".join(
        f"\\u{unit:04x}" for unit in memoryview(char.encode("utf-16-le", "surrogatepass")).cast("H")
    )


def _digits(value: float, most: int) -> str:
    """With so many significant digits, and never as 1e-05."""
    if not value:
        return "0"
    whole = f"{value:.{most}g}"
    return whole if "e" not in whole else f"{float(whole):.12f}".rstrip("0").rstrip(".")
