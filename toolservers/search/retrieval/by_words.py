"""The leg by words: FTS5 and BM25 over title, headings and text."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from toolservers.search.retrieval.filtering import condition
from toolservers.search.retrieval.legs import Ranked
from toolservers.search.retrieval.query import Query
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.scripts import spaced

TITLE_WEIGHT, HEADING_WEIGHT, BODY_WEIGHT = 4.0, 2.0, 1.0
"""A word in the title counts as much as four in the text."""

UNBOUNDED = 40_000
"""In an index with no more passages every one that has any of the words is scored."""

MOST_ROWS, MOST_SHARE = 10_000, 0.05
"""Passages that are scored for one question (the share is of all passages; the greater number holds): FTS5 takes
more than a microsecond for each that holds any of its words. Words that would bring in more only count where they
stand beside a rarer one. A passage that has none but such words ranks low anyway."""


PAIR_SHARE = 0.15
"""What BM25 gives for two words that stand side by side as in the question counts so much beside what it gives for
the words. nDCG@10 without, with this share, with a quarter: .383, .394, .398 on Cranfield; .757, .754, .757 on the
questions about the bundled documents, where more than this puts a title with two of many words too high."""

_DEPTH = 200  # passages by words, and by pairs of them, that are brought together


class Match(NamedTuple):
    """Expressions of FTS5, empty for none. Every word in them is quoted, so nothing in it is an operator."""

    any: str
    """One of these at least."""
    all: str
    """These must be there."""
    none: str

    @property
    def whole(self) -> str:
        """What a passage must be to match. Required ones are repeated among `any`: there they only count."""
        wanted = " AND ".join(f"({part})" for part in (self.all, self.any) if part)
        return f"({wanted}) NOT ({self.none})" if wanted and self.none else wanted


class ByWords:
    name = "words"

    def ranked(self, reader: Reader, query: Query, limit: int) -> Sequence[Ranked]:
        """The best first, by BM25, negated: a greater score is a better match. A query that has filters and no word
        gives the documents that were updated last."""
        wanted = expression(query, reader)
        if wanted.whole:
            ranked = _matching(reader, wanted.whole, query, max(limit, _DEPTH))
            pairs = " OR ".join(map(quoted, query.pairs))
            if pairs:
                beside = _matching(reader, wanted._replace(any=pairs).whole, query, max(limit, _DEPTH))
                ranked = _with_pairs(ranked, beside)
            return ranked[:limit]
        return _latest(reader, query, limit) if query.filters and not query.text else ()


def expression(query: Query, reader: Reader | None = None) -> Match:
    """With a reader, words that very many passages have bring in none by themselves (see `MOST_ROWS`)."""
    terms = [quoted(word) for word in query.words] + [f"{quoted(prefix)} *" for prefix in query.prefixes]
    phrases = [quoted(phrase) for phrase in query.phrases]
    anything = " OR ".join((*terms, *phrases))
    if reader is not None and not phrases:
        rare = _rare(reader, terms)
        frequent = [term for term in terms if term not in rare]
        if frequent:
            # BM25 counts a term as often as it is written: each is written twice, so all weigh the same.
            anything = f"({' OR '.join(rare)}) AND ({' OR '.join((*terms, *frequent))})"
    return Match(
        anything,
        " AND ".join(phrases),
        " OR ".join(quoted(word) for word in query.excluded),
    )


def quoted(words: str) -> str:
    """One term, or several that follow each other. What the tokenizer takes for signs only matches nothing."""
    return f'"{spaced(words).replace(chr(34), " ").replace(chr(0), " ")}"'


def count(reader: Reader, match: str) -> int:
    """How many passages match an expression."""
    return reader.connection.execute("SELECT count(*) FROM words WHERE words MATCH ?", (match,)).get


def _matching(reader: Reader, match: str, query: Query, limit: int) -> list[Ranked]:
    values: list[Any] = [TITLE_WEIGHT, HEADING_WEIGHT, BODY_WEIGHT, match]
    narrowed = ""
    if query.filters:
        where, more = condition(query.filters)
        narrowed = (
            "AND (SELECT document FROM passages WHERE key = words.rowid) IN "  # noqa: S608 -- ours
            f"(SELECT d.key FROM documents d WHERE {where}) "
        )
        values += more
    rows = reader.connection.execute(
        "SELECT rowid, bm25(words, ?, ?, ?) AS rank FROM words WHERE words MATCH ? "  # noqa: S608 -- `narrowed` is ours
        f"{narrowed} ORDER BY rank, rowid LIMIT ?",
        (*values, limit),
    )
    return [Ranked(passage, -rank) for passage, rank in rows]


def _with_pairs(ranked: Sequence[Ranked], pairs: Sequence[Ranked]) -> list[Ranked]:
    """Where only one of the two lists has a passage, the other's last score, or none, is what it can have there at
    most."""
    scores = {each.passage: each.score for each in ranked}
    least = ranked[-1].score if len(ranked) >= _DEPTH else 0.0
    for each in pairs:
        scores[each.passage] = scores.get(each.passage, least) + PAIR_SHARE * each.score
    order = sorted(scores, key=lambda passage: (-scores[passage], passage))
    return [Ranked(passage, scores[passage]) for passage in order]


def _latest(reader: Reader, query: Query, limit: int) -> list[Ranked]:
    where, values = condition(query.filters)
    none = expression(query).none
    rows = reader.connection.execute(
        "SELECT p.key FROM documents d JOIN passages p ON p.document = d.key AND p.number = "  # noqa: S608 -- ours
        "(SELECT min(number) FROM passages WHERE document = d.key) "
        f"WHERE {where} AND (? = '' OR p.key NOT IN (SELECT rowid FROM words WHERE words MATCH ?)) "
        "ORDER BY d.updated DESC, d.id LIMIT ?",
        (*values, none, none or '""', limit),
    )
    return [Ranked(row[0], 1 / place) for place, row in enumerate(rows, start=1)]


def _rare(reader: Reader, terms: list[str]) -> list[str]:
    """The rarest of them that are in some passage, as long as all together stay below `MOST_ROWS`."""
    total = (
        reader.connection.execute("SELECT max(key) FROM passages").get or 0
    )  # some may be gone: near enough
    if total <= UNBOUNDED:
        return terms
    counted = sorted((count(reader, term), term) for term in terms)
    kept: list[str] = []
    room = max(MOST_ROWS, int(total * MOST_SHARE))
    for rows, term in counted:
        room -= rows
        if room < 0 and any(rows for rows, _ in counted[: len(kept)]):
            break
        kept.append(term)
    return kept
