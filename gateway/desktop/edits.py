"""What is the same for every format: changes of a text at offsets of it, how they look to a person, and a value by
its keys."""

import difflib
from collections.abc import Iterable
from typing import NamedTuple, cast

from toolward.types import Json, JsonObject


class Edit(NamedTuple):
    start: int
    end: int
    text: str


def applied(text: str, edits: Iterable[Edit]) -> str:
    """The text with all of them, none of which overlaps another."""
    parts: list[str] = []
    at = 0
    for one in sorted(edits):
        parts += (text[at : one.start], one.text)
        at = one.end
    return "".join((*parts, text[at:]))


def line_end(text: str) -> str:
    """What ends the lines of a text: as its first line does."""
    at = text.find("\n")
    return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"


def difference(before: str, after: str, name: str) -> str:
    """What changes, as a unified diff. Little of what is around it: other servers' secrets may stand there."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), name, f"{name} (new)", n=1, lineterm=""
    )
    return "\n".join(lines)


def value_at(value: Json, place: tuple[str, ...]) -> Json | None:
    """What stands there; None where nothing does."""
    for key in place:
        if not isinstance(value, dict):
            return None
        value = cast(JsonObject, value).get(key)
    return value
