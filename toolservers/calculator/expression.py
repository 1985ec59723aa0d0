"""What an expression is once it is read: a tree of frozen nodes, and how a tree is written out again.

`at` is the place in the text where a node begins, counted from 1; `depth` bounds the recursion over a tree.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from toolservers.calculator.limits import MAX_DEPTH
from toolward.errors import ToolError


@dataclass(frozen=True, slots=True)
class Node:
    at: int
    depth: int = field(default=1, kw_only=True)

    @property
    def is_percent(self) -> bool:
        """Whether this is a percentage, so that `200 + this` means a part of the 200."""
        return False


@dataclass(frozen=True, slots=True)
class Number(Node):
    value: Fraction
    text: str
    grouped: bool = False  # it was written with thousands separators


@dataclass(frozen=True, slots=True)
class Constant(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Percent(Node):
    amount: Node

    @property
    def is_percent(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class PercentOf(Node):
    percent: Node
    whole: Node


@dataclass(frozen=True, slots=True)
class Negative(Node):
    operand: Node

    @property
    def is_percent(self) -> bool:
        return self.operand.is_percent


@dataclass(frozen=True, slots=True)
class Power(Node):
    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Step(Node):
    """One more operator and its right operand; `at` is the operator's place."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Operators of one precedence, from left to right: `a + b - c`, or `a * b / c`."""

    first: Node
    steps: tuple[Step, ...]

    @property
    def is_percent(self) -> bool:
        added = all(step.operator in "+-" for step in self.steps)
        return added and self.first.is_percent and all(step.operand.is_percent for step in self.steps)


@dataclass(frozen=True, slots=True)
class Call(Node):
    name: str
    arguments: tuple[Node, ...]
    spaced: bool  # there are commas between the arguments, and a space after each


def depth_over(*inside: Node) -> int:
    """The depth of a node over `inside`. Raises ToolError where that is more than MAX_DEPTH."""
    depth = 1 + max(node.depth for node in inside)
    if depth > MAX_DEPTH:
        raise ToolError(
            f"The expression is nested more than {MAX_DEPTH} levels deep at position {inside[0].at}; "
            "split it into several calculations."
        )
    return depth


def numbers(nodes: Iterable[Node]) -> Iterable[Number]:
    """The numbers in `nodes`, without those inside further calls."""
    for node in nodes:
        match node:
            case Number():
                yield node
            case Percent(amount=inner) | Negative(operand=inner):
                yield from numbers((inner,))
            case PercentOf(percent=left, whole=right) | Power(base=left, exponent=right):
                yield from numbers((left, right))
            case Chain(first=first, steps=steps):
                yield from numbers((first, *(step.operand for step in steps)))
            case _:
                pass


def written(node: Node) -> str:
    """The expression with its meaning made plain: every grouping in parentheses, every percentage spelt out.
    Read again, it has the same value."""
    match node:
        case Number(text=text):
            return text
        case Constant(name=name):
            return name
        case Percent(amount=amount):
            return f"{_inside(amount)}%"
        case PercentOf(percent=percent, whole=whole):
            return f"{_inside(percent)} of {_inside(whole)}"
        case Negative(operand=operand):
            return f"-{_inside(operand)}"
        case Power(base=base, exponent=exponent):
            return f"{_inside(base)}^{_inside(exponent)}"
        case Call(name=name, arguments=arguments):
            return f"{name}({', '.join(map(written, arguments))})"
        case Chain():
            return _written_chain(node)
        case _:
            raise TypeError(f"no such node: {node!r}")


def _written_chain(chain: Chain) -> str:
    text = _inside(chain.first)
    plain = chain.first.is_percent  # so far only percentages, which add up as numbers do
    one_piece = True  # what is written so far can be multiplied as it stands
    for step in chain.steps:
        operand = _inside(step.operand)
        if step.operator in "+-" and step.operand.is_percent and not plain:
            left = text if one_piece else f"({text})"
            text = f"{left} * (1 {step.operator} {operand})"  # 200 + 10% is 200 * (1 + 10%)
            one_piece = True
        else:
            plain = plain and step.operand.is_percent
            text = f"{text} {step.operator} {operand}"
            one_piece = False
    return text


def _inside(node: Node) -> str:
    """As an operand: in parentheses unless it is one piece."""
    whole = isinstance(node, Number | Constant | Percent | Call)
    return written(node) if whole else f"({written(node)})"
