"""Lists in pages: always in the same order, and every entry once."""

from collections.abc import Mapping
from typing import TypeVar

from toolward.errors import InvalidArguments, Violation

ItemT = TypeVar("ItemT")

PAGE = 200
"""Entries of one page. Most servers have fewer, and clients that do not page see all of them."""


def page(
    items: Mapping[str, ItemT], cursor: str | None, size: int = PAGE
) -> tuple[tuple[ItemT, ...], str | None]:
    """The page after `cursor`, in the order of definition, and the cursor of the next one. A cursor is the key of
    the last entry of the page before. Raises InvalidArguments."""
    keys = list(items)
    start = 0
    if cursor is not None:
        if cursor not in items:
            raise InvalidArguments(
                "The cursor is not one of this list, or the list has changed since.",
                hint="List again from the start.",
                violations=[Violation("/cursor", "not a cursor of this list")],
            )
        start = keys.index(cursor) + 1
    shown = keys[start : start + size]
    more = start + size < len(keys)
    return tuple(items[key] for key in shown), shown[-1] if more else None
