"""What an expression may be worth: a fraction, a fraction of pi, or a real number within proven bounds."""

from dataclasses import dataclass
from fractions import Fraction

from toolservers.calculator.reals import Real


@dataclass(frozen=True, slots=True)
class PiMultiple:
    """`times` pi, so that `sin(30 deg)` is 1/2 and `sin(pi)` is 0 exactly. `times` is never 0."""

    times: Fraction


Value = Fraction | PiMultiple | Real


def pi_times(times: Fraction) -> Value:
    return PiMultiple(times) if times else Fraction(0)


def whole(value: Value) -> int | None:
    """The whole number that the value exactly is."""
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else None
