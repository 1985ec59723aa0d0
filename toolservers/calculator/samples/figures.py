"""Figures out of fractions: exact where that can be shown, and digits that are proven, not merely likely."""

from collections.abc import Sequence
from contextlib import suppress
from decimal import ROUND_HALF_UP, Context
from fractions import Fraction
from math import isqrt

from toolservers.calculator.numerals import exact_text, rounded_text
from toolservers.calculator.samples.answer import Figure

_LONGEST_EXACT = 200  # characters; an answer has some twenty figures
_LONGEST_PRODUCT = 200_000  # bits, up to which a geometric mean is looked for among the fractions
_BITS_PER_DIGIT = 3.33


class Figures:
    """`digits` significant digits in each `decimal`."""

    def __init__(self, digits: int) -> None:
        self._digits = digits
        self.too_long = False
        """Whether an exact value was left out."""

    def of(self, value: Fraction) -> Figure:
        exact = exact_text(value)
        if exact is None or len(exact) > _LONGEST_EXACT:
            self.too_long, exact = True, None
        return Figure(exact, rounded_text(value, self._digits))

    def root_of(self, square: Fraction) -> Figure:
        """The square root of a value that is not below 0."""
        top, bottom = isqrt(square.numerator), isqrt(square.denominator)
        if top * top == square.numerator and bottom * bottom == square.denominator:
            return self.of(Fraction(top, bottom))
        # The root is irrational, so that it lies on no tie: its first digits, cut off, round as all of it would.
        magnitude = (square.numerator.bit_length() - square.denominator.bit_length()) * 0.1505
        places = self._digits + 5 - int(magnitude)
        step = Fraction(10) ** -places
        scaled = square / step**2
        root = isqrt(scaled.numerator // scaled.denominator) * step
        return Figure(None, rounded_text(root, self._digits))

    def geometric_mean(self, numbers: Sequence[int], denominator: int) -> Figure | None:
        """Of `numbers / denominator`, all above 0; None where too many digits are needed to tell its last one."""
        from flint import arb, fmpz

        from toolservers.calculator.reals import Undecided, agreed, working

        if sum(number.bit_length() for number in numbers) <= _LONGEST_PRODUCT:
            product = fmpz(1)
            for number in numbers:
                product *= number
            root = product.root(len(numbers))
            if root ** len(numbers) == product:
                return self.of(Fraction(int(root), denominator))
        rounding = Context(self._digits, ROUND_HALF_UP)
        for digits in (self._digits + 20, 2 * self._digits + 100):
            with working(int(digits * _BITS_PER_DIGIT)), suppress(Undecided):
                inexact = arb(1)
                for number in numbers:
                    inexact *= fmpz(number)
                mean = inexact.root(len(numbers)) / fmpz(denominator)
                return Figure(None, rounded_text(agreed(mean, rounding), self._digits))
        return None
