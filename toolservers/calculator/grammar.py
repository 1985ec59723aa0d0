"""From text to a tree. Importing this module builds the parser, so the tool imports it at the first call.

Loosest first: `+ -`, then `* / mod`, then signs, then `of`, then `^` (right to left), then a trailing `%`.
So `-2^2` is -4, `2^-1^2` is 0.5, `10% of 2^3` is 0.8. Two numbers side by side are never multiplied.
"""

from fractions import Fraction
from typing import Any, NoReturn

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken

from toolservers.calculator.expression import (
    Call,
    Chain,
    Constant,
    Negative,
    Node,
    Number,
    Percent,
    PercentOf,
    Power,
    Step,
    depth_over,
)
from toolservers.calculator.limits import MAX_DIGITS, MAX_LENGTH
from toolservers.calculator.ordinary import ordinary
from toolward.errors import ToolError

_GRAMMAR = r"""
    ?start: sum "="?
    ?sum: product
        | product ((ADD | MINUS) product)+                -> chain
    ?product: signed
            | signed ((TIMES | DIVIDE | MOD) signed)+     -> chain
    ?signed: MINUS signed                                 -> negative
           | ADD signed                                   -> positive
           | part
    ?part: power
         | power OF signed                                -> percent_of
    ?power: amount
          | amount RAISE exponent                         -> power
    ?exponent: power
             | MINUS exponent                             -> negative
             | ADD exponent                               -> positive
    ?amount: piece
           | piece PERCENT                                -> percent
    ?piece: NUMBER                                        -> number
          | NAME                                          -> constant
          | "(" sum ")"
          | NAME "(" [sum (COMMA sum)*] ")"               -> call

    NUMBER: /(\d{1,3}(,\d{3})+(?![\d])|\d+)(\.\d*)?(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?/
    NAME: /[a-z_][a-z0-9_]*/
    COMMA: /,\s*/
    OF: "of"
    MOD: "mod"
    RAISE: "**" | "^"
    TIMES: "*"
    DIVIDE: "/"
    ADD: "+"
    MINUS: "-"
    PERCENT: "%"
    %ignore /\s+/
"""

_OPERANDS = frozenset({"NUMBER", "NAME", "LPAR"})


class _Tree(Transformer[Token, Node]):
    """Called for each rule while the parser reads: there is never a second tree, nor recursion."""

    def chain(self, children: list[Any]) -> Node:
        first, *rest = children
        steps = tuple(
            Step(_place(operator), str(operator), operand, depth=operand.depth)
            for operator, operand in zip(rest[::2], rest[1::2], strict=True)
        )
        return Chain(first.at, first, steps, depth=depth_over(first, *steps))

    def negative(self, children: list[Any]) -> Node:
        sign, operand = children
        return Negative(_place(sign), operand, depth=depth_over(operand))

    def positive(self, children: list[Any]) -> Node:
        return children[1]

    def percent(self, children: list[Any]) -> Node:
        amount = children[0]
        return Percent(amount.at, amount, depth=depth_over(amount))

    def percent_of(self, children: list[Any]) -> Node:
        percent, word, whole = children
        if not percent.is_percent:
            raise ToolError(
                f"'of' at position {_place(word)} does not follow a percentage; "
                "write `15% of 80`, or `*` for a fraction: `(1/2) * 80`."
            )
        return PercentOf(percent.at, percent, whole, depth=depth_over(percent, whole))

    def power(self, children: list[Any]) -> Node:
        base, _, exponent = children
        return Power(base.at, base, exponent, depth=depth_over(base, exponent))

    def constant(self, children: list[Any]) -> Node:
        return Constant(_place(children[0]), str(children[0]))

    def number(self, children: list[Any]) -> Node:
        token = children[0]
        text = str(token).replace(",", "")
        _check_size(text, _place(token))
        return Number(_place(token), Fraction(text), text, grouped="," in token)

    def call(self, children: list[Any]) -> Node:
        name, *rest = children
        arguments, commas = tuple(rest[::2]), rest[1::2]
        spaced = bool(commas) and all(len(comma) > 1 for comma in commas)
        depth = depth_over(*arguments) if arguments else 1
        return Call(_place(name), str(name), arguments, spaced, depth=depth)


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
    try:
        # lark declares a tree; with a transformer inside, what comes back is what that returns.
        return _PARSER.parse(plain)  # pyright: ignore[reportReturnType, reportUnknownMemberType]
    except (UnexpectedCharacters, UnexpectedToken) as error:
        _explain(error, plain)


_PARSER = Lark(_GRAMMAR, parser="lalr", lexer="basic", transformer=_Tree(), maybe_placeholders=False)


def _place(token: Any) -> int:
    return (token.start_pos or 0) + 1


def _check_size(text: str, at: int) -> None:
    """Before the number is made: `1e999999999` is short to write and long to compute."""
    exponent = text.partition("e")[2] or "0"
    if len(exponent) > 6 or abs(int(exponent)) > MAX_DIGITS:
        raise ToolError(
            f"The number at position {at} has more than {MAX_DIGITS:,} digits, which is the limit; "
            "use a smaller exponent."
        )


def _explain(error: Any, text: str) -> NoReturn:
    """`error` is lark's UnexpectedInput, whose fields lark leaves untyped."""
    if isinstance(error, UnexpectedCharacters):
        at: int = getattr(error, "pos_in_stream", 0)
        raise ToolError(
            f"The character {text[at]!r} at position {at + 1} is not understood; write numbers, names of "
            "functions, parentheses and the operators + - * / ^ % mod of."
        )
    token: Token = error.token
    if token.type == "$END":
        remedy = "close it with ')'" if text.count("(") > text.count(")") else "write what is missing there"
        raise ToolError(f"The expression ends too early, after {text.rstrip()[-1]!r}; {remedy}.")
    at = _place(token)
    remedy = _remedy(token.type, text[: at - 1].rstrip()[-1:])
    raise ToolError(f"There is {text[at - 1]!r} at position {at} where it cannot stand; {remedy}.")


def _remedy(kind: str, before: str) -> str:
    """What to do about a token of this kind after the character `before`."""
    after_value = before.isalnum() or before in (")", ".", "%")
    if kind == "COMMA" and after_value:
        return "thousands are separated as in `12,345.67`, and the decimal sign is a point"
    if kind == "RPAR" and after_value:
        return "remove it, or open a parenthesis before"
    if kind == "EQUAL" and after_value:
        return "values are computed here, not compared"
    if kind in _OPERANDS and before == "%":
        return "write `10% of 200` for a part, or `8 mod 3` for the remainder"
    if after_value:
        return "write an operator before it, such as `2 * (3 + 4)`"
    return "write a number, a name or '(' there"
