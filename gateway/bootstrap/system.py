"""The real clock and the real ids, behind the ports of the core."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letters that look alike


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


class SystemIds:
    """`run_` and 20 characters: 9 of time, which sort, and 11 of chance, which nobody guesses."""

    def new(self, kind: str) -> str:
        return f"{kind}_{_base32(time.time_ns() // 1_000_000, 9)}{_base32(secrets.randbits(55), 11)}"


def _base32(number: int, length: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))
