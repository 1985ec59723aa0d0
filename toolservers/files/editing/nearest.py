"""Lines that are most like others: those that are the same but for blanks, case and look-alike characters, and else
those that share most groups of three characters. In time that grows with the lines, not with their squares."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

_CANDIDATES = 5
_LIKE = 0.4
"""What part of what is sought must be there."""

_LOOK_ALIKES = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", None),
    }
)


def no_blanks(text: str) -> str:
    return "".join(text.split())


def plain_signs(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text.translate(_LOOK_ALIKES))


def nearest(lines: list[str], wanted: list[str]) -> int | None:
    """The line, from 0, at which what is most like `wanted` begins; None where nothing is."""
    folded, sought = [_folded(line) for line in lines], [_folded(line) for line in wanted]
    offsets = [*_by_whole_lines(folded, sought)]
    best = _best(offsets, folded, sought)
    if best is None or best[0] < 0.8:
        best = _best([*offsets, *_by_trigrams(folded, sought)], folded, sought)
    return best[1] if best is not None and best[0] >= _LIKE else None


def _folded(line: str) -> str:
    return plain_signs(no_blanks(line[:1000])).casefold()


def _best(offsets: Sequence[int], lines: list[str], sought: list[str]) -> tuple[float, int] | None:
    """How like, and where; of several that are as like, the first."""
    total = sum(map(len, sought)) or 1
    scored: list[tuple[float, int]] = []
    for offset in offsets:
        if 0 <= offset < len(lines):
            pairs = zip(sought, lines[offset : offset + len(sought)], strict=False)
            scored.append((sum(_held(*pair) * len(pair[0]) for pair in pairs) / total, offset))
    return max(scored, key=lambda one: (one[0], -one[1])) if scored else None


def _held(sought: str, line: str) -> float:
    """What part of the one is in the other."""
    if sought in line:
        return 1.0
    grams = _trigrams(sought)
    return len(grams & _trigrams(line)) / len(grams) if grams else 0.0


def _trigrams(line: str) -> set[str]:
    return {line[at : at + 3] for at in range(len(line) - 2)}


def _by_whole_lines(lines: list[str], sought: list[str]) -> list[int]:
    """Where most of the lines are the same, the most first."""
    wanted: defaultdict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(sought):
        if line and len(wanted[line]) < 20:
            wanted[line].append(number)
    votes: Counter[int] = Counter()
    for number, line in enumerate(lines):
        for place in wanted.get(line, ()):
            votes[number - place] += len(line)
    return [offset for offset, _ in votes.most_common(_CANDIDATES)]


def _by_trigrams(lines: list[str], sought: list[str]) -> list[int]:
    """Where lines are like one of the longest that are sought."""
    longest = sorted(range(len(sought)), key=lambda number: -len(sought[number]))[:3]
    grams = {number: _trigrams(sought[number]) for number in longest}
    every = set[str]().union(*grams.values())
    scores = [
        (sum(line[at : at + 3] in every for at in range(len(line) - 2)) / (len(line) + 20), number)
        for number, line in enumerate(lines)
        if line
    ]
    found: list[int] = []
    for score, number in sorted(scores, key=lambda one: (-one[0], one[1]))[: 2 * _CANDIDATES]:
        if score:
            own = _trigrams(lines[number])
            place = max(longest, key=lambda place: len(own & grams[place]))
            found.append(number - place)
    return found
