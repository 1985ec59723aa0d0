"""How an expression was understood, written out: every grouping in parentheses, every percentage spelt out."""

from collections.abc import Mapping
from fractions import Fraction

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
)
from toolservers.calculator.numerals import exact_text

_LONGEST_VALUE = 60  # characters; a variable of a longer value stays a name


def written(node: Node, variables: Mapping[str, Fraction] | None = None) -> str:
    """With the values of the variables in their places. Read again, it has the same value."""
    return _Writer(variables or {}).text(node)


class _Writer:
    def __init__(self, variables: Mapping[str, Fraction]) -> None:
        self._values = {name: _value(name, value) for name, value in variables.items()}

    def text(self, node: Node) -> str:
        match node:
            case Number(text=text):
                return text.replace(",", "")
            case Name(name=name):
                return self._values.get(name, name)
            case PercentOf(percent=percent, whole=whole, off=off):
                return f"{self._inside(percent)} {'off' if off else 'of'} {self._inside(whole)}"
            case Postfix(operand=operand, sign=sign):
                text = self.text(operand)
                return f"{text}{sign}" if isinstance(operand, Number | Name | Call) else f"({text}){sign}"
            case Negative(operand=operand):
                return f"-{self._inside(operand)}"
            case Power(base=base, exponent=exponent):
                return f"{self._inside(base)}^{self._inside(exponent)}"
            case Call(name=name, arguments=arguments):
                return f"{name}({', '.join(map(self.text, arguments))})"
            case Chain():
                return self._chain(node)
            case _:
                raise TypeError(f"no such node: {node!r}")

    def _chain(self, chain: Chain) -> str:
        text = self._inside(chain.first)
        plain = chain.first.is_percent  # so far only percentages, which add up as numbers do
        one_piece = True  # what is written so far can be multiplied as it stands
        divided = False
        for step in chain.steps:
            operand = self._inside(step.operand)
            if step.operator in "+-" and step.operand.is_percent and not plain:
                left = text if one_piece else f"({text})"
                text = f"{left} * (1 {step.operator} {operand})"  # 200 + 10% is 200 * (1 + 10%)
                one_piece = True
                continue
            plain = plain and step.operand.is_percent
            left = f"({text})" if step.implied and divided else text
            text = f"{left} {step.operator} {operand}"
            one_piece = False
            divided = step.operator in ("/", "mod")
        return text

    def _inside(self, node: Node) -> str:
        """As an operand: in parentheses unless it is one piece."""
        text = self.text(node)
        return (
            text
            if isinstance(node, Number | Name | Call) or (isinstance(node, Postfix) and node.is_percent)
            else f"({text})"
        )


def _value(name: str, value: Fraction) -> str:
    text = exact_text(value)
    if text is None or len(text) > _LONGEST_VALUE:
        return name
    return text if text.replace(".", "").isdigit() else f"({text})"
