"""What a query narrows, as SQL: the documents and passages that a leg looks through."""

from collections.abc import Iterable, Sequence

from toolservers.search.retrieval.query import Filters, Query
from toolservers.search.storage.scripts import spaced


def condition(filters: Filters) -> tuple[str, list[str]]:
    """On the columns of `documents d`, with the values of its `?`; `1` where nothing is narrowed."""
    parts: list[str] = []
    values: list[str] = []

    def add(sql: str, *given: str) -> None:
        parts.append(sql)
        values.extend(given)

    for column, wanted in (("source", filters.sources), ("format", filters.formats)):
        if wanted:
            add(f"d.{column} IN ({_marks(wanted)})", *wanted)
    if filters.after:
        add("d.updated >= ?", filters.after)
    if filters.before:
        add("d.updated < ?", filters.before)
    for key, said in _by_key(filters.metadata).items():
        add(
            "EXISTS (SELECT 1 FROM json_each(d.metadata) m "  # noqa: S608 -- only marks are put in
            f"WHERE m.key = ? COLLATE NOCASE AND m.value COLLATE NOCASE IN ({_marks(said)}))",
            *(key, *said),
        )
    return " AND ".join(parts) or "1", values


def passage_condition(query: Query) -> tuple[str, list[str]]:
    """On `passages p` and their `documents d`: the filters, the phrases that must stand in a passage, the words
    that must not. `1` where nothing is narrowed."""
    sql, values = condition(query.filters)
    parts = [sql] if sql != "1" else []
    for phrase in query.phrases:
        parts.append("p.key IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(_quoted(phrase))
    if query.excluded:
        parts.append("p.key NOT IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(" OR ".join(map(_quoted, query.excluded)))
    return " AND ".join(parts) or "1", values


def _quoted(phrase: str) -> str:
    """An FTS5 phrase, in which nothing is an operator; without a word in it, it matches nothing."""
    plain = spaced(phrase).replace("\0", " ").replace('"', '""')
    return f'"{plain}"'


def _by_key(metadata: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Values of one key are alternatives."""
    found: dict[str, list[str]] = {}
    for key, value in metadata:
        found.setdefault(key.casefold(), []).append(value)
    return found


def _marks(values: Iterable[str]) -> str:
    return ", ".join("?" for _ in values)
