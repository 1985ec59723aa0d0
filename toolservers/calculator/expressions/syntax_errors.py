"""What is said of a text that is no expression: where it goes wrong, and what to write instead."""

import re

from toolservers.calculator.expressions.functions import FUNCTIONS
from toolward.errors import ToolError

_INSTEAD = {
    "|": "write `abs(x)`",
    "√": "write `sqrt(2)`",
    "∛": "write `cbrt(2)`",
    "∞": "there are finite numbers only",
    "∑": "write `sum(1, 2, 3)`",
    "[": "write parentheses: ( and )",
    "]": "write parentheses: ( and )",
    "{": "write parentheses: ( and )",
    "}": "write parentheses: ( and )",
    ";": "separate arguments by a comma and a space",
    "<": "values are computed here, not compared",
    ">": "values are computed here, not compared",
    "≤": "values are computed here, not compared",
    "≥": "values are computed here, not compared",
    "≠": "values are computed here, not compared",
    ":": "write `/` to divide",
    "'": "write thousands as in `12,345.67`, and nothing in quotes",
    "’": "write thousands as in `12,345.67`",
    "½": "write `(1/2)`",
    "¼": "write `(1/4)`",
    "¾": "write `(3/4)`",
    "±": "calculate both: once with + and once with -",
} | dict.fromkeys("$€£¥₹", "leave the currency out")

_OPERANDS = frozenset({"NUMBER", "NAME", "FUNCTION", "LPAR", "DEGREES"})
_WORD = re.compile(r"[a-z_][a-z0-9_]*$")
_COMPARED = "values are computed here, not compared or assigned; give one side, and values in `variables`"


def part_or_remainder(at: int) -> ToolError:
    """Of what follows a percentage without an operator: `8%(3)`."""
    return ToolError(
        f"What stands at position {at} follows a percentage without an operator; write `10% of 200` for a part, "
        "or `8 mod 3` for the remainder."
    )


def unexpected_character(text: str, place: int) -> ToolError:
    sign = text[place]
    instead = _INSTEAD.get(sign) or (
        "write numbers, names of functions, parentheses and the operators + - * / ^ % mod of"
    )
    return ToolError(f"The character {sign!r} at position {place + 1} is not understood; {instead}.")


def unexpected_token(text: str, kind: str, place: int | None) -> ToolError:
    """`kind` is the token's type in the grammar, `place` its index, None at the end."""
    if place is None:
        remedy = "close it with ')'" if text.count("(") > text.count(")") else "write what is missing there"
        return ToolError(f"The expression ends too early, after {text.rstrip()[-1]!r}; {remedy}.")
    before = text[:place].rstrip()
    remedy = _remedy(kind, before, text[place:])
    return ToolError(f"There is {text[place]!r} at position {place + 1} where it cannot stand; {remedy}.")


def _remedy(kind: str, before: str, after: str) -> str:
    last = before[-1:]
    if last == "=":
        return _COMPARED
    if last.isalnum() or last in ("_", ")", ".", "%", "!", "°"):
        word = _WORD.search(before[-20:])
        if kind in _OPERANDS and word is not None and word[0] in FUNCTIONS:
            return f"put the argument of {word[0]} in parentheses"
        return _after_value(kind, last, after)
    if last == "/" and kind == "DIVIDE":
        return "write `floor(7 / 2)` for the whole part of a quotient"
    if kind == "MOD":
        return "write the remainder as `8 mod 3`"
    if kind in ("OF", "OFF"):
        return "write `15% of 80`"
    return "write a number, a name or '(' there"


def _after_value(kind: str, last: str, after: str) -> str:
    if kind == "COMMA":
        digits = after[1:].lstrip()[:1].isdigit()
        point = "the decimal sign is a point, as in `1.5`, and " if digits else ""
        return f"{point}thousands are separated as in `12,345.67`"
    if kind == "RPAR":
        return "remove it, or open a parenthesis before"
    if kind == "EQUAL":
        return _COMPARED
    if kind in _OPERANDS and last == "%":
        return "write `10% of 200` for a part, or `8 mod 3` for the remainder"
    if kind == "FACTORIAL" and last == "!":
        return "write `(5!)!` for a factorial twice; there is no double factorial"
    if kind in ("PERCENT", "FACTORIAL", "DEGREES", "SUPERSCRIPT", "RAISE", "OF", "OFF"):
        return "put what it belongs to in parentheses"
    return "write an operator before it, such as `2 * 3`"
