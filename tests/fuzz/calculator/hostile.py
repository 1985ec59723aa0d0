"""Hostile inputs: huge powers, towers, deep nesting, long strings, junk, cancellations; each within its time."""

import random
import time
from collections import Counter
from collections.abc import Callable

from tests.fuzz.calculator.agreement import Difference
from tests.fuzz.calculator.growing import Grower
from tests.fuzz.calculator.trees import Writer
from toolservers.calculator.expressions.calculate import calculate
from toolservers.calculator.expressions.functions import FUNCTIONS
from toolward.errors import ToolError

TYPICAL = 0.05
"""Seconds that 99 of 100 inputs must stay under, whether refused or not."""

SLOWEST = 0.5
"""Seconds of processor time that no input may take; the worker's deadline is above it."""

_JUNK = (
    "0123456789.,+-*/^%!()°πeE²⁻½√∞×÷ \t\u00a0\u200b\u202e\ud800\x00\U0001f600٣９xyzsinofmod_=|[]{}#$€'\"\\;:"
)
_LONG = [
    "7^4000",
    "9e3999",
    "1e-3999",
    "3^4000/7^4000",
    "1/7^4700",
    "2^13000",
    "1400!",
    "pi",
    "e",
    "sqrt(2)",
    "ln(2)",
    "sin(1e3000)",
    "comb(13000, 6500)",
    "exp(9000)",
    "exp(-9000)",
    "tanh(5000)",
    "atan(1e-3000)",
]
_ZEROS = [
    "sqrt(2)^2-2",
    "ln(2)+ln(3)-ln(6)",
    "sin(1)^2+cos(1)^2-1",
    "exp(ln(7))-7",
    "atan(1/2)+atan(1/3)-pi/4",
    "sqrt(3)-sqrt(2)-1/(sqrt(3)+sqrt(2))",
    "cosh(2)^2-sinh(2)^2-1",
    "asin(0.6)+acos(0.6)-pi/2",
    "phi^2-phi-1",
]
_OPERATORS = ["+", "-", "*", "/", "^", " mod ", "%+", "!^", "**", "(", ")", ","]


def attack(count: int, seed: int) -> Counter[str]:
    """How many were answered and refused. Raises Difference for what is too slow or fails in another way."""
    dice = random.Random(seed)
    found: Counter[str] = Counter()
    times: list[float] = []
    calculate("1")
    for _ in range(count):
        kind = dice.choice(_KINDS)
        text, digits = kind(dice), dice.choice([50, 50, 1, 1000])
        started = time.thread_time()
        try:
            calculate(text, {"x": "7^2" if dice.random() < 0.01 else "1/3", "y": "1e3999"}, digits)
            found["answered"] += 1
        except ToolError:
            found["refused"] += 1
        except Exception as error:
            raise Difference(f"{text!r} to {digits} digits raises {error!r}") from error
        times.append(time.thread_time() - started)
        if times[-1] > SLOWEST:
            raise Difference(f"{text!r} to {digits} digits takes {times[-1]:.2f} s")
    times.sort()
    typical = times[int(len(times) * 0.99)] if times else 0
    if count >= 1000 and typical > TYPICAL:
        raise Difference(f"of 100 inputs, more than one takes {typical * 1000:.0f} ms")
    found["over 20 ms"] = sum(took > 0.02 for took in times)
    found["over 50 ms"] = sum(took > 0.05 for took in times)
    return found


def _tower(dice: random.Random) -> str:
    return dice.choice(["^", "^-", "**"]).join(
        dice.choice(["9", "2", "0.5", "pi", "1e4000", "x"]) for _ in range(dice.randint(2, 300))
    )


def _nested(dice: random.Random) -> str:
    opening = dice.choice(["(", "-", "sqrt(", "sin(", "2^(", "abs(-", "max(1, ", "(1+", "exp(", "factorial("])
    depth = dice.randint(1, 990 // len(opening))
    inner = dice.choice(["1", "0.5", "3", "1e3999", "pi", ""])
    return opening * depth + inner + ")" * (depth if dice.random() < 0.8 else dice.randint(0, depth))


def _junk(dice: random.Random) -> str:
    return "".join(dice.choices(_JUNK, k=dice.randint(0, dice.choice([20, 200, 1100]))))


def _noise(dice: random.Random) -> str:
    return "".join(
        chr(dice.choice([dice.randrange(128), dice.randrange(0x3000), dice.randrange(0x110000)]))
        for _ in range(dice.randint(1, 300))
    )


def _repeated(dice: random.Random) -> str:
    part = dice.choice([*_LONG, *_ZEROS])
    sign = dice.choice(["+", "-", "*", "/", " mod ", "^"])
    return sign.join([f"({part})"] * dice.randint(1, 1000 // (len(part) + 3)))


def _cancelled(dice: random.Random) -> str:
    zero = dice.choice(_ZEROS)
    around = dice.choice(
        [
            "floor({})",
            "1/({})",
            "sqrt({})",
            "ln({})",
            "sign({})",
            "({})^0.5",
            "round({}, 300)",
            "{}",
            "5 mod ({})",
        ]
    )
    tail = dice.choice(["", f"+{dice.choice(_LONG)}", f"*{dice.choice(_LONG)}"])
    return around.format(zero) + tail


def _called(dice: random.Random) -> str:
    name = dice.choice(list(FUNCTIONS))
    arguments = (
        dice.choice([*_LONG, *_ZEROS, "x", "y", "-5", "0", "1e300", "0.1", "3"])
        for _ in range(dice.choice([1, 1, 2, 2, 3, 30]))
    )
    return f"{name}({', '.join(arguments)})"


def _mixed(dice: random.Random) -> str:
    parts = [
        dice.choice([*_LONG, "x", "y", "10%", "5!", "30°", "1,234", "(", ")"])
        for _ in range(dice.randint(1, 60))
    ]
    return "".join(part + dice.choice(_OPERATORS) for part in parts) + "1"


def _ordinary(dice: random.Random) -> str:
    return Writer(dice).text(Grower(dice).tree(dice.randint(1, 40)))


def _cut(dice: random.Random) -> str:
    text = list(_ordinary(dice))
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(text) + 1)
        text[place : place + dice.randint(0, 3)] = dice.choice(_JUNK)
    return "".join(text)


_KINDS: list[Callable[[random.Random], str]] = [
    _tower,
    _nested,
    _junk,
    _noise,
    _repeated,
    _cancelled,
    _called,
    _mixed,
    _ordinary,
    _cut,
]
