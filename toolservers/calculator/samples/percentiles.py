"""Where a percentile falls in a sorted list, by the three definitions that people mean most often."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor

from toolservers.calculator.samples.answer import Method

DEFINITIONS: dict[Method, str] = {
    "inclusive": "percentile p lies at place 1 + (n-1)p/100 of the sorted numbers, between two in proportion "
    "(Excel PERCENTILE.INC, Hyndman-Fan 7)",
    "exclusive": "percentile p lies at place (n+1)p/100 of the sorted numbers, between two in proportion "
    "(Excel PERCENTILE.EXC, Hyndman-Fan 6)",
    "nearest_rank": "percentile p is the smallest number that at least p% of the numbers do not exceed "
    "(Hyndman-Fan 1)",
}


def percentile(ordered: Sequence[int], percent: Fraction, method: Method) -> Fraction | None:
    """Of a sorted list that is not empty. None where `exclusive` has no value: too near to an end."""
    count = len(ordered)
    if method == "nearest_rank":
        return Fraction(ordered[max(ceil(count * percent / 100), 1) - 1])
    at = (count - 1) * percent / 100 if method == "inclusive" else (count + 1) * percent / 100 - 1
    if not 0 <= at <= count - 1:
        return None
    below = floor(at)
    above = min(below + 1, count - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])
