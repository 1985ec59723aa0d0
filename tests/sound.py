"""What holds for whatever came out of a document, whatever its format."""

import re

from toolservers.documents.dates import iso
from toolservers.documents.extracted import Extracted

_NOT_IN_TEXT = re.compile("[\r\0\ud800-\udfff]")


def require_sound(found: Extracted) -> None:
    """The contract of `documents.opening.extract`."""
    text = found.text
    assert text.strip()
    assert not _NOT_IN_TEXT.search(text)
    assert 0 <= found.share <= 1
    starts = [page.start for page in found.pages]
    assert starts == sorted(starts)
    assert all(0 <= start <= len(text) for start in starts)
    assert [page.number for page in found.pages] == sorted({page.number for page in found.pages})
    places = [heading.start for heading in found.headings]
    assert places == sorted(places)
    for heading in found.headings:
        assert heading.level >= 1
        assert heading.title.strip()
        assert 0 <= heading.start < heading.end <= len(text)
        assert text[heading.start : heading.end].strip()
    for key, value in found.metadata.items():
        assert key == key.lower()
        assert not _NOT_IN_TEXT.search(key + value)
    assert not found.metadata.get("updated") or iso(found.metadata["updated"]) == found.metadata["updated"]
    assert not _NOT_IN_TEXT.search("".join([found.title, *found.left_out]))
