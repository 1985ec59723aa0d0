"""Powers of e, logarithms (exact where they are rational) and the hyperbolic functions."""

import math
from fractions import Fraction

from toolservers.calculator.expressions.arithmetic import Arithmetic, digits
from toolservers.calculator.expressions.values import Value
from toolward.errors import ToolError

Arguments = tuple[Value, ...]

_MAX_DENOMINATOR = 1000
_HALF = Fraction(1, 2)


def exp(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    return Fraction(1) if arguments[0] == 0 else on.exp(on.real(arguments[0]), at)


def ln(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    value = _above_zero(on, arguments[0], "ln", at)
    return Fraction(0) if value == 1 else on.checked(on.real(value).log(), at)


def log10(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    return _quotient(on, arguments[0], Fraction(10), "log10", at)


def log2(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    return _quotient(on, arguments[0], Fraction(2), "log2", at)


def log(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    base = _above_zero(on, arguments[1], "the base of log", at)
    if base == 1:
        raise ToolError(
            f"log at position {at} is to the base 1, of which every power is 1; use another base."
        )
    return _quotient(on, arguments[0], base, "log", at)


def cosh(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    if arguments[0] == 0:
        return Fraction(1)
    value = on.real(arguments[0])
    on.exp(abs(value), at)  # it is over the limits where cosh is
    return on.checked(value.cosh(), at)


def sinh(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    if arguments[0] == 0:
        return Fraction(0)
    value = on.real(arguments[0])
    on.exp(abs(value), at)
    return on.checked(value.sinh(), at)


def tanh(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    if arguments[0] == 0:
        return Fraction(0)
    on.spend_on_function(at)
    return on.checked(on.real(arguments[0]).tanh(), at)


def _quotient(on: Arithmetic, value: Value, base: Value, name: str, at: int) -> Value:
    value = _above_zero(on, value, name, at)
    if value == 1:
        return Fraction(0)
    if isinstance(value, Fraction) and isinstance(base, Fraction):
        exact = _rational(on, value, base, at)
        if exact is not None:
            return exact
    on.spend_on_function(at)
    return on.checked(on.real(value).log() / on.real(base).log(), at)


def _rational(on: Arithmetic, value: Fraction, base: Fraction, at: int) -> Fraction | None:
    """The logarithm is p/q exactly where the root of degree q of the base, raised to p, is the value."""
    value_log, base_log = _nearly_ln(value), _nearly_ln(base)
    guess = value_log / base_log if base_log else math.nan
    if not abs(guess) < 10**6:
        return None
    exponent = Fraction(guess).limit_denominator(_MAX_DENOMINATOR)
    root = on.exact_root(base, exponent.denominator, at)
    if root is None or abs(abs(exponent.numerator) * digits(root) - digits(value)) > _HALF:
        return None  # the digits of a power are the power of the digits
    return exponent if root**exponent.numerator == value else None


def _nearly_ln(value: Fraction) -> float:
    if abs(value - 1) < _HALF:
        return math.log1p(float(value - 1))
    return math.log(value.numerator) - math.log(value.denominator)


def _above_zero(on: Arithmetic, value: Value, name: str, at: int) -> Value:
    on.spend_on_function(at)
    if value == 0 or on.sign(value) < 0:
        raise ToolError(f"{name} at position {at} is not of a number above 0; only those have a logarithm.")
    return value
