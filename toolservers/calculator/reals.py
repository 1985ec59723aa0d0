"""Real numbers as balls of Arb: the true value always lies between both ends of the ball.

What both ends agree on is proven and not merely likely. flint keeps its precision per thread; `working` is the
one place that sets it.
"""

from contextlib import AbstractContextManager
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache

from flint import arb, ctx, fmpz

from toolservers.calculator.limits import MAX_DIGITS

Real = arb

BITS_PER_DIGIT = 3.33


class Undecided(Exception):
    """The ball is too wide to tell: ask again with more digits."""


def working(bits: int) -> AbstractContextManager[object]:
    """Within it, every operation on reals keeps `bits` significant bits."""
    return ctx.workprec(bits)


def real(value: Fraction) -> Real:
    return arb(fmpz(value.numerator)) / arb(fmpz(value.denominator))


def sign(value: Real) -> int:
    """1 or -1. Raises Undecided where it may be zero."""
    if value > 0:
        return 1
    if value < 0:
        return -1
    raise Undecided


def floor(value: Real) -> int:
    """Raises Undecided where a whole number lies in the ball."""
    whole = value.floor().unique_fmpz()
    if whole is None:
        raise Undecided
    return int(whole)


def may_be_zero(value: Real) -> bool:
    return value.contains(0)


def is_huge(value: Real) -> bool:
    """Whether it is certainly beyond 10^MAX_DIGITS."""
    return value.abs_lower() > _extremes()[0]


def is_tiny(value: Real) -> bool:
    """Whether it is certainly not zero and closer to it than 10^-MAX_DIGITS."""
    return not value.contains(0) and value.abs_upper() < _extremes()[1]


def agreed(value: Real, context: Context) -> Decimal:
    """The value rounded by `context`. Raises Undecided where the ends of the ball round differently."""
    if value.rel_accuracy_bits() < 2:  # also, an end may be so near zero that it would be long in decimals
        raise Undecided
    low, high = (_rounded(end, context) for end in (value.lower(), value.upper()))
    if low != high:
        raise Undecided
    return low


def smallness(value: Real) -> int:
    """The largest n for which the value is certainly within 10^-n of zero, or nearly the largest."""
    mantissa, exponent = value.abs_upper().man_exp()
    return int(-(int(exponent) + int(mantissa).bit_length()) / BITS_PER_DIGIT)


@cache
def _extremes() -> tuple[Real, Real]:
    largest = arb(10) ** MAX_DIGITS
    return largest, 1 / largest


def _rounded(end: Real, context: Context) -> Decimal:
    mantissa, exponent = (int(part) for part in end.man_exp())
    if exponent >= 0:
        return context.create_decimal(mantissa << exponent)
    return context.divide(Decimal(mantissa), Decimal(1 << -exponent))
