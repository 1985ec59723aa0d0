"""The functions that an expression may call."""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from toolservers.calculator.arithmetic import Arithmetic, Value
from toolservers.calculator.limits import MAX_DIGITS
from toolservers.calculator.reals import Interval
from toolward.errors import ToolError

_HALF = Fraction(1, 2)


class Function(NamedTuple):
    apply: Callable[[Arithmetic, tuple[Value, ...], int], Value]
    fewest: int
    most: int | None  # None: any number


def _abs(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    value = arguments[0]
    return on.negative(value) if on.sign(value) < 0 else value


def _floor(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    return Fraction(on.floor(arguments[0]))


def _ceil(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    return Fraction(-on.floor(on.negative(arguments[0])))


def _round(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    """Halves go away from zero, as people round and as invoices do."""
    value = arguments[0]
    places = arguments[1] if len(arguments) > 1 else Fraction(0)
    if not isinstance(places, Fraction) or places.denominator != 1 or abs(places) > MAX_DIGITS // 4:
        raise ToolError(
            f"The number of places in round at position {at} must be a whole number from "
            f"-{MAX_DIGITS // 4} to {MAX_DIGITS // 4}, such as 2 in `round(84.805, 2)`."
        )
    if value == 0:
        return value
    unit = Fraction(10) ** -places.numerator
    negative = on.sign(value) < 0
    size = on.divide(on.negative(value) if negative else value, unit, at)
    rounded = on.multiply(Fraction(on.floor(on.add(size, _HALF, at))), unit, at)
    return on.negative(rounded) if negative else rounded


def _least(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    """One of the arguments where that is decided, else an interval that holds the least."""
    exact = [value for value in arguments if isinstance(value, Fraction)]
    real = [value for value in arguments if isinstance(value, Interval)]
    if not real:
        return min(exact)
    least = real[0]
    for value in real[1:]:
        least = Interval(min(least.low, value.low), min(least.high, value.high))
    if not exact:
        return least
    whole = on.add(least, on.negative(min(exact)), at)
    return min(exact) if on.sign(whole) > 0 else least


def _greatest(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    return on.negative(_least(on, tuple(map(on.negative, arguments)), at))


def _average(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    total = arguments[0]
    for value in arguments[1:]:
        total = on.add(total, value, at)
    return on.divide(total, Fraction(len(arguments)), at)


def _sqrt(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    value = arguments[0]
    if value == 0:
        return value
    if on.sign(value) < 0:
        raise ToolError(f"sqrt at position {at} is of a number below 0; there is no real square root.")
    root = on.exact_root(value, 2, at) if isinstance(value, Fraction) else None
    on.spend_on_function(at)
    return on.reals.sqrt(on.interval(value)) if root is None else root


def _cbrt(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    value = arguments[0]
    if value == 0:
        return value
    negative = on.sign(value) < 0
    root = on.power(on.negative(value) if negative else value, Fraction(1, 3), at)
    return on.negative(root) if negative else root


def _exp(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    on.spend_on_function(at)
    return Fraction(1) if arguments[0] == 0 else on.reals.exp(on.interval(arguments[0]))


def _ln(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    value = _above_zero(on, arguments[0], "ln", at)
    return Fraction(0) if value == 1 else on.reals.ln(on.interval(value))


def _log10(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    value = _above_zero(on, arguments[0], "log10", at)
    if isinstance(value, Fraction) and 1 in (value.numerator, value.denominator):
        zeros = len(str(max(value.numerator, value.denominator))) - 1
        if value in (Fraction(10) ** zeros, Fraction(10) ** -zeros):
            return Fraction(zeros if value >= 1 else -zeros)
    return on.reals.log10(on.interval(value))


def _above_zero(on: Arithmetic, value: Value, name: str, at: int) -> Value:
    on.spend_on_function(at)
    if value == 0 or on.sign(value) < 0:
        raise ToolError(f"{name} at position {at} is not of a number above 0; only those have a logarithm.")
    return value


FUNCTIONS = {
    "abs": Function(_abs, 1, 1),
    "avg": Function(_average, 1, None),
    "cbrt": Function(_cbrt, 1, 1),
    "ceil": Function(_ceil, 1, 1),
    "exp": Function(_exp, 1, 1),
    "floor": Function(_floor, 1, 1),
    "ln": Function(_ln, 1, 1),
    "log10": Function(_log10, 1, 1),
    "max": Function(_greatest, 1, None),
    "min": Function(_least, 1, None),
    "round": Function(_round, 1, 2),
    "sqrt": Function(_sqrt, 1, 1),
}
CONSTANTS = ("e", "pi")
