"""What a change answers."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from toolservers.files.changes.renames import At
from toolservers.files.changes.trees import READ
from toolservers.files.text.encodings import etag_of_file


@dataclass(frozen=True)
class Changed:
    """`change` is what `undo_change` takes. `etag` is of the file that stands at `path` now, None where there
    is none; `bytes` is its size, or that of all that was copied, moved or deleted."""

    path: str
    change: str
    etag: str | None
    bytes: int
    created: bool = False


Told = Callable[[Changed], None]


def not_told(_changed: Changed) -> None:
    pass


def etag_of_mark(mark: str) -> str | None:
    """Of a file whose mark is made of its bytes."""
    kind, _, value = mark.partition(" ")
    return value if kind == "file" else None


def with_etag(changed: Changed, mark: str, target: At) -> Changed:
    """A large file has its etag only where it stands: the rename itself changes it."""
    return replace(changed, etag=_etag_at(target)) if mark.startswith("large ") else changed


def _etag_at(at: At) -> str | None:
    """None where it is gone already."""
    with suppress(OSError):
        file = os.open(at.name, READ, dir_fd=at.folder)
        try:
            return etag_of_file(file)
        finally:
            os.close(file)
    return None
