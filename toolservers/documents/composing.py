"""How a text is put together from pieces, so that pages and headings know exactly where they begin."""

import re

from toolservers.documents.extracted import Heading, Page
from toolservers.documents.unreadable import Unreadable

MAX_CHARACTERS = 20_000_000
"""Of the text of one document that is no plain text."""

MAX_HEADINGS = 100_000
MAX_METADATA = 1000
"""Characters of one value."""

_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f\ufeff\ufffe\uffff\u00ad]+")
_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Lines end with `\\n` alone; without controls, soft hyphens and halves of surrogate pairs."""
    if text.isprintable():
        return text
    return _SURROGATES.sub("\ufffd", _NO_TEXT.sub("", _LINE_ENDS.sub("\n", text)))


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


class Composer:
    """A text that grows at its end."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._gap = 0
        self._pages: list[Page] = []
        self.headings: list[Heading] = []

    @property
    def length(self) -> int:
        """Characters so far, and those that end the line before what is added next."""
        return self._length + (self._gap if self._length else 0)

    @property
    def pages(self) -> tuple[Page, ...]:
        """A page that nothing stands on begins where the text ends."""
        return tuple(Page(page.number, min(page.start, self._length)) for page in self._pages)

    def apart(self, lines: int) -> None:
        """What comes next begins a line, with at least `lines` - 1 blank ones before it."""
        self._gap = max(self._gap, lines)

    def add(self, text: str) -> None:
        """Raises Unreadable where the document has more text than is taken."""
        text = clean(text)
        if not text:
            return
        if self._length and self._gap:
            self._append("\n" * self._gap)
        self._gap = 0
        self._append(text)

    def heading(self, level: int, title: str) -> None:
        """A line of its own."""
        title = one_line(title)
        if not title:
            return
        self.apart(2)
        start = self.length
        self.add(title)
        if len(self.headings) < MAX_HEADINGS:
            self.headings.append(Heading(max(level, 1), title, start, self._length))
        self.apart(2)

    def page(self, number: int) -> None:
        """Begins where the next text does."""
        self._pages.append(Page(number, self.length))

    def text(self) -> str:
        return "".join(self._parts)

    def _append(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_CHARACTERS:
            raise Unreadable(
                "too_large",
                f"It has more than {MAX_CHARACTERS:,} characters of text, which is the limit for one document; "
                "split it into several.",
            )
        self._parts.append(text)
