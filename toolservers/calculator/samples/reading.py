"""A list of numbers, brought to one denominator, so that all that follows is arithmetic of whole numbers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from toolservers.calculator.limits import MAX_DIGITS
from toolservers.calculator.numerals import comma_warning, read_number
from toolward.errors import ToolError

MAX_NUMBERS = 10_000
MAX_ALL_DIGITS = 1_000_000
"""Of all numbers together, once they have one denominator."""

_BITS = 3.3219280948873623  # of a digit
_SHOWN_WARNINGS = 3
_PLAIN = re.compile(r"(-?\d{1,50})(?:\.(\d{1,50}))?", re.ASCII)


@dataclass(frozen=True)
class Sample:
    """The numbers are `scaled / denominator`, in the order in which they were given."""

    scaled: list[int]
    denominator: int
    warnings: list[str]

    def value(self, scaled: int | Fraction) -> Fraction:
        return Fraction(scaled) / self.denominator


def read_sample(numbers: Sequence[str]) -> Sample:
    """Raises ToolError for a number that cannot be read, named by its place, and for what is over a limit."""
    if not numbers:
        raise ToolError("There are no numbers; give at least one.")
    if len(numbers) > MAX_NUMBERS:
        raise ToolError(
            f"There are {len(numbers):,} numbers, and the limit is {MAX_NUMBERS:,}; analyze them in parts, whose "
            "counts and sums can be added."
        )
    values = [_ratio(text, place) for place, text in enumerate(numbers, 1)]
    denominator = 1
    for place, (_, divisor) in enumerate(values, 1):
        denominator = lcm(denominator, divisor)
        if denominator.bit_length() > MAX_DIGITS * _BITS:
            raise ToolError(
                f"Up to number {place}, the common denominator has more than {MAX_DIGITS:,} digits, which is the "
                "limit; give decimals instead of fractions."
            )
    scaled = [numerator * (denominator // divisor) for numerator, divisor in values]
    digits = int(len(scaled) * max(abs(number).bit_length() for number in scaled) / _BITS)
    if digits > MAX_ALL_DIGITS:
        raise ToolError(
            f"Brought to one denominator, the numbers have some {digits:,} digits together, and the limit is "
            f"{MAX_ALL_DIGITS:,}; round them, or give fewer."
        )
    warnings = [warning for text in numbers if "," in text and (warning := comma_warning(text))]
    return Sample(scaled, denominator, warnings[:_SHOWN_WARNINGS])


def _ratio(text: str, place: int) -> tuple[int, int]:
    """Numerator and denominator. Most lists are of plain decimals, for which a fraction in lowest terms would be
    half the time of the whole answer."""
    if found := _PLAIN.fullmatch(text):
        whole, after = found.groups(default="")
        return int(whole + after), 10 ** len(after)
    value = read_number(text, f"number {place}")
    return value.numerator, value.denominator
