"""PDF and Word documents as text, with a line that says so where each page begins."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from toolservers.documents.extracted import Extracted
from toolservers.documents.opening import format_by_name
from toolservers.documents.unreadable import Unreadable
from toolservers.files.paths.refusals import shown
from toolservers.files.text.encodings import UTF8, Text
from toolward.errors import ToolError

KEPT = 8
"""Documents whose text is kept, so that the next window of one does not read it from its beginning."""

MAX_KEPT = 20_000_000
"""Characters of them together."""

_FORMATS = {"pdf": "PDF", "docx": "Word document"}
_MAX_LEFT_OUT = 500  # characters


@dataclass(frozen=True)
class Document:
    text: Text
    lines: Mapping[int, int]
    """At which line each page begins; empty where the document does not say where its pages end."""
    form: str
    left_out: str

    def line_of(self, page: int, name: str) -> int:
        """Raises ToolError where there is no such page."""
        if not self.lines:
            raise ToolError(
                f"{shown(name)} does not say where its pages end; leave `page` out, and use `line`."
            )
        if page not in self.lines:
            pages = f"{len(self.lines):,} page{'s' if len(self.lines) > 1 else ''}"
            raise ToolError(f"{shown(name)} has {pages}, and no page {page:,}.")
        return self.lines[page]


class Reads(Protocol):
    """What `toolservers.documents.extractor.Extractor` does."""

    async def extract(self, source: bytes, name: str, /) -> Extracted: ...


class Documents:
    """Reads them in processes apart, and remembers the last ones."""

    def __init__(self, extractor: Reads) -> None:
        self._extractor = extractor
        self._kept: OrderedDict[str, Document] = OrderedDict()

    async def read(self, data: bytes, etag: str, name: str) -> Document:
        """`etag` names these bytes. Raises ToolError."""
        found = self._kept.get(etag)
        if found is None:
            try:
                found = _document(await self._extractor.extract(data, name))
            except Unreadable as error:
                raise ToolError(f"{shown(name)} cannot be read as text. {error}") from None
            self._kept[etag] = found
        self._kept.move_to_end(etag)
        while len(self._kept) > KEPT or sum(len(one.text.text) for one in self._kept.values()) > MAX_KEPT:
            self._kept.popitem(last=False)
        return found


def is_document(head: bytes, name: str) -> bool:
    """By the first bytes and the name, which must agree: texts may begin like a PDF, other files are archives."""
    found = format_by_name(name)
    return found is not None and found.name in _FORMATS and head.startswith(found.begins)


def _document(found: Extracted) -> Document:
    form = _FORMATS[found.format]
    left_out = " ".join(found.left_out)[:_MAX_LEFT_OUT]
    if not found.pages:
        return Document(Text(found.text + "\n", UTF8), {}, form, left_out)
    parts: list[str] = []
    lines: dict[int, int] = {}
    line = 1
    ends = [page.start for page in found.pages[1:]] + [len(found.text)]
    for page, end in zip(found.pages, ends, strict=True):
        lines[page.number] = line
        parts.append(f"[page {page.number}]\n{found.text[page.start : end].strip()}\n\n")
        line += parts[-1].count("\n")
    count = f"{len(lines):,} page{'s' if len(lines) > 1 else ''}"
    return Document(Text("".join(parts).rstrip("\n") + "\n", UTF8), lines, f"{form} of {count}", left_out)
