"""From a tree to a result: exact where the value is a fraction, else as many digits as are proven."""

from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, Overflow, Underflow
from fractions import Fraction

from toolservers.calculator.arithmetic import Arithmetic, Value
from toolservers.calculator.expression import (
    Call,
    Chain,
    Constant,
    Negative,
    Node,
    Number,
    Percent,
    PercentOf,
    Power,
    Step,
    numbers,
)
from toolservers.calculator.functions import CONSTANTS, FUNCTIONS, Function
from toolservers.calculator.limits import DIGITS_SHOWN, MAX_DIGITS
from toolservers.calculator.reals import Interval, Reals, Undecided
from toolward.errors import ToolError
from toolward.names import closest

_PRECISIONS = (DIGITS_SHOWN + 15, 2 * DIGITS_SHOWN + 20, 5 * DIGITS_SHOWN)
_LONGEST_DECIMAL = 1000  # digits, beyond which a fraction is shown as one
_NOTHING = Decimal("1e-50")  # an interval around zero and narrower than this is shown as 0
_SHOWN = Context(DIGITS_SHOWN)


@dataclass(frozen=True)
class Result:
    exact: str | None  # an integer, a terminating decimal or a fraction `a/b`
    decimal: str


def evaluate(node: Node) -> Result:
    """Raises ToolError for what has no value, cannot be decided, or is over a limit."""
    work = 0.0
    for precision in _PRECISIONS:
        arithmetic = Arithmetic(Reals(precision), work)
        try:
            value = _Evaluation(arithmetic).value(node)
            if isinstance(value, Fraction):
                return Result(_exact(value), _plain(_rounded(value)))
            return Result(None, _plain(_agreed(value)))
        except Undecided:  # with more digits it may be
            work = arithmetic.work
        except (Overflow, Underflow):
            raise ToolError(
                f"A value is larger than 10^{MAX_DIGITS:,}, or closer to zero than 10^-{MAX_DIGITS:,}, which "
                "are the limits; use smaller numbers, or take logarithms: `ln`, `log10`."
            ) from None
    raise ToolError(
        f"Even {_PRECISIONS[-1]} digits do not tell whether a value is exactly zero, or exactly where it is "
        "rounded; simplify the expression, such as `sqrt(2)^2` to 2."
    )


class _Evaluation:
    def __init__(self, arithmetic: Arithmetic) -> None:
        self._on = arithmetic

    def value(self, node: Node) -> Value:
        match node:
            case Number(value=value):
                return value
            case Constant():
                return self._constant(node)
            case Percent(amount=amount):
                return self._on.divide(self.value(amount), Fraction(100), node.at)
            case PercentOf(percent=percent, whole=whole):
                return self._on.multiply(self.value(percent), self.value(whole), node.at)
            case Negative(operand=operand):
                return self._on.negative(self.value(operand))
            case Power(base=base, exponent=exponent):
                return self._on.power(self.value(base), self.value(exponent), node.at)
            case Chain(first=first, steps=steps):
                return self._chain(first, steps)
            case Call():
                return self._call(node)
            case _:
                raise TypeError(f"no such node: {node!r}")

    def _chain(self, first: Node, steps: tuple[Step, ...]) -> Value:
        total = self.value(first)
        only_percent = first.is_percent
        for step in steps:
            operand = self.value(step.operand)
            if step.operator in "+-" and step.operand.is_percent and not only_percent:
                operand = self._on.multiply(total, operand, step.at)  # 200 + 10%: of what stands before
            only_percent = only_percent and step.operand.is_percent
            total = self._apply(step, total, operand)
        return total

    def _apply(self, step: Step, total: Value, operand: Value) -> Value:
        match step.operator:
            case "+":
                return self._on.add(total, operand, step.at)
            case "-":
                return self._on.add(total, self._on.negative(operand), step.at)
            case "*":
                return self._on.multiply(total, operand, step.at)
            case "/":
                return self._on.divide(total, operand, step.at)
            case _:
                return self._on.remainder(total, operand, step.at)

    def _constant(self, node: Constant) -> Value:
        if node.name in FUNCTIONS:
            raise ToolError(f"{node.name} at position {node.at} needs parentheses: `{node.name}(2)`.")
        if node.name not in CONSTANTS:
            raise _unknown(node.name, node.at)
        self._on.spend_on_function(node.at, times=2)
        reals = self._on.reals
        return reals.pi() if node.name == "pi" else reals.exp(reals.of(Fraction(1)))

    def _call(self, node: Call) -> Value:
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise _unknown(node.name, node.at)
        _check_arguments(node, function)
        return function.apply(self._on, tuple(map(self.value, node.arguments)), node.at)


def _check_arguments(node: Call, function: Function) -> None:
    count = len(node.arguments)
    if count < function.fewest or (function.most is not None and count > function.most):
        wanted = str(function.fewest)
        if function.most != function.fewest:
            wanted = f"{wanted} or more" if function.most is None else f"{wanted} to {function.most}"
        raise ToolError(f"{node.name} at position {node.at} has {count} arguments; give it {wanted}.")
    if node.spaced or function.most == 1:
        return
    for number in numbers(node.arguments):
        if number.grouped:
            raise ToolError(
                f"The comma in the number at position {number.at} could also separate arguments of "
                f"{node.name}; leave out thousands separators there, and write a space after each comma "
                "that separates."
            )


def _unknown(name: str, at: int) -> ToolError:
    near = closest(name, (*FUNCTIONS, *CONSTANTS))
    remedy = f"did you mean {near}?" if near else f"there are {', '.join((*FUNCTIONS, *CONSTANTS))}."
    if name in ("log", "lg"):
        remedy = "write `ln` for base e or `log10` for base 10."
    return ToolError(f"There is no {name[:40]!r} (position {at}); {remedy}")


def _exact(value: Fraction) -> str:
    """Python's decimal keeps a quotient's digits to the last where there is a last."""
    digits = value.numerator.bit_length() // 3 + 1
    context = Context(digits + _LONGEST_DECIMAL, traps=[Inexact])
    try:
        return f"{context.divide(Decimal(value.numerator), Decimal(value.denominator)):f}"
    except Inexact:
        return f"{value.numerator}/{value.denominator}"


def _rounded(value: Fraction) -> Decimal:
    return _SHOWN.divide(Decimal(value.numerator), Decimal(value.denominator))


def _agreed(value: Interval) -> Decimal:
    """The digits that are certain. Raises Undecided where they are fewer than are shown."""
    if value.low <= 0 <= value.high and value.high - value.low < _NOTHING:
        return Decimal(0)
    low, high = _SHOWN.plus(value.low), _SHOWN.plus(value.high)
    if low != high:
        raise Undecided
    return low


def _plain(value: Decimal) -> str:
    """In full where that is readable, else with an exponent: 1.0715E+301."""
    value = value.normalize(_SHOWN)
    return f"{value:f}" if not value or -20 <= value.adjusted() <= DIGITS_SHOWN else f"{value:E}"
