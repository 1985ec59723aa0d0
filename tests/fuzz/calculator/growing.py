"""Random trees: of every operator and function, likely in their domains and now and then not."""

import random
from collections.abc import Callable

from tests.fuzz.calculator.trees import Tree

_ONE = [
    "sqrt",
    "cbrt",
    "abs",
    "sign",
    "floor",
    "ceil",
    "trunc",
    "exp",
    "ln",
    "log10",
    "log2",
    "round",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
]
_MANY = ["min", "max", "sum", "avg", "mean", "hypot"]
_WHOLE = ["gcd", "lcm", "comb", "perm", "factorial"]
_BINARY = ["add"] * 6 + ["sub"] * 5 + ["mul"] * 5 + ["div"] * 4 + ["mod", "pow", "pow", "implied", "implied"]
_ANGLES = [
    "0",
    "15",
    "30",
    "45",
    "60",
    "90",
    "120",
    "135",
    "150",
    "180",
    "210",
    "225",
    "270",
    "330",
    "360",
    "36",
]
COMMON_BINARY = ["add", "sub", "mul", "div"]


class Grower:
    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def tree(self, size: int) -> Tree:
        """With about `size` numbers in it."""
        if size <= 1:
            return self._leaf()
        kind = self._dice.random()
        if kind < 0.62:
            return self._binary(size)
        if kind < 0.72:
            return Tree("neg", (self.tree(size),)) if self._dice.random() < 0.5 else self._after(size)
        return self._call(size)

    def common(self, size: int) -> Tree:
        """Of what nearly every program has: + - * / ^ with small whole exponents, signs, sqrt."""
        if size <= 1:
            return Tree("number", text=self.number())
        chance = self._dice.random()
        if chance < 0.12:
            return Tree("neg", (self.common(size - 1),))
        if chance < 0.2:
            return Tree("call", (self.common(size - 1),), "sqrt")
        if chance < 0.35:
            exponent = Tree("number", text=str(self._dice.randint(0, 4)))
            return Tree("pow", (self.common(size - 1), exponent))
        cut = self._dice.randint(1, size - 1)
        return Tree(self._dice.choice(COMMON_BINARY), (self.common(cut), self.common(size - cut)))

    def number(self) -> str:
        dice = self._dice
        kinds: list[Callable[[], str]] = [
            lambda: str(dice.randint(0, 12)),
            lambda: str(dice.randint(0, 10**6)),
            lambda: f"{dice.randint(0, 999)}.{dice.randint(0, 99):02d}",
            lambda: f"0.{dice.randint(0, 9999):04d}",
        ]
        return dice.choice(kinds)()

    def _leaf(self) -> Tree:
        chance = self._dice.random()
        if chance < 0.15:
            return Tree("name", text=self._dice.choice(["pi", "e", "phi", "tau", "x", "y", "rate"]))
        if chance < 0.18:
            return Tree("number", text=f"{self._dice.randint(1, 99)}e{self._dice.randint(-40, 40)}")
        if chance < 0.21:
            return Tree("degrees", (Tree("number", text=self._dice.choice(_ANGLES)),))
        return Tree("number", text=self.number())

    def _binary(self, size: int) -> Tree:
        kind = self._dice.choice(_BINARY)
        cut = self._dice.randint(1, size - 1)
        if kind in ("add", "sub") and self._dice.random() < 0.15:
            return Tree(kind, (self.tree(size - 1), Tree("percent", (Tree("number", text=self.number()),))))
        if kind == "pow":
            return Tree(kind, (self.tree(size - 1), self._exponent()))
        return Tree(kind, (self.tree(cut), self.tree(size - cut)))

    def _exponent(self) -> Tree:
        chance = self._dice.random()
        small = Tree("number", text=str(self._dice.randint(0, 7)))
        if chance < 0.5:
            return small
        if chance < 0.65:
            return Tree("neg", (small,))
        if chance < 0.75:
            return Tree("pow", (Tree("number", text="2"), small))
        if chance < 0.9:
            return Tree("div", (small, Tree("number", text=self._dice.choice("2345"))))
        return self.tree(2)

    def _after(self, size: int) -> Tree:
        chance = self._dice.random()
        if chance < 0.3:
            share = Tree("percent", (self.tree(size // 2),))
            return Tree(self._dice.choice(["of", "of", "off"]), (share, self.tree(size - size // 2)))
        if chance < 0.5:
            return Tree("percent", (self.tree(size),))
        if chance < 0.65:
            return Tree("factorial", (Tree("number", text=str(self._dice.randint(0, 30))),))
        if chance < 0.85:
            return Tree("superscript", (self.tree(size),), str(self._dice.randint(-3, 4)))
        return Tree("degrees", (self.tree(size),))

    def _call(self, size: int) -> Tree:
        chance = self._dice.random()
        if chance < 0.6:
            return Tree("call", (self.tree(size - 1),), self._dice.choice(_ONE))
        if chance < 0.75:
            count = self._dice.randint(2, 4)
            parts = tuple(self.tree(max(1, size // count)) for _ in range(count))
            return Tree("call", parts, self._dice.choice(_MANY))
        if chance < 0.85:
            name = self._dice.choice(_WHOLE)
            count = 1 if name == "factorial" else 2
            top = 60 if name in ("factorial", "perm", "comb") else 10**5
            numbers = sorted((self._dice.randint(0, top) for _ in range(count)), reverse=True)
            return Tree("call", tuple(Tree("number", text=str(number)) for number in numbers), name)
        if chance < 0.9:
            return Tree(
                "call", (self.tree(size - 1), Tree("number", text=str(self._dice.randint(1, 6)))), "root"
            )
        name = self._dice.choice(["round", "log", "atan2"])
        second = (
            Tree("number", text=str(self._dice.randint(0, 4))) if name == "round" else self.tree(size // 2)
        )
        return Tree("call", (self.tree(size - size // 2), second), name)
