"""What an expression is once it is read: a tree of frozen nodes.

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
    text: str  # as it was written

    @property
    def grouped(self) -> bool:
        """Whether it was written with thousands separators."""
        return "," in self.text


@dataclass(frozen=True, slots=True)
class Name(Node):
    """Of a constant or a variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Postfix(Node):
    """A percentage `15%`, a factorial `5!`, or degrees `30°`."""

    operand: Node
    sign: str

    @property
    def is_percent(self) -> bool:
        return self.sign == "%"


@dataclass(frozen=True, slots=True)
class PercentOf(Node):
    """`10% of 80`, or `10% off 80`, which is 72."""

    percent: Node
    whole: Node
    off: bool = False


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
    superscript: bool = False  # the exponent was raised, so that it is plain where it ends


@dataclass(frozen=True, slots=True)
class Step(Node):
    """One more operator and its right operand; `at` is the operator's place, or the operand's where the
    operator was not written (`implied`)."""

    operator: str
    operand: Node
    implied: bool = False


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
    depth = 1 + max((node.depth for node in inside), default=0)
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
            case Negative(operand=inner) | Postfix(operand=inner):
                yield from numbers((inner,))
            case PercentOf(percent=left, whole=right) | Power(base=left, exponent=right):
                yield from numbers((left, right))
            case Chain(first=first, steps=steps):
                yield from numbers((first, *(step.operand for step in steps)))
            case _:
                pass
