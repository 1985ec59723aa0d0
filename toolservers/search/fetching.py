"""Documents as they are handed over: a window of the text, a list."""

import os
import stat
from pathlib import Path

from toolservers.search.answers import Document, Listed, Listing
from toolservers.search.references import Reference
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import DocumentRow, FileFacts
from toolward.errors import ToolError
from toolward.names import closest

WINDOW = 20_000
"""Characters that one answer has at most."""

_RAGGED = 2_000  # a window may be so much shorter, to end where a line does
_NEAR = 500  # ids before and behind, among which one that was mistyped is looked for


def found(reader: Reader, reference: Reference, asked: str) -> DocumentRow:
    """Raises ToolError, naming the nearest id. An id that has a `#char=…` of its own is found by it."""
    for name in dict.fromkeys((asked.strip(), reference.id, reference.id.casefold())):
        if (row := reader.document(name)) is not None:
            return row
    wanted = reference.id
    near = closest(wanted.casefold(), reader.ids_around(wanted.casefold(), _NEAR))
    advice = f"The nearest id is {near}." if near else "Ids come from the results of `search`."
    raise ToolError(f"There is no document {wanted[:80]!r}. {advice}")


def window(reader: Reader, row: DocumentRow, start: int, end: int | None, folder: Path | None) -> Document:
    """From `start` up to `end`, or as much as one answer has. `folder` is the source's, None where it has none.
    Raises ToolError for a range that is not in the text."""
    if start > row.characters or (end is not None and end < start):
        raise ToolError(
            f"{row.id} has {row.characters:,} characters; {start:,} to {'its end' if end is None else f'{end:,}'}"
            " is no range of them. Give `start` from 0, and an `end` behind it."
        )
    last = min(start + WINDOW, row.characters if end is None else min(end, row.characters))
    text = reader.text(row.key, start, last)
    if end is None and last < row.characters:
        whole = text.rfind("\n", len(text) - _RAGGED) + 1
        text = text[:whole] if whole else text
        last = start + len(text)
    cut = last < (row.characters if end is None else min(end, row.characters))
    stale = folder is not None and row.file is not None and _has_changed(folder, row.file)
    return Document(
        id=row.id,
        title=row.title,
        text=text,
        url=row.url,
        metadata=_metadata(row),
        start=start,
        end=last,
        characters=row.characters,
        sha256=row.sha256,
        stale=stale,
        next_start=last if cut else None,
        note=_note(row, last if cut else None, stale=stale),
    )


def listing(reader: Reader, source: str | None, cursor: str, limit: int) -> Listing:
    """By id, those behind `cursor`. Raises ToolError for a source without documents, naming those that there are."""
    rows = reader.documents(after=cursor, limit=limit + 1, source=source)
    listed = [
        Listed(row.id, row.title, row.format, row.updated, row.characters, row.duplicate_of)
        for row in rows[:limit]
    ]
    return Listing(listed, listed[-1].id if len(rows) > limit else "")


def _metadata(row: DocumentRow) -> dict[str, str]:
    """What the document says of itself, but for its title, which stands beside it."""
    own = {name: value for name, value in row.metadata.items() if name != "title"}
    return own | {"updated": row.updated, "format": row.format}


def _note(row: DocumentRow, following: int | None, *, stale: bool) -> str:
    said: list[str] = []
    if following is not None:
        said.append(f"This is not all of it: go on with start {following}, or with the id {row.id}#char={following},")
    if stale:
        said.append("Its file has changed since it was read, or is gone: what stands here may be outdated.")
    if row.duplicate_of:
        said.append(f"{row.duplicate_of} says the same, or nearly.")
    said += row.left_out[:5]
    if (more := len(row.left_out) - 5) > 0:
        said.append(f"{more} more things were left out of the text.")
    return " ".join(said)


def _has_changed(folder: Path, file: FileFacts) -> bool:
    """By its size and time alone: what it has now is read when the folder is looked through."""
    try:
        status = os.lstat(folder / file.path)
    except OSError:
        return True
    return not stat.S_ISREG(status.st_mode) or (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns)
