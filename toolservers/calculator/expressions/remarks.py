"""What was assumed in a calculation and should be said with its result: few and short."""

from collections.abc import Mapping
from fractions import Fraction

from toolservers.calculator.expressions.expression import (
    Call,
    Chain,
    Name,
    Node,
    Number,
    Postfix,
    Power,
    Step,
)
from toolservers.calculator.expressions.values import Value
from toolservers.calculator.expressions.writing import written
from toolservers.calculator.numerals import comma_warning, rounded_text

_ANGLED = frozenset({"sin", "cos", "tan"})
_ANGLES = frozenset({"asin", "acos", "atan", "atan2"})
_TURN = 6  # radians: beyond a turn, degrees are likely meant
_LONGEST_SHOWN = 40


class Remarks:
    """Collected while a tree is evaluated; the first of each kind is kept."""

    def __init__(self, variables: Mapping[str, Fraction]) -> None:
        self._variables = variables
        self._texts: dict[str, str] = {}
        self._implied: set[int] = set()
        self._named: set[str] = set()

    def texts(self) -> list[str]:
        texts = dict(self._texts)
        if self._implied and "reading" not in texts:
            places = ", ".join(map(str, sorted(self._implied)[:5]))
            texts["implied"] = f"A multiplication was read where no operator stands: position {places}."
        if "deg" in self._named:
            texts.pop("angle", None)
        unused = sorted(self._variables.keys() - self._named)
        if unused:
            texts["unused"] = "Not used: " + ", ".join(unused[:5]) + (", ..." if len(unused) > 5 else ".")
        return list(texts.values())

    def add(self, kind: str, text: str) -> None:
        self._texts.setdefault(kind, text)

    def name(self, node: Name) -> None:
        self._named.add(node.name)

    def number(self, node: Number) -> None:
        if node.grouped and (text := comma_warning(node.text)) is not None:
            self.add("comma", text)

    def percent_of_before(self, step: Step) -> None:
        percent = self._shown(step.operand, "The percentage")
        self.add("percent", f"{percent} at position {step.at} was taken of all that stands before it.")

    def percent_alone(self, node: Node) -> None:
        """Of a percentage that something other than a percentage is added to: it may be meant as a remainder."""
        if isinstance(node, Postfix) and isinstance(node.operand, Number):
            shown, share = self._shown(node, "x%"), rounded_text(node.operand.value / 100, 10)
            self.add("remainder", f"{shown} is {share} here; for the remainder write `mod`.")

    def implied(self, chain: Chain, index: int) -> None:
        """Of the step at `index`, a multiplication that is not written."""
        step = chain.steps[index]
        self._implied.add(step.at)
        before = chain.steps[index - 1] if index else None
        left = chain.first if before is None else before.operand
        whole = self._shown(left, "the left side"), self._shown(step.operand, "the right side")
        if isinstance(left, Power) and not left.superscript:
            base, exponent = self._shown(left.base, "x"), self._shown(left.exponent, "y")
            other = f"{base}^({exponent} * {whole[1]})"
        elif before is not None and before.operator in ("/", "mod"):
            other = f"{before.operator} ({whole[0]} * {whole[1]})"
        else:
            return
        self.add(
            "reading",
            f"The multiplication that is not written (position {step.at}) binds as * does; for the other reading "
            f"write `{other}`.",
        )

    def power(self, base: Value, exponent: Value) -> None:
        if base == 0 and exponent == 0:
            self.add("zero", "0^0 is 1 here.")

    def remainder(self, left: Value, right: Value) -> None:
        if isinstance(left, Fraction) and isinstance(right, Fraction) and (left < 0) != (right < 0):
            self.add("mod", "mod has the sign of the divisor: -7 mod 3 is 2.")

    def call(self, node: Call, values: tuple[Value, ...]) -> None:
        if node.name in _ANGLED:
            value = values[0]
            if isinstance(value, Fraction) and abs(value) > _TURN:
                shown = self._shown(node.arguments[0], "x")
                self.add(
                    "radians", f"{node.name} takes radians; for degrees write `{node.name}({shown} deg)`."
                )
        if node.name in _ANGLES:
            self.add("angle", f"{node.name} gives radians; for degrees write `{node.name}(...) / deg`.")

    def _shown(self, node: Node, instead: str) -> str:
        if node.depth > 3:
            return instead
        text = written(node)
        if len(text) > _LONGEST_SHOWN:
            return instead
        return text if isinstance(node, Number | Name | Postfix | Call) else f"({text})"
