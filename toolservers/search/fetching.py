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
from toolward.types import ResourceBody

WINDOW = 20_000
"""Characters that one answer has at most."""

MAX_RESOURCE = 1_000_000
"""Characters of a resource, which has no windows."""

_RAGGED = 2_000  # a window may be so much shorter, to end where a line does
_LEFT_OUT = 5  # sentences about what is missing
_NEAR = 500  # ids before and behind, among which one that was mistyped is looked for


def found(reader: Reader, reference: Reference, asked: str) -> DocumentRow | None:
    """An id that has a `#char=…` of its own is found by it; an id in small letters also by capital ones."""
    names = dict.fromkeys((asked.strip(), reference.id, reference.id.casefold()))
    return next((row for name in names if (row := reader.document(name)) is not None), None)


def missing(reader: Reader, reference: Reference) -> str:
    """What is said where there is no such document: it names the nearest id."""
    wanted = reference.id
    near = closest(wanted.casefold(), reader.ids_around(wanted.casefold(), _NEAR))
    advice = f"The nearest id is {near}." if near else "Ids come from the results of `search`."
    return f"There is no document {wanted[:80]!r}. {advice}"


def window(reader: Reader, row: DocumentRow, start: int, end: int | None, folder: Path | None) -> Document:
    """From `start` up to `end`, or as much as one answer has. `folder` is the source's, None where it has none.
    Raises ToolError for an `end` before `start`; beyond the text there is nothing, which `note` says."""
    if end is not None and end < start:
        raise ToolError(f"`end` is before `start`: {end:,} and {start:,}. Both count characters from 0.")
    start, wanted = min(start, row.characters), min(row.characters if end is None else end, row.characters)
    text = reader.text(row.key, start, min(start + WINDOW, wanted))
    if end is None and start + len(text) < wanted:
        whole = text.rfind("\n", len(text) - _RAGGED) + 1
        text = text[:whole] if whole else text
    last = start + len(text)
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
        next_start=last if last < wanted else None,
        note=_note(row, start, last if last < wanted else None, stale=stale),
    )


def whole(reader: Reader, row: DocumentRow, reference: Reference) -> ResourceBody:
    """The text, or the range of it. Raises ToolError for more than a resource may have."""
    start, end = reference.start or 0, row.characters if reference.end is None else reference.end
    if min(end, row.characters) - start > MAX_RESOURCE:
        raise ToolError(
            f"{row.id} has {row.characters:,} characters; a resource has at most {MAX_RESOURCE:,}. Read it in "
            f"parts, with `fetch`, or name a range: {row.url}#char=0,{MAX_RESOURCE}"
        )
    kind = "text/markdown" if row.format == "markdown" else "text/plain"
    return ResourceBody(row.url, kind, text=reader.text(row.key, start, max(start, end)))


def listing(reader: Reader, source: str | None, cursor: str, limit: int) -> Listing:
    """By id, those behind `cursor`; of one source, or of all."""
    rows = reader.documents(after=cursor, limit=limit + 1, source=source)
    shown = [listed(row) for row in rows[:limit]]
    return Listing(shown, shown[-1].id if len(rows) > limit else "")


def listed(row: DocumentRow) -> Listed:
    return Listed(row.id, row.title, row.format, row.updated, row.characters, row.duplicate_of)


def _metadata(row: DocumentRow) -> dict[str, str]:
    """What the document says of itself, but for its title, which stands beside it."""
    own = {name: value for name, value in row.metadata.items() if name != "title"}
    return own | {"updated": row.updated, "format": row.format}


def _note(row: DocumentRow, start: int, following: int | None, *, stale: bool) -> str:
    said: list[str] = []
    if start == row.characters:
        said.append(f"It has only {row.characters:,} characters.")
    if following is not None:
        said.append(
            f"This is not all of it: go on with start {following}, or with the id {row.id}#char={following},"
        )
    if stale:
        said.append("Its file has changed since it was read, or is gone: what stands here may be outdated.")
    if row.duplicate_of:
        said.append(f"{row.duplicate_of} says the same, or nearly.")
    if row.share < 1:
        said.append(f"About {row.share:.0%} of its file's text is here.".replace("%", " %"))
    said += row.left_out[:_LEFT_OUT]
    if (more := len(row.left_out) - _LEFT_OUT) > 0:
        said.append(f"{more} more things were left out of the text.")
    return " ".join(said)


def _has_changed(folder: Path, file: FileFacts) -> bool:
    """By its size and time alone: what it has now is read when the folder is looked through."""
    try:
        status = os.lstat(folder / file.path)
    except OSError:
        return True
    return not stat.S_ISREG(status.st_mode) or (status.st_size, status.st_mtime_ns) != (
        file.size,
        file.mtime_ns,
    )
