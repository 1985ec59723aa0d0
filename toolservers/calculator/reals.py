"""Real numbers as intervals of decimals: the true value is always between `low` and `high`.

Bounds are rounded outwards, so what both bounds agree on is proven and not merely likely.
"""

import math
from dataclasses import dataclass
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    Underflow,
)
from fractions import Fraction

from toolservers.calculator.limits import MAX_DIGITS

_TRAPS = [Overflow, Underflow, InvalidOperation, DivisionByZero]
_SMALL_POWER = 1000  # up to here a power is multiplied out, beyond it goes through logarithms


class Undecided(Exception):
    """The interval is too wide to tell: ask again with more digits."""


@dataclass(frozen=True, slots=True)
class Interval:
    low: Decimal
    high: Decimal

    def sign(self) -> int:
        """1 or -1. Raises Undecided where it may be zero."""
        if self.low > 0:
            return 1
        if self.high < 0:
            return -1
        raise Undecided


class Reals:
    """Arithmetic on intervals with `precision` significant digits. Raises decimal.Overflow and
    decimal.Underflow beyond 10^MAX_DIGITS and its inverse, and Undecided where a sign or a whole part
    cannot be told."""

    def __init__(self, precision: int) -> None:
        self.precision = precision
        self._down = Context(precision, ROUND_FLOOR, -MAX_DIGITS, MAX_DIGITS, traps=_TRAPS)
        self._up = Context(precision, ROUND_CEILING, -MAX_DIGITS, MAX_DIGITS, traps=_TRAPS)

    def of(self, value: Fraction) -> Interval:
        top, bottom = Decimal(value.numerator), Decimal(value.denominator)
        return Interval(self._down.divide(top, bottom), self._up.divide(top, bottom))

    def add(self, left: Interval, right: Interval) -> Interval:
        return Interval(self._down.add(left.low, right.low), self._up.add(left.high, right.high))

    def negative(self, value: Interval) -> Interval:
        return Interval(value.high.copy_negate(), value.low.copy_negate())

    def multiply(self, left: Interval, right: Interval) -> Interval:
        pairs = [(a, b) for a in (left.low, left.high) for b in (right.low, right.high)]
        return Interval(
            min(self._down.multiply(a, b) for a, b in pairs), max(self._up.multiply(a, b) for a, b in pairs)
        )

    def divide(self, left: Interval, right: Interval) -> Interval:
        right.sign()
        pairs = [(a, b) for a in (left.low, left.high) for b in (right.low, right.high)]
        return Interval(
            min(self._down.divide(a, b) for a, b in pairs), max(self._up.divide(a, b) for a, b in pairs)
        )

    def sqrt(self, value: Interval) -> Interval:
        if value.low < 0:
            raise Undecided
        return self._rising(self._down.sqrt(value.low), self._up.sqrt(value.high), floor=0)

    def exp(self, value: Interval) -> Interval:
        return self._rising(self._down.exp(value.low), self._up.exp(value.high), floor=0)

    def ln(self, value: Interval) -> Interval:
        value.sign()
        return self._rising(self._down.ln(value.low), self._up.ln(value.high))

    def log10(self, value: Interval) -> Interval:
        value.sign()
        return self._rising(self._down.log10(value.low), self._up.log10(value.high))

    def power(self, base: Interval, exponent: Interval) -> Interval:
        """For a base above zero."""
        return self.exp(self.multiply(exponent, self.ln(base)))

    def whole_power(self, base: Interval, exponent: int) -> Interval:
        """For any base that is not zero. The estimate of its size is the context's: it stops at Overflow."""
        if abs(exponent) <= _SMALL_POWER:
            raised = self._multiplied_out(base, abs(exponent))
            return self.divide(self.of(Fraction(1)), raised) if exponent < 0 else raised
        negative = base.sign() < 0
        size = self.power(self.negative(base) if negative else base, self.of(Fraction(exponent)))
        return self.negative(size) if negative and exponent % 2 else size

    def pi(self) -> Interval:
        """By Machin's formula, in whole numbers with ten digits to spare."""
        unit = 10 ** (self.precision + 10)
        pi = 4 * (4 * _arctan_of_inverse(5, unit) - _arctan_of_inverse(239, unit))
        error = 100 * self.precision  # each of the few terms of the series is cut by less than 1
        return Interval(
            self._down.divide(Decimal(pi - error), Decimal(unit)),
            self._up.divide(Decimal(pi + error), Decimal(unit)),
        )

    def floor(self, value: Interval) -> int:
        low = math.floor(Fraction(value.low))
        if low != math.floor(Fraction(value.high)):
            raise Undecided
        return low

    def _multiplied_out(self, base: Interval, exponent: int) -> Interval:
        result = self.of(Fraction(1))
        while exponent:
            if exponent & 1:
                result = self.multiply(result, base)
            exponent >>= 1
            if exponent:
                base = self.multiply(base, base)
        return result

    def _rising(self, low: Decimal, high: Decimal, floor: int | None = None) -> Interval:
        """decimal rounds these functions to the nearest; one step outwards is then a bound."""
        low = self._down.next_minus(low)
        return Interval(low if floor is None else max(low, Decimal(floor)), self._up.next_plus(high))


def _arctan_of_inverse(x: int, unit: int) -> int:
    """arctan(1/x) * unit, wrong by less than the number of terms."""
    term, total, divisor, sign = unit // x, 0, 1, 1
    while term:
        total += sign * (term // divisor)
        term //= x * x
        divisor += 2
        sign = -sign
    return total
