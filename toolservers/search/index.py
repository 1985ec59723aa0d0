"""The full-text index: SQLite FTS5 in memory, made anew at every start in a few milliseconds.

It is used from the event loop's thread, without a pool: a search over some dozens of documents takes less time
than handing it to another thread.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apsw

from toolservers.search.knowledge import Article
from toolservers.search.query import MAX_TERMS, terms
from toolward.errors import ToolError
from toolward.names import closest

TITLE_WEIGHT = 4.0  # a word in the title counts as much as four in the text
SNIPPET_WORDS = 48

_MARKUP = re.compile(r"[*`#|]+|-{3,}|^ *- ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Hit:
    id: str
    title: str
    url: str
    snippet: str
    score: float


@dataclass(frozen=True, slots=True)
class SearchResults:
    results: list[Hit]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    id: str
    title: str
    text: str
    url: str
    metadata: dict[str, str]


class Index:
    """`collection` is the host part of the documents' addresses: `kb://fernhill/gift-cards`."""

    def __init__(self, articles: Iterable[Article], collection: str) -> None:
        self._prefix = f"kb://{collection}/"
        self._articles = {article.id: article for article in articles}
        # Any: apsw's own types speak of collections.abc.Buffer, which Python 3.11 does not have.
        self._database: Any = apsw.Connection(":memory:")
        self._database.execute(
            "CREATE VIRTUAL TABLE articles USING fts5(id UNINDEXED, title, body,"
            " tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        self._database.executemany(
            "INSERT INTO articles VALUES (?, ?, ?)",
            [(article.id, article.title, _plain(article.text)) for article in self._articles.values()],
        )

    def close(self) -> None:
        self._database.close()

    def search(self, query: str, limit: int) -> SearchResults:
        """The best matches first, by BM25; a greater score is a better match. Never raises for any query."""
        wanted = terms(query)
        if not wanted.words:
            return SearchResults([], "The query has no word to look for. Name the subject in a few words.")
        rows = self._database.execute(
            "SELECT id, title, snippet(articles, 2, '**', '**', '…', ?), bm25(articles, 0, ?, 1) AS rank"
            " FROM articles WHERE articles MATCH ? ORDER BY rank, id LIMIT ?",
            (SNIPPET_WORDS, TITLE_WEIGHT, wanted.match, limit),
        )
        hits = [
            Hit(name, title, self._prefix + name, snippet, round(-rank, 4))
            for name, title, snippet, rank in rows
        ]
        if not hits:
            said = ", ".join(word[:40] for word in wanted.words[:8])
            return SearchResults([], f"No document has any of these words: {said}. Try other words.")
        note = f"Only the first {MAX_TERMS} words of the query were used." if wanted.left_out else ""
        return SearchResults(hits, note)

    def fetch(self, reference: str) -> Document:
        """The whole document, by its id or address. Raises ToolError, naming the nearest id."""
        wanted = reference.strip().removeprefix(self._prefix)
        article = self._articles.get(wanted) or self._articles.get(wanted.casefold())
        if article is None:
            near = closest(wanted.casefold(), self._articles)
            advice = f"The nearest id is {near}." if near else "Ids come from the results of `search`."
            raise ToolError(f"There is no document {wanted[:80]!r}. {advice}")
        url = self._prefix + article.id
        return Document(article.id, article.title, article.text, url, article.metadata)


def _plain(text: str) -> str:
    """Without Markdown's signs and line breaks, so that a snippet reads well and its marks are ours alone."""
    return " ".join(_MARKUP.sub(" ", text).split())
