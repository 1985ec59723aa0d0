"""How much a JSON text holds, told before it is read. To read one takes time by its values rather than its bytes,
and whoever reads holds up everybody else in the process: 4 MiB that were all brackets took a second.
"""

import re
from typing import NamedTuple

from toolward.errors import TooLarge

MAX_DEPTH = 64
"""The deepest nesting of arrays and objects."""


class Amount(NamedTuple):
    """At most so many values, and so many of these are arrays or objects, which cost ten times as much."""

    values: int
    containers: int


ASKED = Amount(100_000, 20_000)
"""Of what somebody sends who is to be answered."""

GIVEN = Amount(500_000, 100_000)
"""Of what a tool server gives."""

# One that does not end goes to the end of the text: else each quote in it would be tried as the beginning of
# another, and that takes time by the square.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKET = bytes(set(range(256)) - set(b"[]{}"))


def without_strings(raw: bytes) -> bytes:
    return _STRING.sub(b"", raw)


def is_too_much(raw: bytes, most: Amount = ASKED) -> bool:
    if len(raw) <= most.containers:  # the common case: a value has a byte at least
        return False
    return _holds_more(raw, most) and _holds_more(without_strings(raw), most)


def too_much(what: str, most: Amount = ASKED) -> TooLarge:
    return TooLarge(
        f"In the {what} are more than {most.values:,} values, or more than {most.containers:,} lists and objects.",
        hint="Send less, or send it in parts.",
    )


def _holds_more(raw: bytes, most: Amount) -> bool:
    containers = raw.count(b"[") + raw.count(b"{")
    return containers > most.containers or containers + raw.count(b",") >= most.values


def depth_exceeds(raw: bytes, limit: int) -> bool:
    """Whether brackets nest deeper than `limit`, in one pass and without recursion."""
    if raw.count(b"[") + raw.count(b"{") <= limit:  # the common case, at the speed of a memory scan
        return False
    depth = 0
    for byte in without_strings(raw).translate(None, _NOT_BRACKET):
        if byte in b"[{":
            depth += 1
            if depth > limit:
                return True
        else:
            depth -= 1
    return False


def too_deep(what: str, limit: int = MAX_DEPTH) -> TooLarge:
    return TooLarge(f"The {what} are nested more than {limit} levels deep.", hint="Send a flatter value.")
