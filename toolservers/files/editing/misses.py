"""What a caller is told whose `old` is not in a text, or at more or fewer places than were meant.

In bounded time: of a vast text only the beginning is looked through for what is like `old`.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

from toolservers.files.editing.nearest import nearest, no_blanks, plain_signs
from toolservers.files.text.encodings import Text
from toolservers.files.text.windows import Asked, window

MAX_SHOWN = 10
"""Places of one edit, and lines of one place."""

_MAX_LINE = 160
_MAX_LOOKED = 1_000_000  # characters
_MAX_LINES = 100_000
_MAX_WANTED = 200  # lines of `old`


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


_FOLDS: dict[str, Callable[[str], str]] = {
    "the Unicode form of characters": _composed,
    "characters that look alike": plain_signs,
    "capital letters": str.casefold,
    "blanks, tabs and ends of lines": no_blanks,
}


def described_places(text: Text, places: Sequence[tuple[int, int]], count: int, counted: int) -> str:
    """Places in the order of the text; one beyond `counted` says that nobody counted on."""
    many = f"{len(places):,} place{'s' * (len(places) > 1)}"
    if len(places) > counted:
        many = f"more than {counted:,} places"
    spans = [_line_span(text, start, stop) for start, stop in places[:MAX_SHOWN]]
    where = ", ".join(f"{first:,}" for first, _ in spans)
    return (
        f"`old` is at {many}, and `count` says {count:,}; make `old` longer until it means one, or give `count`. "
        f"They begin in the lines {where}{', …' if len(places) > MAX_SHOWN else ''}:\n"
        + _neighbourhoods(text, spans)
    )


def described_miss(text: Text, old: str) -> str:
    """Where `old` might have been meant, and how it differs there."""
    advice = _advice(text, old)
    lines = _lines(text.text[:_MAX_LOOKED], text.terminator)
    wanted = [line.removesuffix("\r") for line in old.split("\n")]
    first = nearest(lines, wanted[:_MAX_WANTED])
    if first is None:
        part = f" in its first {_MAX_LOOKED:,} characters" if len(text.text) > _MAX_LOOKED else ""
        return (
            f"`old` is not there, nor anything like it{part}. {advice or '`search_text` finds where it is.'}"
        )
    region = lines[first : first + len(wanted)]
    last = first + len(region)
    where = f"is line {last:,}" if len(region) == 1 else f"are lines {first + 1:,} to {last:,}"
    difference = advice or _difference(region, wanted, first + 1)
    return f"`old` is not there. Nearest {where}. {difference}\n{_numbered(region, first + 1)}"


def _lines(text: str, end: str) -> list[str]:
    """Without their ends, at most _MAX_LINES."""
    lines = [line.removesuffix("\r") for line in text.split(end, _MAX_LINES)[:_MAX_LINES]]
    return lines[:-1] if len(lines) > 1 and not lines[-1] else lines


def _line_span(text: Text, start: int, stop: int) -> tuple[int, int]:
    """First and last line, from 1."""
    first = text.text.count(text.terminator, 0, start) + 1
    return first, first + text.text.count(text.terminator, start, stop - 1)


def _neighbourhoods(text: Text, spans: Sequence[tuple[int, int]]) -> str:
    """The beginning of each place with a line around it; what is near to each other is shown once."""
    groups: list[tuple[int, int]] = []
    for first, last in spans:
        begin, end = max(first - 1, 1), min(last, first + 2) + 1
        if groups and begin <= groups[-1][1] + 1:
            begin, end = groups[-1][0], max(end, groups.pop()[1])
        groups.append((begin, end))
    told: list[str] = []
    for begin, end in groups:
        lines = window(text, Asked(begin, end - begin + 1)).text
        told.append(_numbered(_lines(lines, text.terminator), begin))
    return "\n--\n".join(told)


def _numbered(lines: Sequence[str], first: int) -> str:
    told = [f"{number}| {_short(line)}" for number, line in enumerate(lines[:MAX_SHOWN], start=first)]
    return "\n".join((*told, *["…"] * (len(lines) > MAX_SHOWN)))


def _short(line: str) -> str:
    line = line.removesuffix("\r")
    return line if len(line) <= _MAX_LINE else f"{line[:_MAX_LINE]}…"


# --- what differs


def _advice(text: Text, old: str) -> str:
    """For mistakes that are made with whole texts; empty where it is none of them."""

    def there(other: str) -> bool:
        return other not in ("", old) and text.with_ends(other) in text.text

    if there(old.replace("\r\n", "\n")):
        return r"Its lines end with \r\n there and with \n in the file: give `old` and `new` with \n."
    if there(old.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')):
        return r"It is there with real ends of lines, tabs and quotes for the `\n`, `\t` and `\"` of `old`."
    if there(re.sub(r"^ *\d+ ?[|:\t→] ?", "", old, flags=re.MULTILINE)):
        return "It is there without the numbers at the beginning of its lines, which are not in the file."
    if there(old.strip()):
        return "It is there without the blanks or ends of lines at its beginning or end."
    return ""


def _difference(region: list[str], wanted: list[str], first: int) -> str:
    kinds = _needed("\n".join(region), "\n".join(wanted))
    only = f"Only {_listed(kinds)} differ" if kinds else "It differs"
    number, there, given = _first_difference(region, wanted)
    show = repr if there.isascii() and given.isascii() else ascii
    at = _in_common(there, given)
    cut = slice(max(0, at - 60), at + 60)
    return f"{only}: line {first + number:,} is {show(there[cut])}, `old` has {show(given[cut])}."


def _needed(region: str, wanted: str) -> list[str]:
    """What must be looked over for `wanted` to be in the region; empty where that is not enough."""

    def same(names: Sequence[str]) -> bool:
        one, other = region, wanted
        for name in names:
            one, other = _FOLDS[name](one), _FOLDS[name](other)
        return other in one

    needed = list(_FOLDS)
    if not same(needed):
        return []
    for name in reversed(_FOLDS):  # each does what those before it do, as far as characters go
        fewer = [kept for kept in needed if kept != name]
        if same(fewer):
            needed = fewer
    return needed


def _first_difference(region: list[str], wanted: list[str]) -> tuple[int, str, str]:
    """Which line, from 0, as it is and as it was wanted, which may begin and end within a line."""
    last = len(wanted) - 1
    for number, given in enumerate(wanted):
        there = region[number] if number < len(region) else ""
        begins, ends = number == 0 or there.startswith(given), number == last or there.endswith(given)
        if given not in there or not begins or not ends:
            return number, there, given
    return 0, region[0], wanted[0]


def _listed(kinds: list[str]) -> str:
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"


def _in_common(one: str, other: str) -> int:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))
