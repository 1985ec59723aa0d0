"""Where a page of a list ended. A cursor is no secret: base64 of JSON, so that whoever reads it may look inside."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from toolward.errors import ToolError

_DIGITS = 16


class Cursor(NamedTuple):
    """The sort key and the id of the last record that was shown."""

    key: str | int | bool | None
    id: str


def digest(asked: Sequence[object]) -> str:
    """Of what a query asks for, so that its cursors are known from those of others."""
    return hashlib.sha256(json.dumps(asked, default=str).encode()).hexdigest()[:_DIGITS]


def written(cursor: Cursor, query: str) -> str:
    held = [query, cursor.key, cursor.id]
    told = json.dumps([*held, digest(held)], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def read(text: str, query: str) -> Cursor:
    """Raises ToolError for a cursor of another query (by its `digest`), and for what is none."""
    whose, key, last = _parts(text)
    if whose != query:
        raise ToolError(
            "This cursor belongs to another query. Repeat record_type, query, status, customer_id, filters and"
            " sort as they were, or leave cursor out to begin anew."
        )
    return Cursor(key, last)


def _parts(text: str) -> tuple[str, Any, str]:
    try:
        told = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        *held, check = json.loads(told)
        query, key, last = held
        whole = check == digest(held) and isinstance(query, str) and isinstance(last, str)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise broken() from None
    if not whole or not _usable(key) or not _usable(last):
        raise broken()
    return query, key, last


def _usable(value: object) -> bool:
    """What a database can compare with: they refuse half characters, U+0000 and enormous numbers."""
    if isinstance(value, str):
        return not any(sign == "\x00" or "\ud800" <= sign <= "\udfff" for sign in value)
    return value is None or (isinstance(value, int) and abs(value) < 2**63)


def broken() -> ToolError:
    return ToolError(
        "This cursor is none that find_records gave, or was changed since. Give next_cursor exactly as it was, or"
        " leave cursor out to begin anew."
    )
