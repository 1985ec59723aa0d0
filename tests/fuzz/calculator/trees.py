"""Random expressions as trees, and how people write them.

Nothing here comes from the calculator: the precedence of the operators is stated once more.
"""

import random
from dataclasses import dataclass

SUM, PRODUCT, SIGN, PART, POWER, POSTFIX, PIECE = range(7)

_LEVELS = {
    "add": SUM,
    "sub": SUM,
    "mul": PRODUCT,
    "div": PRODUCT,
    "mod": PRODUCT,
    "implied": PRODUCT,
    "neg": SIGN,
    "of": PART,
    "off": PART,
    "pow": POWER,
    "superscript": POWER,
    "percent": POSTFIX,
    "factorial": POSTFIX,
    "degrees": POSTFIX,
}
_SIGNS = {
    "add": ["+"],
    "sub": ["-", "−"],
    "mul": ["*", "×", "·"],
    "div": ["/", "÷"],
    "mod": [" mod "],
    "pow": ["^", "**"],
    "of": [" of "],
    "off": [" off "],
}
_AFTER = {"percent": ["%", " %"], "factorial": ["!"], "degrees": ["°", " deg"]}
_DIGITS = ["0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩"]
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Tree:
    """`kind` is an operator's, "number", "name" or "call"; `text` is the plain number or the name."""

    kind: str
    parts: tuple["Tree", ...] = ()
    text: str = ""

    @property
    def level(self) -> int:
        return _LEVELS.get(self.kind, PIECE)

    def kinds(self) -> set[str]:
        return {self.kind, *(kind for part in self.parts for kind in part.kinds())}


class Writer:
    """Writes a tree with no parenthesis too few, and at random some too many, in varied characters."""

    def __init__(self, dice: random.Random, plain: bool = False) -> None:
        self._dice = dice
        self._plain = plain  # ASCII without thousands separators, for other programs

    def text(self, tree: Tree, least: int = SUM) -> str:
        text = self._written(tree)
        wanted = tree.level < least
        return f"({text})" if wanted or self._dice.random() < 0.04 else text

    def _written(self, tree: Tree) -> str:
        match tree.kind:
            case "number":
                return self._number(tree.text)
            case "name":
                return {"pi": "π"}.get(tree.text, tree.text) if self._chance(0.2) else tree.text
            case "call":
                plain = Writer(self._dice, plain=True)
                return f"{tree.text}({', '.join(plain.text(part) for part in tree.parts)})"
            case "neg":
                return f"{self._pick(['-', '−'])}{self.text(tree.parts[0], SIGN)}"
            case "superscript":
                return self.text(tree.parts[0], PIECE) + tree.text.translate(_SUPERSCRIPTS)
            case "percent" | "factorial" | "degrees":
                return self.text(tree.parts[0], PIECE) + self._pick(_AFTER[tree.kind])
            case "implied":
                return self._implied(*tree.parts)
            case _:
                return self._between(tree)

    def _between(self, tree: Tree) -> str:
        left, right = tree.parts
        sign = self._pick(_SIGNS[tree.kind])
        if tree.kind == "pow":
            signed = right.kind == "neg" and right.parts[0].level >= POWER
            return f"{self.text(left, POSTFIX)}{sign}{self.text(right, SIGN if signed else POWER)}"
        if tree.kind in ("of", "off"):
            return f"{self.text(left, POWER)}{sign}{self.text(right, SIGN)}"
        before = self.text(left, tree.level)
        spaced = before[-1] in "eE" or self._chance(0.5)
        between = f" {sign} " if spaced else sign
        return f"{before}{between}{self.text(right, tree.level + 1)}"

    def _implied(self, left: Tree, right: Tree) -> str:
        before = self.text(left, PRODUCT)
        after = self.text(right, POWER)
        if before.endswith("%"):
            before = f"({before})"
        if after.endswith("%") or after[0].isdigit() or after[0] in ".°" or after.startswith("deg"):
            after = f"({after})"
        if after.startswith("(") and before[-1].isalpha():  # else a call
            before = f"({before})"
        named = before[-1].isalnum() or before[-1] == "_"
        apart = (
            " " if (named and (after[0].isalnum() or not before[-1].isdigit())) or self._chance(0.3) else ""
        )
        return f"{before}{apart}{after}"

    def _number(self, text: str) -> str:
        whole, point, rest = text.partition(".")
        if not self._plain and "e" not in text and len(whole) > 3 and self._chance(0.5):
            text = f"{int(whole):,}{point}{rest}"
        if self._chance(0.1):
            text = text.translate(str.maketrans(_DIGITS[0], self._dice.choice(_DIGITS)))
        return text

    def _pick(self, choices: list[str]) -> str:
        return choices[0] if self._plain else self._dice.choice(choices)

    def _chance(self, likely: float) -> bool:
        return not self._plain and self._dice.random() < likely
