"""Debian's calculators beside ours: the same text to each, and every difference explained by a stated convention.

Where a program gives another value for a text, it is asked again with what our calculator says it understood,
in which every grouping is in parentheses. If the values agree then, only the reading differs, and the reading
must be one of `Program.conventions`.
"""

import os
import random
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from tests.fuzz.calculator.agreement import Difference
from tests.fuzz.calculator.growing import Grower
from tests.fuzz.calculator.trees import Tree, Writer
from toolservers.calculator.expressions.calculate import calculate
from toolservers.calculator.expressions.grammar import read
from toolservers.calculator.expressions.writing import written
from toolward.errors import ToolError

_MARK = 900_000_000
_NUMBER = re.compile(r"-?\d*\.?\d+(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Program:
    name: str
    command: Sequence[str]
    line: str
    """What is written for one expression `{}`."""
    answer: re.Pattern[str]
    """Its first group is a value in the output."""
    tolerance: Fraction
    double: bool = False
    first: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    share: float = 0.2
    """Of the expressions of a campaign, for those that are slow."""
    conventions: Sequence[tuple[str, Callable[[Tree, str], bool]]] = ()
    """Why a program may read a text in another way, and of which trees and texts this is true."""
    no_values: Sequence[tuple[str, str]] = ()
    """Why a program may have a value where we refuse, and a part of our refusal."""

    def installed(self) -> bool:
        return shutil.which(self.command[0]) is not None

    def ask(self, texts: Sequence[str]) -> list[str]:
        """The answers, "" where there is none. A mark stands between them, so that errors shift nothing."""
        lines = [self.first]
        for number, text in enumerate(texts):
            lines += [self.line.format(text), self.line.format(_MARK + number)]
        run = subprocess.run(
            [*self.command],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            env={**os.environ, **self.environment},
        )
        answers: dict[int, str] = {}
        last = ""
        for line in run.stdout.replace("−", "-").splitlines():
            found = self.answer.search(line)
            if found is None:
                continue
            value = found[1].strip()
            number = int(value) - _MARK if value.isdigit() else -1
            if 0 <= number < len(texts):
                answers[number], last = last, ""
            else:
                last = value
        return [answers.get(number, "") for number in range(len(texts))]


def _negates_a_power(tree: Tree, text: str) -> bool:
    here = tree.kind == "neg" and tree.parts[0].kind == "pow"
    return here or any(_negates_a_power(part, text) for part in tree.parts)


def _has_two_signs(tree: Tree, text: str) -> bool:
    return "--" in text


PROGRAMS = (
    Program(
        "bc",
        ("bc", "-l"),
        "{}",
        re.compile(r"^(-?[\d.]+)$"),
        Fraction(1, 10**40),
        first="scale=200",
        environment={"BC_LINE_LENGTH": "0"},
        conventions=[
            ("a sign binds tighter than ^: -2^2 is 4", _negates_a_power),
            ("-- counts a variable down", _has_two_signs),
        ],
    ),
    Program(
        "qalc",
        ("qalc", "-t", "-s", "precision 60", "-s", "unicode off", "-s", "approximation 2", "-f", "-"),
        "{}",
        re.compile(r"^(.+)$"),
        Fraction(1, 10**45),
        share=0.02,
        no_values=[("it has complex numbers: sqrt(-3)^0 is 1", "no real square root")],
    ),
    Program(
        "units",
        ("units", "-q", "-1", "-d", "16"),
        "{}\n",
        re.compile(r"Definition: (.+)$"),
        Fraction(1, 10**12),
        double=True,
        conventions=[("a sign cannot follow a sign", _has_two_signs)],
        no_values=[("what is divided by zero is infinite", "Division by zero")],
    ),
)


@dataclass(frozen=True)
class Asked:
    """What our calculator makes of a text: `value` is None where it refuses, for the reason `error`."""

    tree: Tree
    text: str
    understood: str
    value: str | None
    error: str = ""


def beside(program: Program, count: int, seed: int) -> Counter[str]:
    """How often what was found. Raises Difference where no stated convention explains one."""
    dice = random.Random(seed)
    grower, writer = Grower(dice), Writer(dice, plain=True)
    trees = [grower.common(dice.choice([2, 3, 4, 5, 6])) for _ in range(count)]
    ours = [_ours(tree, writer.text(tree)) for tree in trees]
    found: Counter[str] = Counter()
    differ: list[Asked] = []
    for asked, answer in zip(ours, program.ask([asked.text for asked in ours]), strict=True):
        same = _same(program, asked, answer)
        if same is None:
            differ.append(asked)
        else:
            found[same] += 1
    again = program.ask([asked.understood for asked in differ])
    for asked, answer in zip(differ, again, strict=True):
        reasons = [reason for reason, applies in program.conventions if applies(asked.tree, asked.text)]
        if not reasons or _same(program, asked, answer) is None:
            raise Difference(
                f"{program.name}: {asked.text!r}, or {asked.understood!r}, is {answer!r} there and "
                f"{asked.value or asked.error} here"
            )
        found[f"convention ({reasons[0]})"] += 1
    return found


def _ours(tree: Tree, text: str) -> Asked:
    understood = written(read(text))
    try:
        return Asked(tree, text, understood, calculate(text, digits=60).decimal)
    except ToolError as error:
        return Asked(tree, text, understood, None, str(error))


def _same(program: Program, asked: Asked, answer: str) -> str | None:
    """How both agree, None where they do not."""
    has_value = _NUMBER.fullmatch(answer) is not None
    if asked.value is None:
        if not has_value:
            return "neither has a value"
        if "the limit" in asked.error:
            return "over our limit"
        reasons = [reason for reason, refusal in program.no_values if refusal in asked.error]
        return f"convention ({reasons[0]})" if reasons else None
    if program.double and not _fits_double(asked.tree, Fraction(asked.value)):
        return "beyond double precision"
    return "same" if has_value and _near(program, answer, asked.value) else None


def _near(program: Program, answer: str, value: str) -> bool:
    wanted = Fraction(value)
    return abs(Fraction(answer) - wanted) <= program.tolerance * max(abs(wanted), program.tolerance)


def _fits_double(tree: Tree, value: Fraction) -> bool:
    """Whether plain floats come near the value, so that a program that has only those can."""
    try:
        rough = _float(tree)
        return abs(Fraction(rough) - value) <= Fraction(1, 10**13) * abs(value)
    except (ArithmeticError, ValueError, TypeError):
        return False


def _float(tree: Tree) -> float:
    if tree.kind == "number":
        return float(tree.text)
    parts = [_float(part) for part in tree.parts]
    by: dict[str, Callable[[], float]] = {
        "neg": lambda: -parts[0],
        "call": lambda: parts[0] ** 0.5,
        "add": lambda: parts[0] + parts[1],
        "sub": lambda: parts[0] - parts[1],
        "mul": lambda: parts[0] * parts[1],
        "div": lambda: parts[0] / parts[1],
        "pow": lambda: parts[0] ** parts[1],
    }
    return by[tree.kind]()
