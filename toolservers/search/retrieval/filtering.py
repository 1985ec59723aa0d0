"""A query's filters as SQL: the documents that a leg looks through."""

from collections.abc import Iterable

from toolservers.search.retrieval.query import Filters
from toolservers.search.retrieval.written import by_key


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
    for key, said in by_key(filters).items():
        add(
            "EXISTS (SELECT 1 FROM json_each(d.metadata) m "  # noqa: S608 -- only marks are put in
            f"WHERE m.key = ? COLLATE NOCASE AND m.value COLLATE NOCASE IN ({_marks(said)}))",
            *(key, *said),
        )
    return " AND ".join(parts) or "1", values


def _marks(values: Iterable[str]) -> str:
    return ", ".join("?" for _ in values)
