"""What a caller names: a document by its id or address, and perhaps a range of its characters.

`#char=120,480` behind either is the range, as RFC 5147 writes it: positions between characters, counted from 0.
"""

import re
from typing import NamedTuple

from toolservers.search.sources import identifier_of

_RANGE = re.compile(r"#char=(\d{0,12})(?:,(\d{0,12}))?$")


class Reference(NamedTuple):
    """`start` and `end` are None where nothing says them."""

    id: str
    start: int | None = None
    end: int | None = None


def referred(text: str, collection: str) -> Reference:
    """Never raises: what is no address is an id. `collection` is what the main source is called in addresses."""
    text = text.strip()
    found = _RANGE.search(text)
    if found is None:
        return Reference(identifier_of(text, collection))
    return Reference(identifier_of(text[: found.start()], collection), _number(found[1]), _number(found[2]))


def _number(text: str | None) -> int | None:
    return int(text) if text else None
