"""Filters as people write them; `filtering` has them as SQL."""

import re
from collections.abc import Mapping
from datetime import date

from toolservers.search.retrieval.query import Filters

_FORMATS = {
    "md": "markdown",
    "htm": "html",
    "xhtml": "html",
    "txt": "text",
    "plain": "text",
    "doc": "docx",
    "word": "docx",
    "eml": "email",
    "mail": "email",
    "e-mail": "email",
    "jsonl": "json",
    "ndjson": "json",
    "tsv": "csv",
}
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)


def format_named(name: str) -> str:
    """A format's own name for `name` or the ending of a file: `MD` and `.md` are `markdown`."""
    plain = name.casefold().removeprefix(".")
    return _FORMATS.get(plain, plain)


def day_named(text: str) -> str | None:
    """`2026`, `2026-3` and `2026-03-01` as an ISO 8601 date, the first day of what is named; of a date and time
    the date. None for what is no date."""
    found = _DAY.fullmatch(text.strip().partition("T")[0])
    try:
        return date(*(int(part or 1) for part in found.groups())).isoformat() if found else None
    except ValueError:
        return None


def by_key(filters: Filters) -> Mapping[str, tuple[str, ...]]:
    """The values that are wanted of each key of metadata."""
    found: dict[str, tuple[str, ...]] = {}
    for key, value in filters.metadata:
        found[key.casefold()] = (*found.get(key.casefold(), ()), value)
    return found


def told(filters: Filters, main: str = "") -> list[str]:
    """Each filter as it is written in a query; `main` is what the main source is called."""
    dates = [("after", filters.after), ("before", filters.before)]
    pairs = [
        *(("source", value or main) for value in filters.sources),
        *(("type", value) for value in filters.formats),
    ]
    pairs += [pair for pair in dates if pair[1]]
    return [f"{key}:{_quoted(value)}" for key, value in (*pairs, *filters.metadata)]


def _quoted(value: str) -> str:
    return value if value and re.fullmatch(r"[\w.-]+", value) else f'"{value}"'
