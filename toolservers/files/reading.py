"""What `read_file` answers: a window of text or an image, and one line of facts."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from toolservers.documents import opening
from toolservers.documents.kinds import image_type
from toolservers.files.paths.names import one_line
from toolservers.files.paths.refusals import shown
from toolservers.files.paths.roots import Roots
from toolservers.files.text.documents import Document, is_document
from toolservers.files.text.encodings import (
    HEAD,
    EndOfLine,
    Text,
    decode,
    end_name,
    etag_of,
    read_whole,
    weak_etag,
)
from toolservers.files.text.large import LargeFile
from toolservers.files.text.windows import Asked, Window, window
from toolward.errors import ToolError
from toolward.types import Content, ImageContent, TextContent, ToolResult

MAX_IMAGE = 5_000_000
"""Bytes of an image that is shown, which is what models take."""


@dataclass(frozen=True)
class Unopened:
    """A document whose text is still to be got out of its bytes."""

    data: bytes
    etag: str
    name: str
    facts: tuple[str, ...]


def read(roots: Roots, path: str, asked: Asked, cancelled: Callable[[], bool]) -> ToolResult | Unopened:
    """Blocking; `cancelled` stops the reading of a large file. Raises ToolError."""
    if asked.page is not None and asked.line != 1:
        raise ToolError(
            "Give `page` or `line`, not both: lines are counted from the beginning of the document."
        )
    root, inside = roots.place(path)
    with root.file(inside) as file:
        name = roots.shown(root, inside)
        before = os.fstat(file.descriptor)
        data = read_whole(file.descriptor)
        head = os.pread(file.descriptor, 64, 0) if data is None else data[:64]
        if is_document(head, name):
            return _unopened(file.descriptor, data, name)
        if asked.page is not None:
            raise ToolError(
                f"{shown(name)} is no PDF and no Word document (DOCX), and has no pages; leave `page` out, and use "
                "`line`."
            )
        kind = image_type(head)
        if kind is not None and (data is None or b"\0" in data):  # a text may begin with the letters GIF89a
            return _image(data, kind, name)
        if data is not None:
            return _small(data, name, asked)
        return _large(file.descriptor, before, name, asked, cancelled)


def document(found: Document, unopened: Unopened, asked: Asked) -> ToolResult:
    """A window of a document's text. Raises ToolError."""
    name = unopened.name
    if asked.page is not None:
        asked = Asked(found.line_of(asked.page, name), asked.count, asked.column)
    shows = window(found.text, asked)
    facts = [unopened.facts[0], f"text out of a {found.form}", *unopened.facts[1:]]
    return _answer(shows, name, facts, [found.left_out])


def _unopened(descriptor: int, data: bytes | None, name: str) -> Unopened:
    facts = os.fstat(descriptor)
    if data is not None:
        etag = etag_of(data)
        return Unopened(data, etag, name, (f"{len(data):,} bytes", f"etag {etag}"))
    data = read_whole(descriptor, opening.LARGEST)
    if data is None:
        raise ToolError(
            f"{shown(name)} has {facts.st_size:,} bytes; of PDF and Word documents at most {opening.LARGEST:,} are "
            "read. Split it, or take its pictures out."
        )
    etag = weak_etag(facts)
    return Unopened(data, etag, name, (f"{len(data):,} bytes", f"etag {etag} (weak: not of the bytes)"))


def _small(data: bytes, name: str, asked: Asked) -> ToolResult:
    text = decode(data, name)
    found = window(text, asked)
    facts = [f"{len(data):,} bytes", *_form(str(text.encoding), text.end_of_line), f"etag {etag_of(data)}"]
    return _answer(found, name, facts, [_last_line(text)] if found.following is None else [])


def _large(
    descriptor: int, before: os.stat_result, name: str, asked: Asked, cancelled: Callable[[], bool]
) -> ToolResult:
    file = LargeFile(descriptor, name, cancelled)
    found, escaped = file.window(asked)
    after = os.fstat(descriptor)
    facts = [
        f"{after.st_size:,} bytes",
        *_form(str(file.encoding), file.end_of_line),
        f"judged by the first {HEAD // 1024} KB",
        f"etag {weak_etag(after)} (weak: not of the bytes)",
    ]
    notes: list[str] = []
    if escaped:
        notes.append(rf"{escaped:,} bytes that are no text are shown as \xNN")
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        notes.append("it was changed while it was read")
    return _answer(found, name, facts, notes)


def _image(data: bytes | None, kind: str, name: str) -> ToolResult:
    if data is None or len(data) > MAX_IMAGE:
        raise ToolError(
            f"{shown(name)} is an image ({kind}) of more than {MAX_IMAGE:,} bytes; only smaller ones can be shown."
        )
    facts = f"[{one_line(name)}: {len(data):,} bytes, {kind}, etag {etag_of(data)}]"
    return ToolResult(content=(ImageContent(data, kind), TextContent(facts)))


def _form(encoding: str, end: EndOfLine) -> list[str]:
    return [encoding, *([f"ends of lines {end_name(end)}"] if end else [])]


def _last_line(text: Text) -> str:
    ended = not text.text or text.text.endswith(text.terminator)
    return "" if ended else "no end after the last line"


def _answer(found: Window, name: str, facts: list[str], notes: list[str]) -> ToolResult:
    # Not as structured content: clients that get any show it to the model instead of the text.
    lines = (
        f"line {found.first:,}" if found.first == found.last else f"lines {found.first:,} to {found.last:,}"
    )
    if found.total is not None:
        lines += f" of {found.total:,}"
    told = [", ".join(facts), *([lines] if found.text else []), *filter(None, notes)]
    if found.following is not None:
        told.append(f"next {found.following}")
    pieces: list[Content] = [TextContent(found.text)] if found.text else []
    return ToolResult(content=(*pieces, TextContent(f"[{one_line(name)}: {'; '.join(told)}]")))
