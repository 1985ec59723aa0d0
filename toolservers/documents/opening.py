"""One way into every format: bytes and a name in, text with its offsets out, or the reason why not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import cast

from toolservers.documents.dates import with_updated
from toolservers.documents.extracted import Extracted
from toolservers.documents.kinds import binary_kind, image_type
from toolservers.documents.unreadable import Unreadable

LARGEST = 50_000_000
"""Bytes of a file that is taken at all."""

HEAD = 1024
"""Bytes by which a format is told."""


@dataclass(frozen=True, slots=True)
class Format:
    """How files of a format are told, and the module here that reads them, by a function
    `extract(data: bytes, name: str) -> Extracted`. The module is imported when the first such file comes."""

    name: str
    module: str
    suffixes: tuple[str, ...]
    begins: tuple[bytes, ...] = ()
    """What every file of the format, and of no other, begins with: this tells more than its name does."""
    apart: bool = False
    """Whether it is to be read in a process that can be ended (`extractor.py`): its reader may take long, or much
    memory, or be led astray by a hostile file."""


PLAIN = Format("text", "plain", (".txt", ".text", ".log", ".rst", ".adoc", ".org", ".tex", ".srt", ".vtt"))

FORMATS = (
    PLAIN,
    Format("markdown", "markdown", (".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd")),
    Format("csv", "tables", (".csv", ".tsv", ".tab")),
    Format("html", "html", (".html", ".htm", ".xhtml"), (b"<!doctype html", b"<html"), apart=True),
    Format("pdf", "pdf", (".pdf",), (b"%PDF-",), apart=True),
    # All archives and all old Office documents come here: what is none of Word's is told what it is.
    Format("docx", "docx", (".docx", ".docm", ".dotx"), (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"), apart=True),
    Format("json", "json", (".json", ".jsonl", ".ndjson", ".geojson")),
    Format("email", "email", (".eml", ".mbox"), apart=True),
)
"""In the order in which they are asked. What none of them claims is plain text, or is not read."""


def format_by_name(name: str) -> Format | None:
    """None where the suffix of a file's name (its last, in any case) says nothing."""
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    return next((known for known in FORMATS if suffix in known.suffixes), None)


def format_of(head: bytes, name: str) -> Format:
    """Told by the first HEAD bytes, then by the name; PLAIN where neither says more."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    for known in FORMATS:
        if any(head.startswith(begin) or start.startswith(begin.lower()) for begin in known.begins):
            return known
    return format_by_name(name) or PLAIN


def extract(data: bytes, name: str) -> Extracted:
    """Any format, in this process; it blocks. `name` is the file's, or its path: it tells the format where the
    bytes do not.

    The text has more than blanks; its lines end with `\\n` alone; it has no NUL and no lone surrogate. Offsets of
    pages and headings lie in it and do not fall. `title` is what the document says of itself, else empty. Of the
    metadata, `updated` is a date or time of ISO 8601, if the document gave one.

    Raises Unreadable, and nothing else.
    """
    require_size(len(data))
    if not data.strip():
        raise Unreadable("no_text", "It is empty.")
    _refuse_pictures(data[:HEAD])
    read = cast(
        Callable[[bytes, str], Extracted],
        import_module(f"toolservers.documents.{format_of(data[:HEAD], name).module}").extract,
    )
    try:
        found = read(data, name)
    except RecursionError:
        raise Unreadable("too_dense", "Its parts are nested too deeply to be read.") from None
    except MemoryError:
        raise Unreadable("too_dense", "Reading it takes more memory than there is.") from None
    if not found.text.strip():
        raise Unreadable("no_text", "It has no text.")
    return replace(found, metadata=with_updated(found.metadata))


def require_size(size: int) -> None:
    """Raises Unreadable."""
    if size > LARGEST:
        raise Unreadable(
            "too_large",
            f"It has {size:,} bytes; at most {LARGEST:,} are taken. Split it, or leave out what is not text.",
        )


def _refuse_pictures(head: bytes) -> None:
    if image_type(head):
        raise Unreadable(
            "no_text",
            f"It is {binary_kind(head)}; text is not read out of pictures. Give the text as a file.",
        )
    if head.startswith(b"{\\rtf"):
        raise Unreadable("unknown_format", "It is an RTF document. Save it as DOCX, PDF or plain text.")
