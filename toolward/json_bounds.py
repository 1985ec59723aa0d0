"""How much a JSON text holds, told before it is read. To read one takes time by its values rather than its bytes,
and whoever reads holds up everybody else in the process: 4 MiB that were all brackets took a second.
"""

from typing import NamedTuple

from toolward.errors import TooLarge

MAX_DEPTH = 64
"""The deepest nesting of arrays and objects."""


SLOW_NUMBERS = 1_000
"""Of which one takes 16 µs, a thousand times as long as others: exponents of three digits, or 200 digits."""


class Amount(NamedTuple):
    """At most so many values, and so many of these are arrays or objects, which cost ten times as much."""

    values: int
    containers: int


ASKED = Amount(50_000, 20_000)
"""Of what somebody sends who is to be answered."""

GIVEN = Amount(500_000, 100_000)
"""Of what a tool server gives."""

_ALIKE = bytes.maketrans(b"123456789E+", b"000000000e-")
_LONG = b"0" * 200
_LARGE, _FEW = 20_000, 2_000
_NOT_BRACKET = bytes(set(range(256)) - set(b"[]{}"))


def without_strings(raw: bytes) -> bytes:
    """One that does not end goes to the end of the text."""
    return b"".join(_unescaped(raw).split(b'"')[::2])


def _unescaped(raw: bytes) -> bytes:
    """With no quotes but those at which a string begins or ends."""
    if b"\\" not in raw or b'\\"' not in raw:
        return raw
    return raw.replace(b"\\\\", b"").replace(b'\\"', b"")


def _cut(raw: bytes) -> bytes:
    """Without its strings where those are few, which is then faster than to look through them: they are a file's
    text, say."""
    return without_strings(raw) if len(raw) > _LARGE and raw.count(b'"') <= _FEW else raw


def is_too_much(raw: bytes, most: Amount = ASKED, *, numbers: bool = True) -> bool:
    """Without `numbers` for who passes over them and reads none."""
    if len(raw) <= most.containers:  # the common case: a value has a byte at least
        return False
    seen = _cut(raw)
    if not _holds_more(seen, most) and not (numbers and _is_slow(seen)):
        return False
    if _unescaped(raw).count(b'"') > 4 * most.values:  # two for each value, and for its name
        return True
    bare = without_strings(raw)
    return _holds_more(bare, most) or (numbers and _is_slow(bare))


def too_much(what: str, most: Amount = ASKED) -> TooLarge:
    return TooLarge(
        f"The {what} cannot be read at once: at most {most.values:,} values are, {most.containers:,} of them lists "
        f"and objects, {SLOW_NUMBERS:,} of them numbers as long as 200 digits or as large as 1e100.",
        hint="Send less, or send it in parts.",
    )


def _holds_more(raw: bytes, most: Amount) -> bool:
    containers = raw.count(b"[") + raw.count(b"{")
    return containers > most.containers or containers + raw.count(b",") >= most.values


def _is_slow(raw: bytes) -> bool:
    alike = raw.translate(_ALIKE)
    if alike.count(_LONG) > SLOW_NUMBERS:
        return True
    return alike.count(b"e") > SLOW_NUMBERS and alike.count(b"e000") + alike.count(b"e-000") > SLOW_NUMBERS


def depth_exceeds(raw: bytes, limit: int) -> bool:
    """Whether brackets nest deeper than `limit`, in one pass and without recursion."""
    seen = _cut(raw)
    if seen.count(b"[") + seen.count(b"{") <= limit:  # the common case, at the speed of a memory scan
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
