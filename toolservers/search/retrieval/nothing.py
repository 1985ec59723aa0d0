"""Why nothing was found, and what to try instead."""

import re
from dataclasses import replace

from toolservers.search.retrieval.by_words import count, expression, quoted
from toolservers.search.retrieval.filtering import condition
from toolservers.search.retrieval.query import Filters, Query
from toolservers.search.retrieval.written import by_key, told
from toolservers.search.storage.reading import Reader

_SHOWN = 8  # words, filters
_COUNTED = 20_000
_IS_THERE = "SELECT EXISTS (SELECT 1 FROM words WHERE words MATCH ?)"
_IDENTIFIER = re.compile(r"[\d_]")


def why(reader: Reader, query: Query, main: str = "") -> list[str]:
    """Sentences for an asker whose query gave no result; `main` is what the main source is called."""
    if not reader.counts()["documents"]:
        return ["The index has no document yet."]
    if reasons := _filters(reader, query, main):
        return reasons
    wanted = expression(query)
    if not wanted.whole:
        return ["The query has no word to look for. Name the subject in a few words."]
    free = replace(query, excluded=())
    if query.excluded and (without := _matching(reader, expression(free).whole)):
        excluded = ", ".join(query.excluded[:_SHOWN])
        return [f"{_documents(without)} would fit, but all have what the query excludes: {excluded}."]
    return _phrases(reader, query) or [_unknown(query)]


def unknown_words(reader: Reader, query: Query) -> list[str]:
    """A sentence where something was found, though an identifier of the query, or all its words, stand nowhere."""
    wanted = expression(query).whole
    if wanted and not reader.connection.execute(_IS_THERE, (wanted,)).get:
        return [
            f"No document has any of these words: {_looked_for(query)}. What is shown is near in meaning."
        ]
    missing = [word for word in query.words if _IDENTIFIER.search(word) and not count(reader, quoted(word))]
    return [f"No document has {', '.join(missing[:_SHOWN])}."] if missing else []


def _filters(reader: Reader, query: Query, main: str) -> list[str]:
    """Where they let nothing through, or none of what has the words."""
    if not query.filters:
        return []
    inside = _passing(reader, query)
    if not inside:
        alone = [one for one in _each(query.filters) if not _passing(reader, replace(query, filters=one))]
        names = " ".join(text for one in (alone or [query.filters]) for text in told(one, main)[:_SHOWN])
        return [f"No document passes the filter {names}.", *_known(reader, alone, main)]
    wanted = expression(query).whole
    outside = _matching(reader, wanted) if wanted else 0
    if not outside:
        return []
    names = " ".join(told(query.filters, main)[:_SHOWN])
    return [
        f"{_documents(outside)} would fit, but none of the {inside:,} documents that pass the filters: {names}. "
        "Leave a filter out, or use other words."
    ]


def _known(reader: Reader, failed: list[Filters], main: str) -> list[str]:
    """What there is of sources and formats, where one was asked for that is not there."""
    said: list[str] = []
    for is_asked, column, what in (
        (any(one.sources for one in failed), "source", "Sources"),
        (any(one.formats for one in failed), "format", "Types"),
    ):
        if is_asked:
            rows = reader.connection.execute(
                f"SELECT DISTINCT {column} FROM documents ORDER BY 1 LIMIT 20"  # noqa: S608 -- one of ours
            )
            said.append(f"{what} that there are: {', '.join(row[0] or main for row in rows)}.")
    return said


def _each(filters: Filters) -> list[Filters]:
    """Each field by itself."""
    found = [
        Filters(sources=filters.sources),
        Filters(formats=filters.formats),
        Filters(after=filters.after),
        Filters(before=filters.before),
        *(Filters(metadata=tuple((key, v) for v in values)) for key, values in by_key(filters).items()),
    ]
    return [one for one in found if one]


def _passing(reader: Reader, query: Query) -> int:
    """How many documents pass its filters."""
    where, values = condition(query.filters)
    return reader.connection.execute(
        f"SELECT count(*) FROM documents d WHERE {where}",  # noqa: S608 -- `where` is ours
        values,
    ).get


def _phrases(reader: Reader, query: Query) -> list[str]:
    absent = [phrase for phrase in query.phrases if not count(reader, quoted(phrase))]
    if not absent:
        return ["No passage has all of the phrases."] if len(query.phrases) > 1 else []
    said = ", ".join(f'"{phrase[:60]}"' for phrase in absent[:_SHOWN])
    apart = " OR ".join(quoted(word) for phrase in absent for word in phrase.split())
    without = _matching(reader, apart)
    tail = f" Without quotation marks {_documents(without)} would fit." if without else ""
    return [f"No document has the words {said} one after the other.{tail}"]


def _unknown(query: Query) -> str:
    return f"No document has any of these words: {_looked_for(query)}. Try other words."


def _looked_for(query: Query) -> str:
    words = (*query.words, *(f"{prefix}*" for prefix in query.prefixes), *query.phrases)
    return ", ".join(word[:40] for word in words[:_SHOWN])


def _matching(reader: Reader, match: str) -> int:
    """How many documents have a passage that matches; passages beyond `_COUNTED` are not looked at."""
    return reader.connection.execute(
        "SELECT count(DISTINCT document) FROM passages WHERE key IN "
        "(SELECT rowid FROM words WHERE words MATCH ? LIMIT ?)",
        (match, _COUNTED),
    ).get


def _documents(number: int) -> str:
    return "1 document" if number == 1 else f"{number:,} documents"
