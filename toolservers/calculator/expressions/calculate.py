"""The operation behind the tool `calculate`, as one pure function."""

import re
from collections.abc import Mapping
from fractions import Fraction

from toolservers.calculator.calculation import Calculation
from toolservers.calculator.expressions.evaluate import evaluate
from toolservers.calculator.expressions.functions import CONSTANTS, FUNCTIONS
from toolservers.calculator.expressions.grammar import WORDS, read
from toolservers.calculator.expressions.writing import written
from toolservers.calculator.limits import DIGITS_SHOWN, MAX_DIGITS_SHOWN, MAX_NAME_LENGTH, MAX_VARIABLES
from toolservers.calculator.numerals import comma_warning, read_number
from toolward.errors import ToolError

_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def calculate(
    expression: str, variables: Mapping[str, str] | None = None, digits: int = DIGITS_SHOWN
) -> Calculation:
    """The value of `expression`, with `digits` significant digits. Upper and lower case are the same.

    `variables` maps names to numbers, written as people write them. Raises ToolError that says what is wrong,
    where, and what to do.
    """
    if not 1 <= digits <= MAX_DIGITS_SHOWN:
        raise ToolError(f"`digits` is {digits}; give a number from 1 to {MAX_DIGITS_SHOWN:,}.")
    values = _values(variables or {})
    tree = read(expression)
    result = evaluate(tree, values, digits)
    commas = [text for text in map(comma_warning, (variables or {}).values()) if text is not None]
    return Calculation(
        written(tree, values),
        result.exact,
        result.decimal,
        is_exact=result.exact is not None,
        warnings=commas[:1] + result.warnings,
    )


def _values(variables: Mapping[str, str]) -> dict[str, Fraction]:
    if len(variables) > MAX_VARIABLES:
        raise ToolError(f"There are {len(variables)} variables, and at most {MAX_VARIABLES} are taken.")
    values: dict[str, Fraction] = {}
    for given, text in variables.items():
        name = given.lower()
        _check_name(name, given)
        if name in values:
            raise ToolError(f"The variable {given!r} is given twice; upper and lower case are the same.")
        values[name] = read_number(text, f"the value of {given}")
    return values


def _check_name(name: str, given: str) -> None:
    if not given.isascii() or not _NAME.fullmatch(name) or len(name) > MAX_NAME_LENGTH:
        raise ToolError(
            f"{given[:MAX_NAME_LENGTH]!r} cannot be a variable; write a name of at most {MAX_NAME_LENGTH} ASCII "
            "letters, digits and _, beginning with a letter."
        )
    if name in FUNCTIONS or name in CONSTANTS or name in WORDS:
        kind = "a function" if name in FUNCTIONS else "a constant" if name in CONSTANTS else "an operator"
        raise ToolError(f"{given!r} cannot be a variable, because it is {kind} here; choose another name.")
