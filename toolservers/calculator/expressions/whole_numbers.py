"""Functions of whole numbers: factorials, ways to choose, common divisors and multiples."""

import math
from fractions import Fraction

from flint import fmpz

from toolservers.calculator.expressions.arithmetic import Arithmetic
from toolservers.calculator.expressions.values import Value, whole
from toolservers.calculator.limits import MAX_DIGITS
from toolward.errors import ToolError

_LARGE = 10**9  # beyond it a product of falling factors is so close to a power that the power is the estimate


def factorial(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    number = _counted(arguments[0], "factorial", at)
    on.expect_digits(_falling_digits(number, number), "factorial", at)
    return Fraction(math.factorial(number))


def combinations(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    """How many sets of k there are among n."""
    number, taken = (_counted(value, "comb", at) for value in arguments)
    if taken > number:
        return Fraction(0)
    taken = min(taken, number - taken)
    on.expect_digits(_combination_digits(number, taken), "number of combinations", at)
    small = number < 2**63
    return Fraction(int(fmpz.bin_uiui(number, taken)) if small else math.comb(number, taken))


def permutations(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    """How many ordered choices of k there are among n."""
    number, taken = (_counted(value, "perm", at) for value in arguments)
    if taken > number:
        return Fraction(0)
    on.expect_digits(_falling_digits(number, taken), "number of permutations", at)
    return Fraction(math.perm(number, taken))


def greatest_divisor(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    divisor = 0
    for value in arguments:
        number = _whole(value, "gcd", at)
        on.expect_digits(min(_length(divisor), _length(number)), "gcd", at)
        divisor = math.gcd(divisor, number)
    return Fraction(divisor)


def least_multiple(on: Arithmetic, arguments: tuple[Value, ...], at: int) -> Value:
    multiple = 1
    for value in arguments:
        number = _whole(value, "lcm", at)
        on.expect_digits(min(_length(multiple), _length(number)), "lcm", at)
        longest = _length(multiple) + _length(number) - _length(math.gcd(multiple, number))
        on.expect_digits(longest, "lcm", at)
        multiple = math.lcm(multiple, number)
    return Fraction(multiple)


def _falling_digits(number: int, taken: int) -> float:
    """Digits of number * (number - 1) * ..., `taken` factors, a little too many at most."""
    if number > _LARGE:
        return min(taken, 10**100) * math.log10(number) + 1
    return (math.lgamma(number + 1) - math.lgamma(number - taken + 1)) / math.log(10) + 1e-4


def _combination_digits(number: int, taken: int) -> float:
    """By the entropy's bound: n^n / (k^k (n-k)^(n-k)) is never less than the number of combinations."""
    if not taken:
        return 1
    taken_digits = math.log10(number) - math.log10(taken)
    rest = (number - taken) / taken if number < _LARGE * taken else _LARGE
    rest_digits = math.log10(1 + 1 / rest) * rest
    return min(taken, 10**100) * (taken_digits + rest_digits)


def _counted(value: Value, name: str, at: int) -> int:
    number = whole(value)
    if number is None or number < 0:
        raise ToolError(
            f"{name} at position {at} is of something other than a whole number from 0; round it first, such as "
            "`round(7.5)`."
        )
    return number


def _whole(value: Value, name: str, at: int) -> int:
    number = whole(value)
    if number is None:
        raise ToolError(
            f"{name} at position {at} is of something other than whole numbers; round them first, or multiply "
            "them until they are whole."
        )
    return number


def _length(number: int) -> float:
    return min(abs(number).bit_length() * math.log10(2), 2 * MAX_DIGITS)
