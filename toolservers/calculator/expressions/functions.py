"""The functions that an expression may call, and the constants that it may name."""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from flint import arb

from toolservers.calculator.expressions import angles, exponentials, whole_numbers
from toolservers.calculator.expressions.arithmetic import Arithmetic
from toolservers.calculator.expressions.values import PiMultiple, Value, whole
from toolservers.calculator.limits import MAX_DIGITS
from toolward.errors import ToolError

Arguments = tuple[Value, ...]

_HALF = Fraction(1, 2)
_MAX_DEGREE = 1000


class Function(NamedTuple):
    apply: Callable[[Arithmetic, Arguments, int], Value]
    fewest: int = 1
    most: int | None = 1  # None: any number


def _abs(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    value = arguments[0]
    return PiMultiple(abs(value.times)) if isinstance(value, PiMultiple) else abs(value)


def _sign(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    return Fraction(on.sign(arguments[0]))


def _floor(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    return Fraction(on.floor(arguments[0]))


def _ceil(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    return Fraction(-on.floor(on.negative(arguments[0])))


def _trunc(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    return _ceil(on, arguments, at) if on.sign(arguments[0]) < 0 else _floor(on, arguments, at)


def _round(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    """Halves go away from zero, as people round and as invoices do."""
    value = arguments[0]
    places = whole(arguments[1]) if len(arguments) > 1 else 0
    if places is None or abs(places) > MAX_DIGITS // 4:
        raise ToolError(
            f"The number of places in round at position {at} must be a whole number from "
            f"-{MAX_DIGITS // 4} to {MAX_DIGITS // 4}, such as 2 in `round(84.805, 2)`."
        )
    if value == 0:
        return value
    unit = Fraction(10) ** -places
    negative = on.sign(value) < 0
    size = on.divide(on.negative(value) if negative else value, unit, at)
    rounded = on.multiply(Fraction(on.floor(on.add(size, _HALF, at))), unit, at)
    return on.negative(rounded) if negative else rounded


def _least(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    """An exact argument where that is decided, else a ball that holds the least."""
    exact = [value for value in arguments if isinstance(value, Fraction)]
    real = [on.real(value) for value in arguments if not isinstance(value, Fraction)]
    if not real:
        return min(exact)
    least = real[0]
    for value in real[1:]:
        least = least.min(value)
    return min(exact) if exact and on.sign(on.subtract(least, min(exact), at)) > 0 else least


def _greatest(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    return on.negative(_least(on, tuple(map(on.negative, arguments)), at))


def _sum(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    total: Value = Fraction(0)
    for value in arguments:
        total = on.add(total, value, at)
    return total


def _average(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    return on.divide(_sum(on, arguments, at), Fraction(len(arguments)), at)


def _hypotenuse(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    squares = tuple(on.multiply(value, value, at) for value in arguments)
    return _sqrt(on, (_sum(on, squares, at),), at)


def _sqrt(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    value = arguments[0]
    if value == 0:
        return value
    if on.sign(value) < 0:
        raise ToolError(f"sqrt at position {at} is of a number below 0; there is no real square root.")
    return _root_above_zero(on, value, 2, at)


def _cbrt(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    return _root(on, (arguments[0], Fraction(3)), at)


def _root(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    value, degree = arguments[0], whole(arguments[1])
    if degree is None or not 1 <= degree <= _MAX_DEGREE:
        raise ToolError(
            f"The second argument of root at position {at} must be a whole number from 1 to {_MAX_DEGREE:,}, "
            "such as 3 in `root(8, 3)`; for others write a power."
        )
    if value == 0:
        return value
    if on.sign(value) > 0:
        return _root_above_zero(on, value, degree, at)
    if degree % 2 == 0:
        raise ToolError(
            f"root at position {at} is an even root of a number below 0; there is no real one. Odd roots have one."
        )
    return on.negative(_root_above_zero(on, on.negative(value), degree, at))


def _root_above_zero(on: Arithmetic, value: Value, degree: int, at: int) -> Value:
    if isinstance(value, Fraction):
        exact = on.exact_root(value, degree, at)
        if exact is not None:
            return exact
    on.spend_on_function(at)
    return on.checked(on.real(value).root(degree), at)


FUNCTIONS = {
    "abs": Function(_abs),
    "acos": Function(angles.acos),
    "asin": Function(angles.asin),
    "atan": Function(angles.atan),
    "atan2": Function(angles.atan2, 2, 2),
    "avg": Function(_average, 1, None),
    "cbrt": Function(_cbrt),
    "ceil": Function(_ceil),
    "comb": Function(whole_numbers.combinations, 2, 2),
    "cos": Function(angles.cos),
    "cosh": Function(exponentials.cosh),
    "exp": Function(exponentials.exp),
    "factorial": Function(whole_numbers.factorial),
    "floor": Function(_floor),
    "gcd": Function(whole_numbers.greatest_divisor, 2, None),
    "hypot": Function(_hypotenuse, 2, None),
    "lcm": Function(whole_numbers.least_multiple, 2, None),
    "ln": Function(exponentials.ln),
    "log": Function(exponentials.log, 2, 2),
    "log10": Function(exponentials.log10),
    "log2": Function(exponentials.log2),
    "max": Function(_greatest, 1, None),
    "mean": Function(_average, 1, None),
    "min": Function(_least, 1, None),
    "perm": Function(whole_numbers.permutations, 2, 2),
    "root": Function(_root, 2, 2),
    "round": Function(_round, 1, 2),
    "sign": Function(_sign),
    "sin": Function(angles.sin),
    "sinh": Function(exponentials.sinh),
    "sqrt": Function(_sqrt),
    "sum": Function(_sum, 1, None),
    "tan": Function(angles.tan),
    "tanh": Function(exponentials.tanh),
    "trunc": Function(_trunc),
}


def _e(on: Arithmetic, at: int) -> Value:
    on.spend_on_function(at)
    return arb.const_e()


def _golden_ratio(on: Arithmetic, at: int) -> Value:
    on.spend_on_function(at)
    return (1 + arb(5).sqrt()) / 2


CONSTANTS: dict[str, Callable[[Arithmetic, int], Value]] = {
    "deg": lambda on, at: PiMultiple(Fraction(1, 180)),
    "e": _e,
    "phi": _golden_ratio,
    "pi": lambda on, at: PiMultiple(Fraction(1)),
    "tau": lambda on, at: PiMultiple(Fraction(2)),
}
