"""Plain text: as it is. Form feeds, where there are some, part it into pages."""

from toolservers.documents.encodings import decoded
from toolservers.documents.extracted import Extracted, Page


def extract(data: bytes, name: str) -> Extracted:
    """Raises Unreadable where it is no text."""
    found = decoded(data)
    return Extracted(
        found.text,
        "text",
        encoding=found.encoding,
        pages=pages(found.text),
        left_out=found.left_out,
        share=found.share,
    )


MOST_PAGES = 20_000
"""With more form feeds than this, they mean something else."""


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
