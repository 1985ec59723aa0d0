"""An independent evaluator: `fractions` while a value is rational, else mpmath with many digits.

It shares no code with the calculator and does not prove its digits; it works with four times as many as are
compared, and raises Unsure near a jump (`floor`, a division by what may be 0).
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import mpmath

from tests.fuzz.calculator.trees import Tree

DIGITS = 400
_NEAR = Fraction(1, 10**150)
_LARGEST = 4000  # digits; the calculator's stated limit
_HALF = Fraction(1, 2)

mp: Any = mpmath.mp.clone()
mp.dps = DIGITS

Number = Any
"""A Fraction, or mpmath's mpf (which has no types)."""


class Undefined(Exception):
    """There is no such real number."""


class Unsure(Exception):
    """A value lies so near a jump that this evaluator cannot tell."""


class Huge(Exception):
    """Some value on the way is beyond the calculator's stated limit."""


def value_of(tree: Tree) -> Number:
    """Raises Undefined, Huge, or Unsure where rounding alone may have made the value."""
    value = evaluate(tree)
    if not isinstance(value, Fraction):
        _sign(value)
    return value


def evaluate(tree: Tree) -> Number:
    value = _EVALUATORS.get(tree.kind, _binary)(tree)
    if isinstance(value, Fraction):
        size = max(abs(value.numerator), value.denominator)
        if size.bit_length() > _LARGEST * 3.33:
            raise Huge
    elif value and not -_LARGEST <= mp.log10(abs(value)) <= _LARGEST:
        raise Unsure if abs(value) < 1 else Huge
    return value


def real(value: Number) -> Any:
    return mp.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def is_percent(tree: Tree) -> bool:
    match tree.kind:
        case "percent":
            return True
        case "neg" | "add" | "sub":
            return all(is_percent(part) for part in tree.parts)
        case _:
            return False


def _binary(tree: Tree) -> Number:
    left, right = (evaluate(part) for part in tree.parts)
    match tree.kind:
        case "add" | "sub":
            if is_percent(tree.parts[1]) and not is_percent(tree.parts[0]):
                right = _both(left, right, lambda a, b: a * b)
            return _both(left, right, lambda a, b: a + b if tree.kind == "add" else a - b)
        case "mul" | "implied" | "of":
            return _both(left, right, lambda a, b: a * b)
        case "off":
            return _both(_both(Fraction(1), left, lambda a, b: a - b), right, lambda a, b: a * b)
        case "div":
            return _divided(left, right)
        case "mod":
            times = Fraction(_floor(_divided(left, right)))
            return _both(left, _both(times, right, lambda a, b: a * b), lambda a, b: a - b)
        case _:
            return _power(left, right)


def _both(left: Number, right: Number, by: Callable[[Number, Number], Number]) -> Number:
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return by(left, right)
    return by(real(left), real(right))


def _divided(left: Number, right: Number) -> Number:
    if _sign(right) == 0:
        raise Undefined
    return _both(left, right, lambda a, b: a / b)


def _sign(value: Number) -> int:
    if not isinstance(value, Fraction) and abs(value) < real(_NEAR):
        raise Unsure
    return (value > 0) - (value < 0)


def _floor(value: Number) -> int:
    if isinstance(value, Fraction):
        return math.floor(value)
    if abs(value) > mp.mpf(10) ** (DIGITS // 2) or abs(value - mp.nint(value)) < real(_NEAR):
        raise Unsure
    return int(mp.floor(value))


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(exponent, Fraction) and exponent.denominator == 1:
        return _whole_power(base, exponent.numerator)
    sign = _sign(base)
    if sign < 0:
        if not isinstance(exponent, Fraction) and abs(exponent - mp.nint(exponent)) < real(_NEAR):
            raise Unsure
        raise Undefined
    if sign == 0:
        if _sign(exponent) < 0:
            raise Undefined
        return Fraction(0)
    return mp.exp(real(exponent) * mp.ln(real(base)))


def _whole_power(base: Number, times: int) -> Number:
    if times == 0:
        return Fraction(1)
    if isinstance(base, Fraction):
        if base == 0 and times < 0:
            raise Undefined
        if base not in (0, 1, -1) and min(abs(times), 10**100) * _length(base) > _LARGEST + 2:
            raise Huge
    elif times < 0:
        _sign(base)
    return base**times


def _length(value: Fraction) -> float:
    return math.log10(max(abs(value.numerator), value.denominator))


def _call(tree: Tree) -> Number:
    return _FUNCTIONS[tree.text]([evaluate(part) for part in tree.parts])


def _round(values: Sequence[Number]) -> Number:
    places = values[1].numerator if len(values) > 1 else 0
    scaled = _both(values[0], Fraction(10) ** places, lambda a, b: a * b)
    if isinstance(scaled, Fraction) and scaled == 0:
        return scaled
    size = _floor(_both(abs(scaled), _HALF, lambda a, b: a + b))
    return Fraction(_sign(scaled) * size) / Fraction(10) ** places


def _trunc(values: Sequence[Number]) -> Number:
    return Fraction(_sign(values[0]) * _floor(abs(values[0])))


def _root(value: Number, degree: int) -> Number:
    sign = _sign(value)
    if sign < 0 and degree % 2 == 0:
        raise Undefined
    return sign * mp.root(abs(real(value)), degree) if sign else Fraction(0)


def _logarithm(value: Number) -> Any:
    if _sign(value) <= 0:
        raise Undefined
    return mp.ln(real(value))


def _log(values: Sequence[Number]) -> Number:
    top, bottom = (_logarithm(value) for value in values)
    if abs(bottom) < real(_NEAR):
        raise Undefined if isinstance(values[1], Fraction) else Unsure
    return top / bottom


def _arc(name: str) -> Callable[[Sequence[Number]], Number]:
    def apply(values: Sequence[Number]) -> Number:
        over = abs(real(values[0])) - 1
        if not isinstance(values[0], Fraction) and abs(over) < real(_NEAR):
            raise Unsure
        if over > 0:
            raise Undefined
        return getattr(mp, name)(real(values[0]))

    return apply


def _tan(values: Sequence[Number]) -> Number:
    angle = real(values[0])
    if abs(angle) > 10**100 or abs(mp.cos(angle)) < real(_NEAR):
        raise Unsure
    return mp.tan(angle)


def _atan2(values: Sequence[Number]) -> Number:
    y, x = values
    if x == 0 and y == 0:
        raise Undefined
    if not isinstance(y, Fraction) and abs(y) < real(_NEAR):
        raise Unsure
    return mp.atan2(real(y), real(x))


def _turned(name: str) -> Callable[[Sequence[Number]], Number]:
    def apply(values: Sequence[Number]) -> Number:
        if abs(values[0]) > 10**100:
            raise Unsure
        return getattr(mp, name)(real(values[0]))

    return apply


def _grown(name: str) -> Callable[[Sequence[Number]], Number]:
    def apply(values: Sequence[Number]) -> Number:
        value = real(values[0])
        if abs(value) > 20_000:
            raise Huge if name != "tanh" else Unsure
        return getattr(mp, name)(value)

    return apply


def _picked(better: Callable[[Number], Number]) -> Callable[[Sequence[Number]], Number]:
    def apply(values: Sequence[Number]) -> Number:
        best = values[0]
        for value in values[1:]:
            difference = _both(value, best, lambda a, b: a - b)
            if _sign(better(difference)) > 0:
                best = value
        return best

    return apply


def _sum(values: Sequence[Number]) -> Number:
    total: Number = Fraction(0)
    for value in values:
        total = _both(total, value, lambda a, b: a + b)
    return total


def _hypot(values: Sequence[Number]) -> Number:
    return _root(_sum([_both(value, value, lambda a, b: a * b) for value in values]), 2)


def _whole(function: Callable[..., int]) -> Callable[[Sequence[Number]], Number]:
    return lambda values: Fraction(function(*(value.numerator for value in values)))


_FUNCTIONS: dict[str, Callable[[Sequence[Number]], Number]] = {
    "abs": lambda values: abs(values[0]),
    "sign": lambda values: Fraction(_sign(values[0])),
    "floor": lambda values: Fraction(_floor(values[0])),
    "ceil": lambda values: Fraction(-_floor(-values[0])),
    "trunc": _trunc,
    "round": _round,
    "sqrt": lambda values: _root(values[0], 2),
    "cbrt": lambda values: _root(values[0], 3),
    "root": lambda values: _root(values[0], values[1].numerator),
    "hypot": _hypot,
    "exp": _grown("exp"),
    "sinh": _grown("sinh"),
    "cosh": _grown("cosh"),
    "tanh": _grown("tanh"),
    "ln": lambda values: _logarithm(values[0]),
    "log10": lambda values: _log([values[0], Fraction(10)]),
    "log2": lambda values: _log([values[0], Fraction(2)]),
    "log": _log,
    "sin": _turned("sin"),
    "cos": _turned("cos"),
    "tan": _tan,
    "asin": _arc("asin"),
    "acos": _arc("acos"),
    "atan": lambda values: mp.atan(real(values[0])),
    "atan2": _atan2,
    "min": _picked(lambda difference: -difference),
    "max": _picked(lambda difference: difference),
    "sum": _sum,
    "avg": lambda values: _sum(values) / len(values),
    "mean": lambda values: _sum(values) / len(values),
    "gcd": _whole(math.gcd),
    "lcm": _whole(math.lcm),
    "comb": _whole(math.comb),
    "perm": _whole(math.perm),
    "factorial": _whole(math.factorial),
}
VARIABLES = {"x": "-5/2", "y": "1/3", "rate": "7.25"}
"""What an expression may name, and each is worth."""

_NAMES: dict[str, Callable[[], Any]] = {
    "pi": lambda: +mp.pi,
    "tau": lambda: 2 * mp.pi,
    "e": lambda: +mp.e,
    "phi": lambda: +mp.phi,
}
_EVALUATORS: dict[str, Callable[[Tree], Number]] = {
    "number": lambda tree: Fraction(tree.text),
    "name": lambda tree: Fraction(VARIABLES[tree.text]) if tree.text in VARIABLES else _NAMES[tree.text](),
    "call": _call,
    "neg": lambda tree: -evaluate(tree.parts[0]),
    "percent": lambda tree: evaluate(tree.parts[0]) / 100,
    "degrees": lambda tree: real(evaluate(tree.parts[0])) * mp.pi / 180,
    "factorial": lambda tree: Fraction(math.factorial(evaluate(tree.parts[0]).numerator)),
    "superscript": lambda tree: _power(evaluate(tree.parts[0]), Fraction(tree.text)),
}
