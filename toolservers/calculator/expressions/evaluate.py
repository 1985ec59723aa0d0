"""From a tree to a result: exact where the value is a fraction, else as many digits as are proven."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context
from fractions import Fraction

from toolservers.calculator import reals
from toolservers.calculator.expressions.arithmetic import Arithmetic
from toolservers.calculator.expressions.expression import (
    Call,
    Chain,
    Name,
    Negative,
    Node,
    Number,
    PercentOf,
    Postfix,
    Power,
    Step,
    numbers,
)
from toolservers.calculator.expressions.functions import CONSTANTS, FUNCTIONS, Function
from toolservers.calculator.expressions.remarks import Remarks
from toolservers.calculator.expressions.values import Value
from toolservers.calculator.limits import DIGITS_SHOWN, MAX_DIGITS
from toolservers.calculator.numerals import exact_text, rounded_text
from toolservers.calculator.reals import Real, Undecided
from toolward.errors import ToolError
from toolward.names import closest

_GUARD_DIGITS = 15
_HUNDREDTH = Fraction(1, 100)


@dataclass(frozen=True)
class Result:
    exact: str | None  # an integer, a terminating decimal or a fraction `a/b`
    decimal: str
    warnings: list[str]


def evaluate(
    node: Node, variables: Mapping[str, Fraction] | None = None, digits: int = DIGITS_SHOWN
) -> Result:
    """Raises ToolError for what has no value, cannot be decided, or is over a limit."""
    context = Context(digits, ROUND_HALF_UP)
    work = 0.0
    precisions = (digits + _GUARD_DIGITS, 3 * digits + 50, MAX_DIGITS + digits + 100)
    for precision in precisions:
        bits = int(precision * reals.BITS_PER_DIGIT) + 1
        arithmetic = Arithmetic(bits, work)
        remarks = Remarks(variables or {})
        try:
            with reals.working(bits):
                value = _Evaluation(arithmetic, variables or {}, remarks).value(node)
                if isinstance(value, Fraction):
                    return Result(exact_text(value), rounded_text(value, digits), remarks.texts())
                real = arithmetic.real(value)
                if precision == precisions[-1] and reals.may_be_zero(real):
                    return _perhaps_zero(real, remarks)
                return Result(None, rounded_text(reals.agreed(real, context), digits), remarks.texts())
        except Undecided:  # with more digits it may be
            work = arithmetic.work
    raise ToolError(
        f"Even {precisions[-1]:,} digits do not tell whether a value is exactly zero, or exactly where it is "
        "rounded; simplify the expression, such as `sqrt(2)^2` to 2."
    )


def _perhaps_zero(value: Real, remarks: Remarks) -> Result:
    within = reals.smallness(value)
    if within < DIGITS_SHOWN:
        raise Undecided
    remarks.add(
        "zero-like", f"The value is within 10^-{within:,} of 0 and is shown as 0, which is not proven."
    )
    return Result(None, "0", remarks.texts())


class _Evaluation:
    def __init__(self, arithmetic: Arithmetic, variables: Mapping[str, Fraction], remarks: Remarks) -> None:
        self._on = arithmetic
        self._variables = variables
        self._remarks = remarks

    def value(self, node: Node) -> Value:
        match node:
            case Number(value=value):
                self._remarks.number(node)
                return value
            case Name():
                return self._named(node)
            case Postfix():
                return self._postfix(node)
            case PercentOf():
                return self._percent_of(node)
            case Negative(operand=operand):
                return self._on.negative(self.value(operand))
            case Power(base=base, exponent=exponent):
                values = self.value(base), self.value(exponent)
                self._remarks.power(*values)
                return self._on.power(*values, node.at)
            case Chain():
                return self._chain(node)
            case Call():
                return self._call(node)
            case _:
                raise TypeError(f"no such node: {node!r}")

    def _postfix(self, node: Postfix) -> Value:
        operand = self.value(node.operand)
        match node.sign:
            case "%":
                return self._on.multiply(operand, _HUNDREDTH, node.at)
            case "°":
                self._remarks.name(Name(node.at, "deg"))
                return self._on.multiply(operand, CONSTANTS["deg"](self._on, node.at), node.at)
            case _:
                return FUNCTIONS["factorial"].apply(self._on, (operand,), node.at)

    def _percent_of(self, node: PercentOf) -> Value:
        share = self.value(node.percent)
        if node.off:
            share = self._on.subtract(Fraction(1), share, node.at)
        return self._on.multiply(share, self.value(node.whole), node.at)

    def _chain(self, chain: Chain) -> Value:
        total = self.value(chain.first)
        only_percent = chain.first.is_percent
        for index, step in enumerate(chain.steps):
            operand = self.value(step.operand)
            if step.operator in "+-" and step.operand.is_percent and not only_percent:
                operand = self._on.multiply(total, operand, step.at)  # 200 + 10%: of what stands before
                self._remarks.percent_of_before(step)
            elif index == 0 and step.operator in "+-" and only_percent and not step.operand.is_percent:
                self._remarks.percent_alone(chain.first)
            if step.implied:
                self._remarks.implied(chain, index)
            only_percent = only_percent and step.operand.is_percent
            total = self._apply(step, total, operand)
        return total

    def _apply(self, step: Step, total: Value, operand: Value) -> Value:
        match step.operator:
            case "+":
                return self._on.add(total, operand, step.at)
            case "-":
                return self._on.subtract(total, operand, step.at)
            case "*":
                return self._on.multiply(total, operand, step.at)
            case "/":
                return self._on.divide(total, operand, step.at)
            case _:
                remainder = self._on.remainder(total, operand, step.at)
                self._remarks.remainder(total, operand)
                return remainder

    def _named(self, node: Name) -> Value:
        self._remarks.name(node)
        if node.name in self._variables:
            return self._variables[node.name]
        if node.name in FUNCTIONS:
            raise ToolError(f"{node.name} at position {node.at} needs parentheses: `{node.name}(2)`.")
        if node.name not in CONSTANTS:
            raise self._unknown(node.name, node.at)
        return CONSTANTS[node.name](self._on, node.at)

    def _call(self, node: Call) -> Value:
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise self._unknown_function(node)
        _check_arguments(node, function)
        values = tuple(map(self.value, node.arguments))
        self._remarks.call(node, values)
        return function.apply(self._on, values, node.at)

    def _unknown_function(self, node: Call) -> ToolError:
        if node.name in self._variables or node.name in CONSTANTS:
            return ToolError(
                f"{node.name} at position {node.at} is a number, not a function; write `{node.name} * (...)` to "
                "multiply."
            )
        if node.name in ("lg", "logarithm"):
            return ToolError(
                f"There is no {node.name!r} (position {node.at}); write `ln(x)` for base e, `log10(x)` for base "
                "10, or `log(x, base)`."
            )
        return self._unknown(node.name, node.at)

    def _unknown(self, name: str, at: int) -> ToolError:
        known = (*self._variables, *FUNCTIONS, *CONSTANTS)
        if name.startswith("x") and name[1:].isdigit():
            remedy = f"write `* {name[1:]}` to multiply."
        elif near := closest(name, known):
            remedy = f"did you mean {near}?"
        else:
            remedy = f"there are {', '.join(known[:80])}; give others their values in `variables`."
        return ToolError(f"There is no {name[:40]!r} (position {at}); {remedy}")


def _check_arguments(node: Call, function: Function) -> None:
    count = len(node.arguments)
    if count < function.fewest or (function.most is not None and count > function.most):
        if node.name == "log" and count == 1:
            raise ToolError(
                f"log at position {node.at} has no base; write `ln(x)` for base e, `log10(x)` for base 10, or "
                "`log(x, base)`."
            )
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
