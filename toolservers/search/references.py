"""How documents are called: an id, or an address, either with the range of characters that is meant.

An id is the document's path in its source (`returns-policy`, `manuals/kettle.pdf`), behind `NAME:` for every source
but the main one; an address is `kb://NAME/PATH`, percent-encoded. `#char=120,480` behind either is the range, as
RFC 5147 writes it: positions between characters, counted from 0.
"""

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from toolservers.search.storage.records import MAIN

SCHEME = "kb://"
_RANGE = re.compile(r"#char=(\d{0,12})(?:,(\d{0,12}))?$")


class Reference(NamedTuple):
    """`start` and `end` are None where nothing says them."""

    id: str
    start: int | None = None
    end: int | None = None


def read(text: str, collection: str) -> Reference:
    """Never raises: what is no address is an id. `collection` is what the main source is called in addresses."""
    text = text.strip()
    found = _RANGE.search(text)
    start, end = (found[1], found[2]) if found else (None, None)
    name = text[: found.start()] if found else text
    return Reference(_id(name, collection), _number(start), _number(end))


def address(source: str, path: str, collection: str) -> str:
    """Of the document at `path` of a source, which is its id without the source's name."""
    return f"{SCHEME}{collection if source == MAIN else source}/{quote(path)}"


def cited(url: str, start: int, end: int) -> str:
    """The address of a range of characters."""
    return f"{url}#char={start},{end}"


def _id(name: str, collection: str) -> str:
    if not name.startswith(SCHEME):
        return name
    source, _, path = name.removeprefix(SCHEME).partition("/")
    path = unquote(path)
    return path if source == collection else f"{source}:{path}"


def _number(text: str | None) -> int | None:
    return int(text) if text else None
