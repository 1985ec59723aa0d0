"""Plain text: as it is. Form feeds, where there are some, part it into pages; underlined lines are headings."""

import re
from collections.abc import Iterator
from itertools import islice

from toolservers.documents.composing import MAX_HEADINGS
from toolservers.documents.encodings import decoded
from toolservers.documents.extracted import Extracted, Heading, Page

MOST_PAGES = 20_000
"""With more form feeds than this, they mean something else."""

_UNDERLINED = re.compile(r"^(\S[^\n]{1,99})\n([=~^*+#\"-])\2{2,99}[ \t]*$", re.MULTILINE)


def extract(data: bytes, name: str) -> Extracted:
    """The title is a heading that the text begins with. Raises Unreadable where it is no text."""
    found = decoded(data)
    headings = tuple(islice(_headings(found.text), MAX_HEADINGS))
    begins = headings and not found.text[: headings[0].start].strip()
    return Extracted(
        found.text,
        "text",
        title=headings[0].title if begins else "",
        encoding=found.encoding,
        pages=pages(found.text),
        headings=headings,
        left_out=found.left_out,
        share=found.share,
    )


def pages(text: str) -> tuple[Page, ...]:
    """A form feed ends a page and belongs to it. None where the text has none."""
    if text.count("\f") > MOST_PAGES:
        return ()
    starts = [0]
    while (found := text.find("\f", starts[-1])) >= 0:
        starts.append(found + 1)
    if len(starts) == 1:
        return ()
    return tuple(Page(number, start) for number, start in enumerate(starts, 1) if start < len(text))


def _headings(text: str) -> Iterator[Heading]:
    """Lines of their own that are underlined for about their length. Each new sign is a level deeper, as in
    reStructuredText."""
    levels: dict[str, int] = {}
    for found in _UNDERLINED.finditer(text):
        title, sign = found[1].strip(), found[2]
        length = len(found[0].rstrip()) - len(found[1]) - 1
        above = text[text.rfind("\n", 0, max(0, found.start() - 1)) + 1 : found.start()].strip()
        is_alone = not above or not above.strip(sign)  # a line over it, too, is of the same signs
        if is_alone and abs(length - len(title)) <= 3 and any(map(str.isalnum, title)):
            yield Heading(levels.setdefault(sign, len(levels) + 1), title, found.start(), found.end())
