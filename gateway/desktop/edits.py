"""What is the same for every format: changes of a text at offsets of it, how they look to a person, and a value by
its keys."""

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
    """What changes, as a unified diff of one hunk, empty where nothing does. Little of what is around it is in it:
    other servers' secrets may stand there."""
    if before == after:
        return ""
    old, new = before.splitlines(), after.splitlines()
    most = min(len(old), len(new))
    head = next((at for at in range(most) if old[at] != new[at]), most)
    tail = next((at for at in range(most - head) if old[-1 - at] != new[-1 - at]), most - head)
    around = max(head - 1, 0), max(tail - 1, 0)
    sizes = [len(lines) - sum(around) for lines in (old, new)]
    starts = [around[0] + (size > 0) for size in sizes]
    return "\n".join(
        (
            f"--- {name}",
            f"+++ {name} (new)",
            f"@@ -{starts[0]},{sizes[0]} +{starts[1]},{sizes[1]} @@",
            *(f" {line}" for line in old[around[0] : head]),
            *(f"-{line}" for line in old[head : len(old) - tail]),
            *(f"+{line}" for line in new[head : len(new) - tail]),
            *(f" {line}" for line in old[len(old) - tail : len(old) - around[1]]),
        )
    )


def value_at(value: Json, place: tuple[str, ...]) -> Json | None:
    """What stands there; None where nothing does."""
    for key in place:
        if not isinstance(value, dict):
            return None
        value = cast(JsonObject, value).get(key)
    return value
