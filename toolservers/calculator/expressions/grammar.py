"""From text to a tree. Importing this module builds the parser, so the tool imports it at the first call.

What binds, loosest first:
1. `+ -`, from left to right. A percentage that is added or taken off is one of all that stands before it.
2. `* / mod`, from left to right, and a multiplication that is not written: `2pi`, `2(3 + 4)`, `(1 + 2)(3 + 4)`,
   `3 sqrt(2)`. Its right side begins with a name or a parenthesis, never with a digit. It binds as `*` does, so
   `1/2x` is (1/2)*x, as most programs have it; a warning gives the other reading.
3. signs: `-2^2` is -4, and `-7 mod 3` is (-7) mod 3.
4. `of`, `off` after a percentage: `10% of 2^3` is 0.8.
5. `^`, also written `**`, from right to left, with signs in the exponent: `2^3^2` is 2^9, `2^-1^2` is 2^-(1^2).
   A superscript is a power: `-5²` is -25.
6. one sign after a number, a name or a group: `%`, `!` or `°` (also `deg`), so that `2^3!` is 2^6.
"""

import re
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken

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
    depth_over,
)
from toolservers.calculator.expressions.syntax_errors import (
    part_or_remainder,
    unexpected_character,
    unexpected_token,
)
from toolservers.calculator.limits import MAX_LENGTH
from toolservers.calculator.numerals import PLAIN, plain_number
from toolservers.calculator.ordinary import ordinary
from toolward.errors import ToolError

_GRAMMAR = rf"""
    ?start: sum "="?
    ?sum: product
        | product added+                  -> chain
    added: (ADD | MINUS) product          -> step
    ?product: signed
            | signed (scaled | implied)+  -> chain
    scaled: (TIMES | DIVIDE | MOD) signed -> step
    implied: factor
    ?signed: MINUS signed                 -> negative
           | ADD signed                   -> positive
           | part
    ?part: power
         | power (OF | OFF) signed        -> percent_of
    ?power: amount
          | amount RAISE exponent         -> power
          | piece SUPERSCRIPT             -> superscript
    ?exponent: power
             | MINUS exponent             -> negative
             | ADD exponent               -> positive
    ?amount: piece
           | piece PERCENT                -> postfix
           | piece FACTORIAL              -> postfix
           | piece DEGREES                -> postfix
    ?piece: NUMBER                        -> number
          | DEGREES                       -> name
          | noun
    ?factor: raised
           | raised RAISE exponent        -> power
           | noun SUPERSCRIPT             -> superscript
    ?raised: noun
           | noun FACTORIAL               -> postfix
           | noun DEGREES                 -> postfix
    ?noun: NAME                           -> name
         | "(" sum ")"
         | FUNCTION "(" [sum (COMMA sum)*] ")" -> call

    NUMBER: /{PLAIN}/
    OF.3: /of\b/
    OFF.3: /off\b/
    MOD.3: /mod\b/
    DEGREES.3: /°|deg(rees?)?\b/
    FUNCTION.2: /[a-z_][a-z0-9_]*(?=\s*\()/
    NAME: /[a-z_][a-z0-9_]*|[πτφ]/
    SUPERSCRIPT: /[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+/
    COMMA: /,\s*/
    RAISE: "**" | "^"
    TIMES: "*"
    DIVIDE: "/"
    ADD: "+"
    MINUS: "-"
    PERCENT: "%"
    FACTORIAL: "!"
    %ignore /\s+/
"""

WORDS = frozenset({"of", "off", "mod", "degree", "degrees"})
"""Words of the grammar itself, which cannot be names."""

_AFTER_PERCENT = re.compile(r"%\s*(?=[(πτφ]|(?!(?:off?|mod)\b)[a-z_])")
_PLAIN_SUPERSCRIPTS = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
_CONSTANTS = {"π": "pi", "τ": "tau", "φ": "phi"}


class _Tree(Transformer[Token, Node]):
    """Called for each rule while the parser reads: there is never a second tree, nor recursion."""

    def chain(self, children: list[Any]) -> Node:
        first, *steps = children
        return Chain(first.at, first, tuple(steps), depth=depth_over(first, *steps))

    def step(self, children: list[Any]) -> Node:
        operator, operand = children
        return Step(_place(operator), str(operator), operand, depth=operand.depth)

    def implied(self, children: list[Any]) -> Node:
        operand = children[0]
        return Step(operand.at, "*", operand, implied=True, depth=operand.depth)

    def negative(self, children: list[Any]) -> Node:
        sign, operand = children
        return Negative(_place(sign), operand, depth=depth_over(operand))

    def positive(self, children: list[Any]) -> Node:
        return children[1]

    def postfix(self, children: list[Any]) -> Node:
        operand, token = children
        sign = "°" if token.type == "DEGREES" else str(token)
        return Postfix(operand.at, operand, sign, depth=depth_over(operand))

    def percent_of(self, children: list[Any]) -> Node:
        percent, word, whole = children
        if not percent.is_percent:
            raise ToolError(
                f"'{word}' at position {_place(word)} does not follow a percentage; "
                "write `15% of 80`, or `*` for a fraction: `(1/2) * 80`."
            )
        return PercentOf(percent.at, percent, whole, word == "off", depth=depth_over(percent, whole))

    def power(self, children: list[Any]) -> Node:
        base, _, exponent = children
        return Power(base.at, base, exponent, depth=depth_over(base, exponent))

    def superscript(self, children: list[Any]) -> Node:
        base, token = children
        text = str(token).translate(_PLAIN_SUPERSCRIPTS)
        exponent: Node = _number(text.lstrip("+-"), _place(token))
        if text.startswith("-"):
            exponent = Negative(_place(token), exponent, depth=depth_over(exponent))
        return Power(base.at, base, exponent, superscript=True, depth=depth_over(base, exponent))

    def name(self, children: list[Any]) -> Node:
        token = children[0]
        name = "deg" if token.type == "DEGREES" else str(token)
        return Name(_place(token), _CONSTANTS.get(name, name))

    def number(self, children: list[Any]) -> Node:
        return _number(str(children[0]), _place(children[0]))

    def call(self, children: list[Any]) -> Node:
        name, *rest = children
        arguments, commas = tuple(rest[::2]), rest[1::2]
        spaced = bool(commas) and all(len(comma) > 1 for comma in commas)
        return Call(_place(name), str(name), arguments, spaced, depth=depth_over(*arguments))


def read(text: str) -> Node:
    """The tree of an expression. Raises ToolError that says what is wrong, where, and what to write."""
    if len(text) > MAX_LENGTH:
        raise ToolError(
            f"The expression has {len(text):,} characters, and at most {MAX_LENGTH:,} are taken; "
            "split it into several calculations."
        )
    plain = ordinary(text)
    if not plain.strip():
        raise ToolError("The expression is empty; write one, such as `15% of 84.80`.")
    if stray := _AFTER_PERCENT.search(plain):
        raise part_or_remainder(stray.end() + 1)
    try:
        # lark declares a tree; with a transformer inside, what comes back is what that returns.
        return _PARSER.parse(plain)  # pyright: ignore[reportReturnType, reportUnknownMemberType]
    except UnexpectedCharacters as error:
        raise unexpected_character(plain, getattr(error, "pos_in_stream", 0)) from None
    except UnexpectedToken as error:
        token: Token = error.token
        place = None if token.type == "$END" else token.start_pos or 0
        raise unexpected_token(plain, token.type, place) from None


_PARSER = Lark(_GRAMMAR, parser="lalr", lexer="basic", transformer=_Tree(), maybe_placeholders=False)


def _place(token: Any) -> int:
    return (token.start_pos or 0) + 1


def _number(text: str, at: int) -> Number:
    return Number(at, plain_number(text, f"the number at position {at}"), text)
