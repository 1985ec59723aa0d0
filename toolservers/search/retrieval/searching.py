"""A search, from what was asked to results: understood, ranked by the legs, fused, folded, shown page by page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from anyio.to_thread import run_sync

from toolservers.search.retrieval import cursors
from toolservers.search.retrieval.by_words import ByWords, allowed
from toolservers.search.retrieval.candidates import Candidate, candidates, same_text
from toolservers.search.retrieval.cursors import MOST_SHOWN, Cursor
from toolservers.search.retrieval.legs import Leg, Ranked
from toolservers.search.retrieval.nothing import unknown_identifiers, why
from toolservers.search.retrieval.query import Filters, Query
from toolservers.search.retrieval.snippets import Wanted, snippet, wanted
from toolservers.search.retrieval.understanding import understood
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
    query: Query = field(default_factory=lambda: Query(""))

    @property
    def note(self) -> str:
        return " ".join(self.notes)


class _Page(NamedTuple):
    chosen: tuple[Candidate, ...]
    has_more: bool
    generation: int
    total: int


class Searching:
    """Over one index file. `main` is what askers call the main source in `source:`. Without `meaning` it goes by
    words alone."""

    def __init__(
        self, file: IndexFile, meaning: ByMeaning | None = None, *, words: Leg | None = None, main: str = ""
    ) -> None:
        self._file = file
        self._meaning = meaning
        self._words = words or ByWords()
        self._main = main

    async def search(self, asked: Asked) -> Answer:
        """Raises ToolError for a cursor of something else, Unavailable and ConfigurationError for an index that
        cannot be read. No text of a query raises anything."""
        digest = cursors.digest((asked.text, asked.filters))
        cursor = cursors.read(asked.cursor, digest) if asked.cursor else Cursor(digest, 0, frozenset())
        query = await run_sync(self._understood, asked)
        legs, reason = [self._words], ""
        if self._meaning is not None and query.text:
            meaning = await self._meaning.leg(query.text)
            legs += [meaning.leg] if meaning.leg is not None else []
            reason = meaning.reason
        return await run_sync(self._answer, asked, query, legs, reason, cursor)

    def _understood(self, asked: Asked) -> Query:
        if ":" not in asked.text:
            return understood(asked.text, asked.filters, main=self._main)
        with self._file.reading() as reader:
            return understood(
                asked.text, asked.filters, is_key=lambda key: has_key(reader, key), main=self._main
            )

    def _answer(self, asked: Asked, query: Query, legs: Sequence[Leg], reason: str, cursor: Cursor) -> Answer:
        with self._file.reading() as reader:
            page = _page(reader, query, legs, asked.limit, cursor)
            looked_for = wanted(query)
            results = [_result(reader, one, looked_for, query.filters) for one in page.chosen]
            notes = [*query.notes, reason, *_changed(cursor, page)]
            if not results:
                notes += ["There are no more results."] if cursor.shown else why(reader, query, self._main)
            elif not cursor.shown:
                notes += unknown_identifiers(reader, query)
        generation = cursor.generation or page.generation
        shown = [*cursor.shown, *(cursors.mark(one.group) for one in page.chosen)]
        following = cursors.written(cursor.query, generation, shown) if page.has_more else ""
        return Answer(tuple(results), tuple(filter(None, notes)), following, query)


def has_key(reader: Reader, key: str) -> bool:
    """Whether any document has metadata of that name (in lower case)."""
    return bool(
        reader.connection.execute(
            "SELECT EXISTS (SELECT 1 FROM documents d, json_each(d.metadata) m WHERE m.key = ?)", (key,)
        ).get
    )


def _page(reader: Reader, query: Query, legs: Sequence[Leg], limit: int, cursor: Cursor) -> _Page:
    limit = min(limit, MOST_SHOWN - len(cursor.shown))
    left: list[Candidate] = []
    for depth in DEPTHS:
        rankings = [_ranked(leg, reader, query, depth) for leg in legs]
        left = [one for one in candidates(reader, rankings) if cursors.mark(one.group) not in cursor.shown]
        if len(left) > limit or all(len(ranking) < depth for ranking in rankings):
            break
    more = len(left) > limit and len(cursor.shown) + limit < MOST_SHOWN
    return _Page(tuple(left[: max(limit, 0)]), more, reader.generation, len(left))


def _ranked(leg: Leg, reader: Reader, query: Query, depth: int) -> Sequence[Ranked]:
    found = leg.ranked(reader, query, depth)
    if leg.name == ByWords.name or not (query.phrases or query.excluded):
        return found
    kept = allowed(reader, query, [each.passage for each in found])
    return [each for each in found if each.passage in kept]


def _result(reader: Reader, one: Candidate, looked_for: Wanted, filters: Filters) -> Result:
    document = reader.document_of(one.document)
    passage = reader.passages([one.passage])[one.passage]
    if document is None:
        raise LookupError(one.document)  # it was there a moment ago, and one transaction sees one state
    text = reader.text(document.key, passage.start, passage.end)
    same = same_text(reader, document.key, filters, _SAME_SHOWN)
    return Result(document, passage, snippet(text, looked_for), round(one.score, 6), same)


def _changed(cursor: Cursor, page: _Page) -> list[str]:
    if not cursor.shown or cursor.generation == page.generation:
        return []
    return ["The index has changed since the first page; what was shown is not shown again."]
