"""The real clock and the real ids, behind the ports of the core."""

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letters that look alike
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_CHANCE = 7  # bytes for an id
_DRAWN = 512  # ids whose chance is drawn at once: asking the kernel lets every other thread go first


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


class SystemIds:
    """`run_` and 20 characters: 9 of time, which sort, and 11 of chance, which nobody guesses."""

    def __init__(self) -> None:
        self._chance = b""
        self._used = 0
        self._ms = -1
        self._time = ""

    def new(self, kind: str) -> str:
        ms = time.time_ns() // 1_000_000
        if ms != self._ms:
            self._ms, self._time = ms, _base32(ms)[1:]
        at = self._used
        if at >= len(self._chance):
            self._chance, at = os.urandom(_DRAWN * _CHANCE), 0
        self._used = at + _CHANCE
        chance = int.from_bytes(self._chance[at : at + _CHANCE])
        return f"{kind}_{self._time}{_base32(chance)}{_ALPHABET[chance >> 50 & 31]}"


def _base32(number: int) -> str:
    """Of the lower 50 bits: 10 characters."""
    pairs = _PAIRS
    return (
        pairs[number >> 40 & 1023]
        + pairs[number >> 30 & 1023]
        + pairs[number >> 20 & 1023]
        + pairs[number >> 10 & 1023]
        + pairs[number & 1023]
    )
