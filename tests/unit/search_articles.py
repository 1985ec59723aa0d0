"""The Markdown pages of a folder, as the search server reads them."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from toolservers.documents.opening import extract


class Article(NamedTuple):
    id: str
    title: str
    text: str
    metadata: Mapping[str, str]


def load(folder: Path) -> tuple[Article, ...]:
    """Sorted by id."""
    return tuple(_read(path, folder) for path in sorted(folder.rglob("*.md")))


def _read(path: Path, folder: Path) -> Article:
    found = extract(path.read_bytes(), path.name)
    return Article(
        path.relative_to(folder).with_suffix("").as_posix(), found.title, found.text, found.metadata
    )
