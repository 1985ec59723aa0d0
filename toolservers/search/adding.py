"""Documents that come by a tool, in the transaction of its call: all of them, or none."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from toolservers.documents.opening import extract
from toolservers.documents.unreadable import Unreadable
from toolservers.search.answers import Added, Deleted, NewText
from toolservers.search.fetching import listed
from toolservers.search.ingestion.duplicates import placed
from toolservers.search.ingestion.preparing import of_text
from toolservers.search.references import referred
from toolservers.search.retrieval.written import day_named
from toolservers.search.sources import address, identifier
from toolservers.search.storage.records import ADDED, DocumentRow
from toolservers.search.storage.writing import Writer
from toolward.errors import ToolError
from toolward.names import closest

_PREFIX = f"{ADDED}:"
_SLUG = re.compile(r"[^\w]+")
_UNFIT = re.compile(r"[\x00-\x20\x7f#\\]|^/|/$|//|(?:^|/)\.\.?(?:/|$)")
_SLUG_LENGTH = 60


def added(connection: Any, texts: Sequence[NewText], collection: str) -> Added:
    """Raises ToolError: for an id that cannot be, a text that is none, a date that is none."""
    writer = Writer(connection)
    replaced: list[str] = []
    keys: list[int] = []
    for text in texts:
        name = _named(writer, text)
        wanted = identifier(ADDED, name)
        if writer.document(wanted) is not None:
            replaced.append(wanted)
        updated = day_named(text.updated) if text.updated else ""
        if updated is None:
            raise ToolError(
                f"`updated` of {wanted} is {text.updated!r}, which is no date. Write it like 2026-01-31."
            )
        try:
            extracted = extract(text.text.encode("utf-8", "replace"), f"{name}.md")
        except Unreadable as error:
            raise ToolError(f"The text of {wanted} cannot be taken: {error}") from None
        document = of_text(
            wanted, address(ADDED, name, collection), extracted, title=text.title, updated=updated
        )
        own = {key.casefold(): value for key, value in text.metadata.items()}
        document = replace(document, metadata={**document.metadata, **own})
        keys.append(placed(writer, document))
    writer.finish()
    rows = [row for key in keys if (row := writer.document_of(key)) is not None]
    said = [f"These took the place of an earlier text: {', '.join(replaced)}."] if replaced else []
    said += [f"{row.id} says the same as {row.duplicate_of}, or nearly." for row in rows if row.duplicate_of]
    return Added([listed(row) for row in rows], " ".join(said))


def deleted(connection: Any, asked: Sequence[str], collection: str, *, dry_run: bool) -> Deleted:
    """Raises ToolError for a document that is not there, or has a file."""
    writer = Writer(connection)
    rows = {row.key: row for one in asked for row in [_of_tool(writer, one, collection)]}
    if not dry_run:
        writer.delete(rows)
        writer.finish()
    count = "1 document" if len(rows) == 1 else f"{len(rows)} documents"
    note = f"{count} would be deleted; nothing was." if dry_run else f"{count} deleted."
    return Deleted([listed(row) for row in rows.values()], not dry_run, note)


def _named(writer: Writer, text: NewText) -> str:
    """Its id without the source. One that is made of the title is nobody's yet."""
    if text.id:
        name = text.id.removeprefix(_PREFIX)
        if not name or _UNFIT.search(name):
            raise ToolError(
                f"{text.id[:80]!r} cannot be a document's id. Use words with `-` between them, as in team/holidays."
            )
        return name
    plain = _SLUG.sub("-", text.title.casefold()).strip("-_")[:_SLUG_LENGTH].rstrip("-_") or "document"
    name, number = plain, 1
    while writer.document(identifier(ADDED, name)) is not None:
        number += 1
        name = f"{plain}-{number}"
    return name


def _of_tool(writer: Writer, asked: str, collection: str) -> DocumentRow:
    wanted = referred(asked, collection).id
    for name in (wanted, f"{_PREFIX}{wanted}"):
        if (row := writer.document(name)) is not None and row.source == ADDED:
            return row
    if (row := writer.document(wanted)) is not None:
        raise ToolError(
            f"{wanted} comes from a file, and goes when that is deleted or moved away. Nothing was deleted."
        )
    near = closest(
        f"{_PREFIX}{wanted.removeprefix(_PREFIX)}",
        [row.id for row in writer.documents(source=ADDED, limit=500)],
    )
    advice = (
        f"The nearest id is {near}."
        if near
        else "`list_documents` with the source `added` lists those that there are."
    )
    raise ToolError(f"There is no document {wanted[:80]!r} that was added. {advice} Nothing was deleted.")
