"""Values and the operations on them: exact fractions as long as that goes, intervals where it does not."""

import math
from fractions import Fraction

from toolservers.calculator.limits import MAX_DIGITS, MAX_WORK
from toolservers.calculator.reals import Interval, Reals
from toolward.errors import ToolError

Value = Fraction | Interval

_MAX_BITS = math.ceil(MAX_DIGITS * math.log2(10))
_BITS_PER_MICROSECOND = 2_000_000  # products of lengths of operands, the unit in which long arithmetic costs
_MAX_ROOT = 1000
_ROOT_STEPS = 8


class Arithmetic:
    """Operations on values, with a count of the work. Each takes `at`, the place that an error names, and
    raises ToolError for what has no result or is over a limit; Undecided comes from intervals."""

    def __init__(self, reals: Reals, work: float = 0) -> None:
        self.reals = reals
        self.work = work

    def add(self, left: Value, right: Value, at: int) -> Value:
        if isinstance(left, Fraction) and isinstance(right, Fraction):
            self._spend_on(left, right, at)
            return _within_limit(left + right, at)
        self.spend(1, at)
        return self.reals.add(self.interval(left), self.interval(right))

    def negative(self, value: Value) -> Value:
        return -value if isinstance(value, Fraction) else self.reals.negative(value)

    def multiply(self, left: Value, right: Value, at: int) -> Value:
        if isinstance(left, Fraction) and isinstance(right, Fraction):
            self._spend_on(left, right, at)
            return _within_limit(left * right, at)
        self.spend(4, at)
        return self.reals.multiply(self.interval(left), self.interval(right))

    def divide(self, left: Value, right: Value, at: int) -> Value:
        if right == 0:
            raise ToolError(f"Division by zero at position {at}; nothing can be divided by 0.")
        if isinstance(left, Fraction) and isinstance(right, Fraction):
            self._spend_on(left, right, at)
            return _within_limit(left / right, at)
        self.spend(4, at)
        return self.reals.divide(self.interval(left), self.interval(right))

    def remainder(self, left: Value, right: Value, at: int) -> Value:
        """With the sign of `right`, so that `-7 mod 3` is 2."""
        times = Fraction(self.floor(self.divide(left, right, at)))
        return self.add(left, self.negative(self.multiply(right, times, at)), at)

    def power(self, base: Value, exponent: Value, at: int) -> Value:
        if isinstance(exponent, Fraction) and exponent.denominator == 1:
            return self._whole_power(base, exponent.numerator, at)
        if base == 0 and self.sign(exponent) > 0:
            return Fraction(0)
        if base == 0 or self.sign(base) < 0:
            raise ToolError(
                f"The power at position {at} is not a real number; only bases above 0 can be raised to an "
                "exponent that is not a whole number."
            )
        if isinstance(base, Fraction) and isinstance(exponent, Fraction):
            root = self.exact_root(base, exponent.denominator, at)
            if root is not None:
                return self._whole_power(root, exponent.numerator, at)
        self.spend_on_function(at, times=2)
        return self.reals.power(self.interval(base), self.interval(exponent))

    def _whole_power(self, base: Value, exponent: int, at: int) -> Value:
        if exponent == 0:
            return Fraction(1)  # 0^0 too, as nearly every calculator and language has it
        if isinstance(base, Interval):
            self.spend_on_function(at, times=2)
            return self.reals.whole_power(base, exponent)
        if base == 0 and exponent < 0:
            raise ToolError(f"0 is raised to a negative power at position {at}; that would divide by zero.")
        if base in (0, 1, -1):
            return base ** (2 - exponent % 2)
        digits = int(min(abs(exponent), 10**100) * _digits(base)) + 1
        if digits > MAX_DIGITS:
            shown = f"about {digits:,}" if digits < 10**18 else "more than 10^17"
            raise ToolError(
                f"The power at position {at} would have {shown} digits; the limit is {MAX_DIGITS:,}. "
                "Use smaller numbers, or take logarithms: `ln`, `log10`."
            )
        bits = digits * math.log2(10)
        self.spend(bits * bits / _BITS_PER_MICROSECOND, at)
        return _within_limit(base**exponent, at)

    def exact_root(self, value: Fraction, degree: int, at: int) -> Fraction | None:
        """The root of a value above zero, where it is a fraction."""
        if degree > _MAX_ROOT:
            return None
        self.spend(_ROOT_STEPS * _bits(value) ** 2 / _BITS_PER_MICROSECOND, at)
        top, bottom = _whole_root(value.numerator, degree), _whole_root(value.denominator, degree)
        exact = top**degree == value.numerator and bottom**degree == value.denominator
        return Fraction(top, bottom) if exact else None

    def interval(self, value: Value) -> Interval:
        return value if isinstance(value, Interval) else self.reals.of(value)

    def sign(self, value: Value) -> int:
        if isinstance(value, Interval):
            return value.sign()
        return (value > 0) - (value < 0)

    def floor(self, value: Value) -> int:
        return math.floor(value) if isinstance(value, Fraction) else self.reals.floor(value)

    def spend(self, microseconds: float, at: int) -> None:
        self.work += 1 + microseconds
        if self.work > MAX_WORK:
            raise ToolError(
                f"The calculation is too long: its limit of {MAX_WORK // 1000} ms of estimated work is reached "
                f"at position {at}. Split it into several."
            )

    def spend_on_function(self, at: int, times: int = 1) -> None:
        self.spend(times * self.reals.precision**2 / 50, at)

    def _spend_on(self, left: Fraction, right: Fraction, at: int) -> None:
        self.spend(_bits(left) * _bits(right) / _BITS_PER_MICROSECOND, at)


def _whole_root(number: int, degree: int) -> int:
    """The whole part of the root of a number above zero, by Newton's method from just above."""
    if degree == 2:
        return math.isqrt(number)
    exponent = math.log2(number) / degree
    shift = int(exponent) - 52
    guess = int(2 ** (exponent - int(exponent)) * 2**52) + 2**20  # a float's error is far below 2**20 here
    guess = guess << shift if shift > 0 else (guess >> -shift) + 1
    while (better := ((degree - 1) * guess + number // guess ** (degree - 1)) // degree) < guess:
        guess = better
    return guess


def _digits(value: Fraction) -> float:
    return math.log10(max(abs(value.numerator), value.denominator))


def _bits(value: Fraction) -> int:
    return value.numerator.bit_length() + value.denominator.bit_length()


def _within_limit(value: Fraction, at: int) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise ToolError(
            f"The result at position {at} has more than {MAX_DIGITS:,} digits, which is the limit; "
            "use smaller numbers."
        )
    return value
