"""Many lengths of time in little room: counts by size, from which quantiles are read within 1.6 %.

Buckets are 32 to an octave, as in HDR histograms (Tene): a length keeps its six highest bits.
"""

from collections.abc import Iterable

_BITS = 6


class Latencies:
    """Of microseconds. Two can be put together without losing anything."""

    __slots__ = ("_counts",)

    def __init__(self, lengths: Iterable[int] = ()) -> None:
        self._counts: dict[int, int] = {}
        for one in lengths:
            self.add(one)

    def __bool__(self) -> bool:
        return bool(self._counts)

    def add(self, length: int, times: int = 1) -> None:
        kept = _rounded(length)
        self._counts[kept] = self._counts.get(kept, 0) + times

    def take_in(self, other: "Latencies") -> None:
        for kept, times in other._counts.items():
            self._counts[kept] = self._counts.get(kept, 0) + times

    def quantile(self, share: float) -> int | None:
        """The length that this share (0 to 1) of all does not exceed; None where there are none."""
        wanted = share * sum(self._counts.values())
        passed = 0
        for kept in sorted(self._counts):
            passed += self._counts[kept]
            if passed >= wanted:
                return kept
        return None


def _rounded(length: int) -> int:
    """The middle of the bucket."""
    spare = max(length, 0).bit_length() - _BITS
    return max(length, 0) if spare <= 0 else (length >> spare << spare) + (1 << spare >> 1)
