"""The part of a passage that answers best, with the hits marked."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import apsw

from toolservers.search.retrieval.query import Query
from toolservers.search.storage.scripts import is_unspaced, spaced

LENGTH = 320
"""Characters of a snippet, without its marks."""

MARK = "**"
_LEAD = 60  # characters before the first hit
_MARKUP = re.compile(r"[*`|]+|(?:^|(?<=\n)) *(?:#+|-|>|-{3,}|={3,}) |-{3,}|={3,}")
_SPLIT = ("porter", ["unicode61", "remove_diacritics", "2"])  # as `storage.schema` has it


class _Token(NamedTuple):
    start: int
    end: int
    stem: str


class Wanted(NamedTuple):
    """What is marked: sequences of stems, and beginnings of words."""

    terms: frozenset[tuple[str, ...]]
    prefixes: tuple[str, ...]

    @property
    def longest(self) -> int:
        return max(map(len, self.terms), default=1)


def wanted(query: Query) -> Wanted:
    terms = {tuple(token.stem for token in _tokens(term)) for term in (*query.words, *query.phrases)}
    prefixes = [token.stem for prefix in query.prefixes for token in _tokens(prefix, stem=False)[-1:]]
    return Wanted(frozenset(terms - {()}), tuple(prefixes))


def snippet(text: str, looked_for: Wanted, length: int = LENGTH) -> str:
    """On one line, without Markdown's signs, at most some `length` characters; `…` where the passage goes on. The
    window is the one with the most different hits; without any, the passage's beginning."""
    plain = " ".join(_MARKUP.sub(" ", text).split())
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
    tokens = _tokens(text)
    plain = _tokens(text, stem=False) if looked_for.prefixes else []
    found: list[_Span] = []
    at = 0
    while at < len(tokens):
        term = _term_at(tokens, at, looked_for)
        if term:
            found.append(_Span(tokens[at].start, tokens[at + len(term) - 1].end, term))
        elif plain and (begins := [p for p in looked_for.prefixes if plain[at].stem.startswith(p)]):
            found.append(_Span(tokens[at].start, tokens[at].end, begins[0]))
        at += max(len(term), 1)
    return found


def _term_at(tokens: Sequence[_Token], at: int, looked_for: Wanted) -> tuple[str, ...]:
    stems = tuple(token.stem for token in tokens[at : at + looked_for.longest])
    for count in range(len(stems), 0, -1):
        if stems[:count] in looked_for.terms:
            return stems[:count]
    return ()


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
    name, arguments = _SPLIT
    connection: Any = apsw.Connection(":memory:")
    return (
        connection.fts5_tokenizer(name, arguments) if stem else connection.fts5_tokenizer(*_without_stems())
    )


def _without_stems() -> tuple[str, list[str]]:
    name, *arguments = _SPLIT[1]
    return name, arguments


def _tokens(text: str, *, stem: bool = True) -> list[_Token]:
    """Offsets in characters of `text`."""
    sent = spaced(text).encode()
    found = _tokenizer(stem)(sent, apsw.FTS5_TOKENIZE_DOCUMENT, None)
    if text.isascii():
        return [_Token(*token) for token in found]
    begins = _begins(text)
    return [
        _Token(bisect_right(begins, start) - 1, bisect_right(begins, end - 1), word)
        for start, end, word in found
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
