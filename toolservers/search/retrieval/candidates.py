"""From ranked passages to documents: one result each, (near) duplicates folded into one."""

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from toolservers.search.retrieval.filtering import condition
from toolservers.search.retrieval.fusion import fused
from toolservers.search.retrieval.legs import Ranked
from toolservers.search.retrieval.query import Filters
from toolservers.search.storage.reading import Reader

_MOST_SAME = 1_000


class Candidate(NamedTuple):
    """A document with its best passage."""

    document: int
    passage: int
    score: float
    group: str
    """The id that all documents with the same text, or nearly, have in common."""


class _Facts(NamedTuple):
    document: int
    group: str
    updated: str
    is_first: bool
    """It is no duplicate of another one."""


def candidates(reader: Reader, rankings: Sequence[Sequence[Ranked]]) -> list[Candidate]:
    """The best first. Documents are fused, and not passages: what one leg finds in a document's beginning and
    another in its end speaks for the same document. A single ranking keeps its scores."""
    facts = _facts(reader, {each.passage for ranking in rankings for each in ranking})
    legs = [_documents(ranking, facts) for ranking in rankings if ranking]
    if not legs:
        return []
    most = sum(map(len, legs))
    order = fused(legs, most) if len(legs) > 1 else legs[0]
    best = _best_passages(rankings, facts)
    found = [
        Candidate(each.passage, best[each.passage], each.score, facts[best[each.passage]].group)
        for each in order
    ]
    return _folded(found, facts)


def same_texts(reader: Reader, documents: Sequence[int], filters: Filters) -> dict[int, list[str]]:
    """For each, the ids of others with the same text, or nearly, that the filters let through; some, where there
    are very many."""
    where, values = condition(filters)
    rows = reader.connection.execute(
        "WITH chosen AS (SELECT key, coalesce(duplicate_of, key) AS first FROM documents "  # noqa: S608 -- ours
        "WHERE key IN (SELECT value FROM json_each(?))) "
        "SELECT c.key, d.id FROM chosen c JOIN documents d ON d.key = c.first OR d.duplicate_of = c.first "
        f"WHERE d.key <> c.key AND {where} ORDER BY c.key, d.id LIMIT ?",
        (json.dumps(documents), *values, _MOST_SAME),
    )
    found: dict[int, list[str]] = {}
    for key, identifier in rows:
        found.setdefault(key, []).append(identifier)
    return found


def _facts(reader: Reader, passages: Iterable[int]) -> dict[int, _Facts]:
    """By passage."""
    rows = reader.connection.execute(
        "SELECT p.key, d.key, coalesce(o.id, d.id), d.updated, o.id IS NULL FROM passages p "
        "JOIN documents d ON d.key = p.document LEFT JOIN documents o ON o.key = d.duplicate_of "
        "WHERE p.key IN (SELECT value FROM json_each(?))",
        (json.dumps(list(passages)),),
    )
    return {
        key: _Facts(document, group, updated, bool(is_first))
        for key, document, group, updated, is_first in rows
    }


def _documents(ranking: Sequence[Ranked], facts: dict[int, _Facts]) -> list[Ranked]:
    """Each document once, at its best passage's place."""
    found: dict[int, float] = {}
    for each in ranking:
        if each.passage in facts:
            found.setdefault(facts[each.passage].document, each.score)
    return [Ranked(document, score) for document, score in found.items()]


def _best_passages(rankings: Sequence[Sequence[Ranked]], facts: dict[int, _Facts]) -> dict[int, int]:
    found: dict[int, int] = {}
    several = sum(map(bool, rankings)) > 1
    for each in fused(rankings, sum(map(len, rankings))) if several else chain(*rankings):
        if each.passage in facts:
            found.setdefault(facts[each.passage].document, each.passage)
    return found


def _folded(found: Sequence[Candidate], facts: dict[int, _Facts]) -> list[Candidate]:
    """Of a group the one that was updated last, and of those the one that is no duplicate: a text that is nearly
    the same is mostly another edition. It has the place and the score of the group's best."""
    groups: dict[str, list[Candidate]] = {}
    for one in found:
        groups.setdefault(one.group, []).append(one)

    def newest(one: Candidate) -> tuple[str, bool]:
        return facts[one.passage].updated[:10], facts[one.passage].is_first

    return [
        group[0] if len(group) == 1 else max(group, key=newest)._replace(score=group[0].score)
        for group in groups.values()
    ]
