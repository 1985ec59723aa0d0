"""Functions of angles, in radians; exact at the multiples of pi where the sine or the tangent is rational.

Those are (Niven's theorem) the sines 0, 1/2 and 1 with their signs, and the tangents 0 and 1.
"""

from fractions import Fraction

from flint import arb

from toolservers.calculator.expressions.arithmetic import Arithmetic
from toolservers.calculator.expressions.values import PiMultiple, Value, pi_times
from toolservers.calculator.reals import Undecided
from toolward.errors import ToolError

Arguments = tuple[Value, ...]

_HALF = Fraction(1, 2)
_SINES = {0: Fraction(0), 1: _HALF, 3: Fraction(1), 5: _HALF}  # by sixths of pi
_TANGENTS = {0: Fraction(0), 1: Fraction(1), 3: Fraction(-1)}  # by quarters of pi
_ARCS = {Fraction(0): Fraction(0), _HALF: Fraction(1, 6), Fraction(1): _HALF}


def sin(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    angle = arguments[0]
    exact = _exact_sine(_turned(angle))
    if exact is not None:
        return exact
    on.spend_on_function(at)
    return on.checked(on.real(angle).sin(), at)


def cos(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    angle = arguments[0]
    times = _turned(angle)
    exact = _exact_sine(times + _HALF) if times is not None else None
    if exact is not None:
        return exact
    on.spend_on_function(at)
    return on.checked(on.real(angle).cos(), at)


def tan(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    angle = arguments[0]
    times = _turned(angle)
    if times is not None:
        if times % 1 == _HALF:
            raise ToolError(
                f"tan at position {at} is of a right angle or an odd multiple of it; it has no tangent."
            )
        quarter = 4 * (times % 1)
        if quarter.denominator == 1:
            return _TANGENTS[quarter.numerator]
    on.spend_on_function(at)
    return on.checked(on.real(angle).tan(), at)


def asin(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    value = _sine_or_cosine(on, arguments[0], "asin", at)
    exact = _exact_arc(value)
    return on.checked(on.real(value).asin(), at) if exact is None else pi_times(exact)


def acos(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    value = _sine_or_cosine(on, arguments[0], "acos", at)
    exact = _exact_arc(value)
    return on.checked(on.real(value).acos(), at) if exact is None else pi_times(_HALF - exact)


def atan(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    return atan2(on, (arguments[0], Fraction(1)), at)


def atan2(on: Arithmetic, arguments: Arguments, at: int) -> Value:
    """The angle of the point (x, y), from above -pi to pi; its arguments are y, then x, as everywhere."""
    y, x = arguments
    on.spend_on_function(at)
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        if x == y == 0:
            raise ToolError(f"atan2 at position {at} is of the point (0, 0), which has no angle.")
        if 0 in (x, y) or abs(x) == abs(y):
            return pi_times(_eighths(on.sign(y), on.sign(x)))
    return on.checked(arb.atan2(on.real(y), on.real(x)), at)


def _turned(angle: Value) -> Fraction | None:
    """How many times pi the angle exactly is."""
    if isinstance(angle, PiMultiple):
        return angle.times
    return Fraction(0) if angle == 0 else None


def _exact_sine(times: Fraction | None) -> Fraction | None:
    if times is None or (6 * times).denominator != 1:
        return None
    half_turns, sixths = divmod((6 * times).numerator, 6)
    size = _SINES.get(sixths)
    return size if size is None or half_turns % 2 == 0 else -size


def _exact_arc(sine: Value) -> Fraction | None:
    if not isinstance(sine, Fraction) or abs(sine) not in _ARCS:
        return None
    return _ARCS[abs(sine)] if sine >= 0 else -_ARCS[abs(sine)]


def _eighths(y: int, x: int) -> Fraction:
    """The angle of a point on an axis or a diagonal, by the signs of its coordinates."""
    if x == 0:
        return y * _HALF
    from_axis = Fraction(y, 4)
    if x > 0:
        return from_axis
    return Fraction(1) if y == 0 else y - from_axis


def _sine_or_cosine(on: Arithmetic, value: Value, name: str, at: int) -> Value:
    on.spend_on_function(at)
    inside = on.real(value)
    if (isinstance(value, Fraction) and abs(value) > 1) or inside.abs_lower() > 1:
        raise ToolError(f"{name} at position {at} is of a number outside -1 to 1; those have no angle.")
    if isinstance(value, Fraction) and abs(value) == 1:
        return value
    if inside.abs_upper() > 1 or not inside.is_finite():
        raise Undecided
    return value
