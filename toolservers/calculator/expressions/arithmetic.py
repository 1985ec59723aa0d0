"""Operations on values, each with its cost estimated first: exact as long as that goes, balls where it does not."""

import math
from fractions import Fraction

from flint import arb, fmpz

from toolservers.calculator import reals
from toolservers.calculator.expressions.values import PiMultiple, Value, pi_times, whole
from toolservers.calculator.limits import MAX_DIGITS, MAX_WORK
from toolservers.calculator.reals import Real, Undecided
from toolward.errors import ToolError

_MAX_BITS = math.ceil(MAX_DIGITS * math.log2(10))
_OPERATION = 3  # microseconds for any operation, however short its operands
_BITS_PER_MICROSECOND = 2_000_000  # products of lengths of operands, the unit in which long arithmetic costs
_REDUCED_BITS_PER_MICROSECOND = 400_000  # the same for fractions, which are reduced to lowest terms
_FUNCTION_BITS_PER_MICROSECOND = 100_000  # squares of the precision, for exp, ln, sin and their like
_MAX_ROOT = 1000
_SMALL_POWER = 1000  # up to here a power is multiplied out, beyond it goes through logarithms
_MAX_EXPONENT = math.ceil(MAX_DIGITS * math.log(10)) + 1  # e to more than this is over the limit


class Arithmetic:
    """Operations with `bits` of precision and a count of the work. Each takes `at`, the place that an error
    names. Raises ToolError for what has no result or is over a limit, Undecided for what more bits may tell."""

    def __init__(self, bits: int, work: float = 0) -> None:
        self.bits = bits
        self.work = work

    def add(self, left: Value, right: Value, at: int) -> Value:
        if isinstance(left, Fraction) and isinstance(right, Fraction):
            self._spend_on(left, right, at)
            return _within_limit(left + right, at)
        if isinstance(left, PiMultiple) and isinstance(right, PiMultiple):
            self._spend_on(left.times, right.times, at)
            return pi_times(_within_limit(left.times + right.times, at))
        if left == 0 or right == 0:
            return right if left == 0 else left
        self._spend_on_reals(at)
        return self.checked(self.real(left) + self.real(right), at)

    def negative(self, value: Value) -> Value:
        return PiMultiple(-value.times) if isinstance(value, PiMultiple) else -value

    def subtract(self, left: Value, right: Value, at: int) -> Value:
        return self.add(left, self.negative(right), at)

    def multiply(self, left: Value, right: Value, at: int) -> Value:
        if isinstance(left, Fraction) and isinstance(right, Fraction):
            self._spend_on(left, right, at)
            return _within_limit(left * right, at)
        if left == 0 or right == 0:
            return Fraction(0)
        if isinstance(left, Fraction) and isinstance(right, PiMultiple):
            left, right = right, left
        if isinstance(left, PiMultiple) and isinstance(right, Fraction):
            self._spend_on(left.times, right, at)
            return PiMultiple(_within_limit(left.times * right, at))
        self._spend_on_reals(at)
        return self.checked(self.real(left) * self.real(right), at)

    def divide(self, left: Value, right: Value, at: int) -> Value:
        if right == 0:
            raise ToolError(f"Division by zero at position {at}; nothing can be divided by 0.")
        if isinstance(right, Fraction) and not isinstance(left, Real):
            self._spend_on(left if isinstance(left, Fraction) else left.times, right, at)
            if isinstance(left, PiMultiple):
                return PiMultiple(_within_limit(left.times / right, at))
            return _within_limit(left / right, at)
        if isinstance(left, PiMultiple) and isinstance(right, PiMultiple):
            self._spend_on(left.times, right.times, at)
            return _within_limit(left.times / right.times, at)
        if left == 0:
            return Fraction(0) if isinstance(right, PiMultiple) or self.sign(right) else left
        self._spend_on_reals(at)
        return self.checked(self.real(left) / self.real(right), at)

    def remainder(self, left: Value, right: Value, at: int) -> Value:
        """With the sign of `right`, so that `-7 mod 3` is 2."""
        times = Fraction(self.floor(self.divide(left, right, at)))
        return self.subtract(left, self.multiply(right, times, at), at)

    def power(self, base: Value, exponent: Value, at: int) -> Value:
        times = whole(exponent)
        if times is not None:
            return self._whole_power(base, times, at)
        if base == 1:
            return Fraction(1)
        if base == 0 and self.sign(exponent) > 0:
            return Fraction(0)
        if base == 0 or self.sign(base) < 0:
            if isinstance(exponent, Real) and exponent.contains_integer():
                raise Undecided
            raise ToolError(
                f"The power at position {at} is not a real number; only bases above 0 can be raised to an "
                "exponent that is not a whole number. For a root of a number below 0, write `root(-8, 3)`."
            )
        if isinstance(base, Fraction) and isinstance(exponent, Fraction):
            root = self.exact_root(base, exponent.denominator, at)
            if root is not None:
                return self._whole_power(root, exponent.numerator, at)
        self.spend_on_function(at)
        return self.exp(self.real(exponent) * self.real(base).log(), at)

    def _whole_power(self, base: Value, exponent: int, at: int) -> Value:
        if exponent == 0:
            return Fraction(1)  # 0^0 too, as nearly every calculator and language has it
        if exponent == 1:
            return base
        if not isinstance(base, Fraction):
            return self._real_power(self.real(base), exponent, at)
        if base == 0 and exponent < 0:
            raise ToolError(f"0 is raised to a negative power at position {at}; that would divide by zero.")
        if base in (0, 1, -1):
            return base ** (2 - exponent % 2)
        self.expect_digits(min(abs(exponent), 10**100) * digits(base), "power", at)
        return _within_limit(base**exponent, at)

    def _real_power(self, base: Real, exponent: int, at: int) -> Value:
        self.spend_on_function(at)
        if abs(exponent) <= _SMALL_POWER:
            return self.checked(base**exponent, at)
        size = self.exp(abs(base).log() * arb(fmpz(exponent)), at)
        return -size if reals.sign(base) < 0 and exponent % 2 else size

    def exp(self, value: Real, at: int) -> Real:
        """Of e, where the result is not known to be beyond the limits."""
        self.spend_on_function(at)
        if not value.is_finite():
            raise Undecided
        if value.abs_lower() > _MAX_EXPONENT:
            raise _too_large(at) if value > 0 else _too_small(at)
        return self.checked(value.exp(), at)

    def exact_root(self, value: Fraction, degree: int, at: int) -> Fraction | None:
        """The root of a value above zero, where it is a fraction."""
        if degree > _MAX_ROOT:
            return None
        self.spend(_bits(value) ** 2 / _BITS_PER_MICROSECOND, at)
        top, bottom = (int(fmpz(part).root(degree)) for part in value.as_integer_ratio())
        exact = top**degree == value.numerator and bottom**degree == value.denominator
        return Fraction(top, bottom) if exact else None

    def real(self, value: Value) -> Real:
        if isinstance(value, PiMultiple):
            return reals.real(value.times) * arb.pi()
        return reals.real(value) if isinstance(value, Fraction) else value

    def checked(self, value: Real, at: int) -> Real:
        """The value, unless it is over the limits or more bits are needed to know it."""
        if not value.is_finite():
            raise Undecided
        if reals.is_huge(value):
            raise _too_large(at)
        if reals.is_tiny(value):
            raise _too_small(at)
        return value

    def sign(self, value: Value) -> int:
        if isinstance(value, Real):
            return reals.sign(value)
        size = value.times if isinstance(value, PiMultiple) else value
        return (size > 0) - (size < 0)

    def floor(self, value: Value) -> int:
        return math.floor(value) if isinstance(value, Fraction) else reals.floor(self.real(value))

    def expect_digits(self, length: float, what: str, at: int) -> None:
        """Called before a whole number of about so many digits is made."""
        if length > MAX_DIGITS:
            shown = f"about {int(length) + 1:,}" if length < 10**18 else "more than 10^17"
            raise ToolError(
                f"The {what} at position {at} would have {shown} digits; the limit is {MAX_DIGITS:,}. "
                "Use smaller numbers, or take logarithms: `ln`, `log10`."
            )
        bits = length * math.log2(10)
        self.spend(bits * bits / _BITS_PER_MICROSECOND, at)

    def spend(self, microseconds: float, at: int) -> None:
        self.work += _OPERATION + microseconds
        if self.work > MAX_WORK:
            raise ToolError(
                f"The calculation is too long: its limit of {MAX_WORK // 1000} ms of estimated work is reached "
                f"at position {at}. Split it into several."
            )

    def spend_on_function(self, at: int) -> None:
        self.spend(self.bits**2 / _FUNCTION_BITS_PER_MICROSECOND, at)

    def _spend_on_reals(self, at: int) -> None:
        self.spend(self.bits / 500, at)

    def _spend_on(self, left: Fraction, right: Fraction, at: int) -> None:
        whole_numbers = left.denominator == right.denominator == 1
        rate = _BITS_PER_MICROSECOND if whole_numbers else _REDUCED_BITS_PER_MICROSECOND
        self.spend(_bits(left) * _bits(right) / rate, at)


def digits(value: Fraction) -> float:
    """Of the longer of numerator and denominator, as a logarithm."""
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


def _too_large(at: int) -> ToolError:
    return ToolError(
        f"The value at position {at} is larger than 10^{MAX_DIGITS:,}, which is the limit; use smaller numbers, "
        "or take logarithms: `ln`, `log10`."
    )


def _too_small(at: int) -> ToolError:
    return ToolError(
        f"The value at position {at} is closer to zero than 10^-{MAX_DIGITS:,}, which is the limit; use larger "
        "numbers, or take logarithms: `ln`, `log10`."
    )
