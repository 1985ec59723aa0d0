"""The part of a passage that answers best, with the hits marked."""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import apsw

from toolservers.search.retrieval.query import Query
from toolservers.search.storage.scripts import is_unspaced, spaced

LENGTH = 320
"""Characters of a snippet, without its marks."""

MARK = "**"
_LEAD = 60  # characters before the first hit
_SIGNS = str.maketrans(dict.fromkeys("*`|", " "))
_AT_LINE = re.compile(r"^ *(?:#+|>+|-)(?= )", re.MULTILINE)
_RULES = re.compile(r"[-=]{3,}")
TOKENIZER = ("porter", "unicode61", "remove_diacritics", "2")
"""As `storage.schema` has it for `words`."""


class Wanted(NamedTuple):
    """What is marked: sequences of stems by their first one, the longest first, and beginnings of words."""

    terms: Mapping[str, Sequence[tuple[str, ...]]]
    prefixes: tuple[str, ...]


def wanted(query: Query) -> Wanted:
    terms = {tuple(stem for _, _, stem in _split(term)) for term in (*query.words, *query.phrases)}
    by_first: dict[str, list[tuple[str, ...]]] = {}
    for term in sorted(terms - {()}, key=len, reverse=True):
        by_first.setdefault(term[0], []).append(term)
    prefixes = [word for prefix in query.prefixes for _, _, word in _split(prefix, stem=False)[-1:]]
    return Wanted(by_first, tuple(prefixes))


def snippet(text: str, looked_for: Wanted, length: int = LENGTH) -> str:
    """On one line, without Markdown's signs, at most some `length` characters; `…` where the passage goes on. The
    window is the one with the most different hits; without any, the passage's beginning."""
    plain = " ".join(_RULES.sub(" ", _AT_LINE.sub(" ", text.translate(_SIGNS))).split())
    spans = _spans(plain, looked_for)
    start = _best_start(plain, spans, length)
    end = _word_end(plain, start + length)
    return ("… " if start else "") + _marked(plain, spans, start, end) + (" …" if end < len(plain) else "")


class _Span(NamedTuple):
    start: int
    end: int
    what: object


def _spans(text: str, looked_for: Wanted) -> list[_Span]:
    """The hits, in order, the longest of those that begin together."""
    tokens = _split(text)
    plain = _split(text, stem=False) if looked_for.prefixes else ()
    found: list[_Span] = []
    behind = 0  # the last hit
    may_begin = looked_for.terms
    for at in [at for at, token in enumerate(tokens) if plain or token[2] in may_begin]:
        if at < behind:
            continue
        start, end, stem = tokens[at]
        for term in may_begin.get(stem, ()):
            last = at + len(term)
            if term[1:] == tuple(token[2] for token in tokens[at + 1 : last]):
                found.append(_Span(start, tokens[last - 1][1], term))
                behind = last
                break
        else:
            if plain and plain[at][2].startswith(looked_for.prefixes):
                found.append(_Span(start, end, plain[at][2]))
    return found if text.isascii() else _in_characters(text, found)


def _best_start(text: str, spans: Sequence[_Span], length: int) -> int:
    best, most = 0, (0, 0)
    for at, first in enumerate(spans):
        inside = [span for span in spans[at:] if span.end <= first.start + length - _LEAD]
        worth = (len({span.what for span in inside}), len(inside))
        if worth > most:
            best, most = first.start, worth
    start = max(0, min(best - _LEAD, len(text) - length))
    blank = text.find(" ", start, best)
    return start if start == 0 or blank < 0 else blank + 1


def _word_end(text: str, end: int) -> int:
    if end >= len(text):
        return len(text)
    blank = text.rfind(" ", end - 40, end)
    return blank if blank > 0 else end


def _marked(text: str, spans: Sequence[_Span], start: int, end: int) -> str:
    parts: list[str] = []
    at = start
    for span in spans:
        if span.start < at or span.end > end:
            continue
        parts += [text[at : span.start], MARK, text[span.start : span.end], MARK]
        at = span.end
    return "".join((*parts, text[at:end]))


# --- as the full-text index splits ------------------------------------------------------------------------


@lru_cache(2)
def _tokenizer(stem: bool) -> Any:
    (name, *arguments) = TOKENIZER if stem else TOKENIZER[1:]
    connection: Any = apsw.Connection(":memory:")
    return connection.fts5_tokenizer(name, arguments)


def _split(text: str, *, stem: bool = True) -> list[tuple[int, int, str]]:
    """(start, end, stem or word) each; offsets in bytes of the spaced text."""
    return _tokenizer(stem)(spaced(text).encode(), apsw.FTS5_TOKENIZE_DOCUMENT, None)


def _in_characters(text: str, spans: Sequence[_Span]) -> list[_Span]:
    begins = _begins(text)
    return [
        _Span(bisect_right(begins, span.start) - 1, bisect_right(begins, span.end - 1), span.what)
        for span in spans
    ]


def _begins(text: str) -> list[int]:
    """Where the bytes of each character begin, in the spaced text."""
    begins: list[int] = []
    at = 0
    for character in text:
        unspaced = is_unspaced(character)
        begins.append(at + unspaced)
        at += len(character.encode()) + 2 * unspaced
    return begins
