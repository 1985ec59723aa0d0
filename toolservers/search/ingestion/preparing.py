"""From what came out of a file to the document that goes into the index."""

import re
from datetime import UTC, datetime

from toolservers.documents.extracted import Extracted
from toolservers.search.ingestion.duplicates import signature_of
from toolservers.search.ingestion.passages import passages_of
from toolservers.search.sources import Source
from toolservers.search.storage.records import ADDED, FileFacts, NewDocument

MAX_TITLE = 300
"""Characters of a title that are kept."""

_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # seconds: the years 1 to 9999
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character: it cannot be written as UTF-8


def of_file(source: Source, file: FileFacts, extracted: Extracted) -> NewDocument:
    """Blocking: some 0.2 s for 1 MB of text."""
    return _document(
        source.name,
        source.identifier(file.path),
        source.address(file.path),
        extracted,
        title=extracted.title.strip() or title_of(file.path),
        updated=extracted.metadata.get("updated") or _date(file.mtime_ns),
        file=file,
    )


def of_text(
    identifier: str, url: str, extracted: Extracted, title: str = "", updated: str = ""
) -> NewDocument:
    """A document that came by a tool. `identifier` and `url` are whole, as `sources.identifier` and `address` make
    them for the source `added`; `title` and `updated` go before what the text says of itself."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return _document(
        ADDED,
        identifier,
        url,
        extracted,
        title=title.strip()
        or extracted.title.strip()
        or title_of(identifier.partition(":")[2] or identifier),
        updated=updated or extracted.metadata.get("updated") or now,
        file=None,
    )


def title_of(path: str) -> str:
    """Of a document that says none: its file's name."""
    return path.rpartition("/")[2].removesuffix(".md") or path


def _date(mtime_ns: int) -> str:
    """A file's time can be any number; a date has four digits of a year."""
    seconds = max(_FIRST, min(mtime_ns / 1e9, _LAST))
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _document(
    source: str,
    identifier: str,
    url: str,
    extracted: Extracted,
    *,
    title: str,
    updated: str,
    file: FileFacts | None,
) -> NewDocument:
    signature = signature_of(extracted.text)
    return NewDocument(
        id=identifier,
        source=source,
        title=_clean(" ".join(title.split()))[:MAX_TITLE],
        url=url,
        format=extracted.format,
        text=_clean(extracted.text),
        passages=passages_of(extracted),
        updated=updated,
        file=file,
        encoding=extracted.encoding,
        metadata={_clean(key): _clean(value) for key, value in extracted.metadata.items()},
        left_out=tuple(map(_clean, extracted.left_out)),
        share=extracted.share,
        pages=tuple((page.number, page.start) for page in extracted.pages),
        signature=signature.value,
        bands=signature.bands,
    )


def _clean(text: str) -> str:
    """The same length: offsets stay."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
