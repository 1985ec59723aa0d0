"""Where the pages of an answer go on: a cursor says which documents were shown already.

So pages neither repeat nor pass over a document, whatever is written to the index between them: what is shown next
are the best of those that were not shown. A cursor is no secret, only short.
"""

import base64
import binascii
import hashlib
from collections.abc import Collection, Iterable
from typing import NamedTuple

from toolward.errors import ToolError

MOST_SHOWN = 200
"""Documents that all pages of one answer show together."""

_MARK = 5  # bytes of a document's id: one in 5 billion that is not shown is taken for one that was, 200 shown
_QUERY = 6  # bytes
_GENERATION = 8
_CHECK = 4
_HEAD = _QUERY + _GENERATION


class Cursor(NamedTuple):
    query: bytes
    generation: int
    """Of the index, when the first page was made."""
    shown: frozenset[bytes]


def mark(identifier: str) -> bytes:
    """Of a document's id, as a cursor holds it."""
    return hashlib.sha256(identifier.encode()).digest()[:_MARK]


def digest(asked: object) -> bytes:
    """Of what was asked, by its `repr`, so that a cursor of another query is known."""
    return hashlib.sha256(repr(asked).encode(errors="replace")).digest()[:_QUERY]


def written(query: bytes, generation: int, shown: Iterable[bytes]) -> str:
    held = query + generation.to_bytes(_GENERATION, "big") + b"".join(sorted(set(shown)))
    return base64.urlsafe_b64encode(held + _checked(held)).decode().rstrip("=")


def read(text: str, query: bytes) -> Cursor:
    """Raises ToolError for what is no cursor, was changed, or belongs to another query."""
    try:
        told = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _broken() from None
    held, check = told[:-_CHECK], told[-_CHECK:]
    marks = held[_HEAD:]
    if len(held) < _HEAD or len(marks) % _MARK or len(marks) > MOST_SHOWN * _MARK or check != _checked(held):
        raise _broken()
    if held[:_QUERY] != query:
        raise ToolError(
            "This cursor belongs to another query. Repeat query and filters as they were, or leave cursor out to "
            "begin anew."
        )
    shown: Collection[bytes] = [marks[at : at + _MARK] for at in range(0, len(marks), _MARK)]
    return Cursor(query, int.from_bytes(held[_QUERY:_HEAD], "big"), frozenset(shown))


def _checked(held: bytes) -> bytes:
    return hashlib.sha256(held).digest()[:_CHECK]


def _broken() -> ToolError:
    return ToolError(
        "This cursor is none that search gave, or was changed since. Give next_cursor exactly as it was, or leave "
        "cursor out to begin anew."
    )
