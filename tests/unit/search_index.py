"""A small index in a file, for tests of what is found in it."""

import re
from collections.abc import Iterable
from pathlib import Path

from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.records import NewDocument, Passage


def document(
    identifier: str,
    text: str,
    *,
    title: str = "",
    source: str = "",
    kind: str = "markdown",
    updated: str = "2026-01-01",
    **metadata: str,
) -> NewDocument:
    """Its paragraphs are its passages."""
    spans = [found.span() for found in re.finditer(r"[^\n]+(?:\n[^\n]+)*", text)]
    passages = tuple(Passage(number, start, end, None, "") for number, (start, end) in enumerate(spans))
    url = f"kb://{source or 'fernhill'}/{identifier}"
    return NewDocument(
        identifier, source, title or identifier, url, kind, text, passages, updated, metadata=metadata
    )


def filled(
    path: Path, documents: Iterable[NewDocument], duplicates: dict[str, str] | None = None
) -> IndexFile:
    """`duplicates`: the ids of later documents with those of earlier ones that they repeat."""
    file = IndexFile(path)
    keys: dict[str, int] = {}
    with file.writing() as writer:
        for one in documents:
            keys[one.id] = writer.put(one, keys.get((duplicates or {}).get(one.id, "")))
    return file
