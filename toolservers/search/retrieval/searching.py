"""A search, from what was asked to results: understood, ranked by the legs, fused, folded, shown page by page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from anyio.to_thread import run_sync

from toolservers.search.retrieval import cursors
from toolservers.search.retrieval.by_words import ByWords
from toolservers.search.retrieval.candidates import Candidate, candidates, same_texts
from toolservers.search.retrieval.cursors import MOST_SHOWN, Cursor
from toolservers.search.retrieval.legs import Leg, Ranked
from toolservers.search.retrieval.nothing import unknown_words, why
from toolservers.search.retrieval.query import Filters, Query
from toolservers.search.retrieval.reranking import DEPTH as RERANKED
from toolservers.search.retrieval.reranking import Reranker, reranked
from toolservers.search.retrieval.snippets import snippet, wanted
from toolservers.search.retrieval.understanding import may_have_filters, understood
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import DocumentRow, PassageRow

DEPTHS = (100, 500)
"""Passages that each leg is asked for, and again where they were of too few documents."""

_SAME_SHOWN = 5


class ByMeaning(Protocol):
    """`retrieval.by_meaning.Meaning`."""

    async def leg(self, text: str) -> "AskedMeaning": ...


class AskedMeaning(Protocol):
    @property
    def leg(self) -> Leg | None: ...
    @property
    def reason(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Asked:
    text: str
    """In the language of `understanding`; any string will do."""
    filters: Filters = field(default_factory=Filters)
    """What came as arguments; those in the text narrow them further."""
    limit: int = 5
    cursor: str = ""
    """`next_cursor` of the answer before."""


@dataclass(frozen=True, slots=True)
class Result:
    document: DocumentRow
    passage: PassageRow
    """The best of the document; its `start`, `end`, `page` and `heading` are the locator."""
    snippet: str
    """On one line, hits in `**`."""
    score: float
    """A greater one is a better match; scores of two answers do not compare."""
    same: tuple[str, ...] = ()
    """The ids of documents with the same text, or nearly, that are not shown for that reason."""


@dataclass(frozen=True, slots=True)
class Answer:
    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()
    """Sentences: what was not understood, that it went by words alone, why nothing was found."""
    next_cursor: str = ""
    """Empty where there is no more."""

    @property
    def note(self) -> str:
        return " ".join(self.notes)


class _Request(NamedTuple):
    """What one search goes by, from thread to thread."""

    asked: Asked
    query: Query
    legs: Sequence[Leg]
    cursor: Cursor
    notes: tuple[str, ...]


class Searching:
    """Over one index file. `main` is what askers call the main source in `source:`. Without `meaning` it goes by
    words alone; `words` may be another leg, for measuring."""

    def __init__(
        self,
        file: IndexFile,
        meaning: ByMeaning | None = None,
        reranker: Reranker | None = None,
        *,
        words: Leg | None = None,
        main: str = "",
    ) -> None:
        self._file = file
        self._meaning = meaning
        self._reranker = reranker
        self._words = words or ByWords()
        self._main = main

    async def search(self, asked: Asked) -> Answer:
        """Raises ToolError for a cursor of something else, Unavailable and ConfigurationError for an index that
        cannot be read. No text of a query raises anything."""
        digest = cursors.digest((asked.text, asked.filters))
        cursor = cursors.read(asked.cursor, digest) if asked.cursor else Cursor(digest, 0, frozenset())
        query = await self._understood(asked)
        legs, notes = [self._words], query.notes
        if self._meaning is not None and query.text:
            meaning = await self._meaning.leg(query.text)
            legs += [meaning.leg] if meaning.leg is not None else []
            notes = (*notes, meaning.reason)
        request = _Request(asked, query, legs, cursor, notes)
        if self._reranker is None:
            return await run_sync(self._answer, request)
        ranked, texts = await run_sync(self._looked_at, request)
        again = await reranked(self._reranker, query.text, ranked, texts)
        request = request._replace(notes=(*notes, again.note))
        return await run_sync(self._answer, request, [each.passage for each in again.ranked])

    async def _understood(self, asked: Asked) -> Query:
        """The index is asked only where there may be a filter: a change of threads costs more than the rest."""
        if not may_have_filters(asked.text):
            return understood(asked.text, asked.filters, main=self._main)

        def with_keys() -> Query:
            with self._file.reading() as reader:
                return understood(
                    asked.text, asked.filters, is_key=lambda key: has_key(reader, key), main=self._main
                )

        return await run_sync(with_keys)

    def _looked_at(self, request: _Request) -> tuple[list[Ranked], dict[int, str]]:
        """What a re-ranker is shown: the best of each document, and the texts of the first."""
        with self._file.reading() as reader:
            found = [Ranked(one.passage, one.score) for one in _found(reader, request)]
            rows = reader.passages([each.passage for each in found[:RERANKED]])
            texts = {key: reader.text(row.document, row.start, row.end) for key, row in rows.items()}
            return found, texts

    def _answer(self, request: _Request, order: Sequence[int] = ()) -> Answer:
        """`order`: passages, those of the best documents, as the re-ranker has put them."""
        query, cursor = request.query, request.cursor
        with self._file.reading() as reader:
            found = _found(reader, request)
            if order:
                places = {passage: place for place, passage in enumerate(order)}
                found = [
                    one._replace(score=1 / (place + 1))
                    for place, one in enumerate(
                        sorted(found, key=lambda one: places.get(one.passage, len(places)))
                    )
                ]
            left = [one for one in found if not cursor.shown or cursors.mark(one.group) not in cursor.shown]
            room = MOST_SHOWN - len(cursor.shown)
            chosen = left[: min(request.asked.limit, room)]
            results = _results(reader, chosen, query)
            notes = [*request.notes, *self._said(reader, request, bool(results))]
            generation = cursor.generation or reader.generation
        has_more = len(chosen) < min(len(left), room)
        shown = [*cursor.shown, *(cursors.mark(one.group) for one in chosen)]
        following = cursors.written(cursor.query, generation, shown) if has_more else ""
        return Answer(tuple(results), tuple(filter(None, notes)), following)

    def _said(self, reader: Reader, request: _Request, found: bool) -> list[str]:
        if not request.cursor.shown:
            return unknown_words(reader, request.query) if found else why(reader, request.query, self._main)
        changed = "The index has changed since the first page; what was shown is not shown again."
        return [
            changed if request.cursor.generation != reader.generation else "",
            "" if found else "There are no more results.",
        ]


def has_key(reader: Reader, key: str) -> bool:
    """Whether any document has metadata of that name (in lower case)."""
    return bool(
        reader.connection.execute(
            "SELECT EXISTS (SELECT 1 FROM documents d, json_each(d.metadata) m WHERE m.key = ?)", (key,)
        ).get
    )


def _found(reader: Reader, request: _Request) -> list[Candidate]:
    """All that the legs find, those that were shown too, as far as this page needs it."""
    needed = len(request.cursor.shown) + request.asked.limit
    found: list[Candidate] = []
    for depth in DEPTHS:
        rankings = [leg.ranked(reader, request.query, depth) for leg in request.legs]
        found = candidates(reader, rankings)
        if len(found) > needed or all(len(ranking) < depth for ranking in rankings):
            break
    return found


def _results(reader: Reader, chosen: Sequence[Candidate], query: Query) -> list[Result]:
    documents = reader.documents_of([one.document for one in chosen])
    passages = reader.passages([one.passage for one in chosen])
    same = same_texts(reader, list(documents), query.filters)
    looked_for = wanted(query)
    found: list[Result] = []
    for one in chosen:
        passage = passages[one.passage]
        shown = snippet(reader.text(one.document, passage.start, passage.end), looked_for)
        also = same.get(one.document, [])[:_SAME_SHOWN]
        found.append(Result(documents[one.document], passage, shown, round(one.score, 6), tuple(also)))
    return found
