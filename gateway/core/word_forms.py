"""Words as a search compares them: names split into words, endings taken off, words that mean the same.

Nothing here knows a tool. The synonyms are those of a general thesaurus; which of two words is meant is left to the
other words of a query.
"""

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import pairwise

from gateway.core.thesaurus import CONCEPTS, PHRASES, SILENT

_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_APOSTROPHE = re.compile(r"['’](?:s|re|ve|ll|d|m|t)\b", re.IGNORECASE)
_VOWEL = re.compile("[aeiouy]")

_STOP = frozenset(SILENT.split())

_KINDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"[\w.+-]+@[\w-]+\.[\w.]+", "email"),
        (r"https?://\S+", "url site"),
        (r"\b\w+\.(?:pdf|docx?|xlsx?|pptx?|csv|txt|md|png|jpe?g|zip|mp[34])\b", "file"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}\b", "ip address dns"),
        (r"\b(?:[\w-]+\.)+(?:com|org|net|io|dev|app|eu|de|uk|fr)\b", "domain"),
        (r"\+\d[\d ()/-]{6,}", "phone number"),
        (r"[€$£]\s?\d|\d\s?[€$£]", "amount money"),
        (r"(?<!\w)#\w+", "channel"),
    )
)
"""What is not a word but shows of which kind a value is: in a query it counts as these words."""


def words(text: str) -> list[str]:
    """In lower case, in their order; `createHTTPUser2` are four."""
    if "'" in text or "’" in text:
        text = _APOSTROPHE.sub("", text)
    return _WORD.findall(_HUMP.sub(" ", text).lower())


def says_something(word: str) -> bool:
    return word not in _STOP


@lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """Without its ending: `cancelled`, `cancels` and `cancellation` are one. Rough, and the same for all."""
    if len(word) < 4 or not word.isascii():
        return word
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return stem(word[: -len(ending)] + instead)
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return stem(word[:-1])
    for ending in ("ations", "ation", "ings", "ing", "ment", "ion", "ed", "ly", "er", "or"):
        kept = word[: -len(ending)]
        if word.endswith(ending) and len(kept) >= _LEAST[ending] and _VOWEL.search(kept):
            return _even(kept)
    return _even(word)


_LEAST = {
    "ations": 4, "ation": 4, "ings": 3, "ing": 3, "ment": 4, "ion": 4, "ed": 3, "ly": 4, "er": 4, "or": 4
}  # fmt: skip


def _even(word: str) -> str:
    if len(word) > 6 and word.endswith("ate"):
        return word[:-3]
    if len(word) > 4 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouy":
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word


def meant(text: str) -> list[str]:
    """The stems of a query, each once, in their order: of what says something, of what two words mean together, and
    of the kinds of values in it."""
    found: list[str] = []
    for pattern, meaning in _KINDS:
        text, count = pattern.subn(" ", text)
        if count:
            found += map(stem, meaning.split())
    every, phrases = words(text), _phrases()
    found += [stem(word) for word in every if says_something(word)]
    for pair in pairwise(every):
        found += phrases.get(pair, ())
    return list(dict.fromkeys(found))


def joined(text: str) -> list[str]:
    """Two neighbours as one word, stemmed: a name may write them so."""
    every = words(text)
    return [stem(one + other) for one, other in pairwise(every)]


def like(stemmed: str) -> Iterable[str]:
    """Stems of words that may mean the same; not itself."""
    return _synonyms().get(stemmed, ())


@cache
def _synonyms() -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for line in CONCEPTS.strip().splitlines():
        tools_say, _, people_say = line.partition(":")
        heads = dict.fromkeys(map(stem, tools_say.split()))
        for one in (*heads, *map(stem, people_say.split())):
            found.setdefault(one, {}).update(heads)
    return {one: tuple(other for other in others if other != one) for one, others in found.items()}


@cache
def _phrases() -> dict[tuple[str, str], tuple[str, ...]]:
    """What two neighbours mean."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for line in PHRASES.strip().splitlines():
        said, _, meaning = line.partition(":")
        first, _, second = said.partition(" ")
        if " " not in second and second:
            found[first, second] = tuple(map(stem, meaning.split()))
    return found
