"""Properties of the calculator: it agrees with `fractions`, and what it understood means the same."""

import contextlib
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from toolservers.calculator.expressions.calculate import calculate
from toolservers.calculator.expressions.evaluate import evaluate
from toolservers.calculator.expressions.grammar import read
from toolservers.calculator.expressions.writing import written
from toolservers.calculator.limits import DIGITS_SHOWN
from toolward.errors import ToolError

NUMBERS = st.one_of(
    st.integers(0, 10**12).map(str),
    st.decimals(0, 10**6, places=3, allow_nan=False).map(lambda value: f"{value:,f}"),
)


def _grow(inner: st.SearchStrategy[tuple[str, Fraction]]) -> st.SearchStrategy[tuple[str, Fraction]]:
    def join(left: tuple[str, Fraction], operator: str, right: tuple[str, Fraction]) -> tuple[str, Fraction]:
        by: dict[str, Any] = {"+": Fraction.__add__, "-": Fraction.__sub__, "*": Fraction.__mul__}
        if operator == "/" and right[1] == 0:
            operator = "*"
        value = left[1] / right[1] if operator == "/" else by[operator](left[1], right[1])
        return f"({left[0]}) {operator} ({right[0]})", value

    return st.builds(join, inner, st.sampled_from("+-*/"), inner)


EXPRESSIONS = st.recursive(
    NUMBERS.map(lambda text: (text, Fraction(text.replace(",", "")))), _grow, max_leaves=12
)


@given(EXPRESSIONS)
def test_agrees_with_fractions(case: tuple[str, Fraction]) -> None:
    text, value = case
    result = calculate(text)
    assert result.exact is not None
    assert Fraction(result.exact) == value
    assert 2 * abs(Fraction(result.decimal) - value) * 10 ** (DIGITS_SHOWN - 1) <= abs(value)


ATOMS = st.sampled_from(
    [
        "2",
        "3",
        "0.5",
        "1,000",
        "10%",
        "150%",
        "pi",
        "sqrt(2)",
        "(-7)",
        "ln(5)",
        "1e3",
        "30°",
        "4!",
        "x",
        "y²",
        "(3)x",
    ]
)
OPERATORS = st.sampled_from(["+", "-", "*", "/", " mod ", "^", "% of ", "% off ", "(2 + ", ")", " "])
GIVEN = {"x": Fraction(-5, 2), "y": Fraction(1, 3)}


@given(st.lists(st.tuples(ATOMS, OPERATORS), max_size=8), ATOMS)
def test_what_was_understood_means_the_same(parts: list[tuple[str, str]], last: str) -> None:
    text = "".join(atom + operator for atom, operator in parts) + last
    try:
        tree = read(text)
        result = evaluate(tree, GIVEN)
    except ToolError:
        return
    again = evaluate(read(written(tree, GIVEN)))
    assert (again.exact, again.decimal) == (result.exact, result.decimal)


@settings(max_examples=300)
@given(st.text(st.sampled_from("0123456789.,+-*/^%() eofmdpisqrtxE=²×−°!π"), max_size=40))
def test_any_text_gives_a_result_or_a_tool_error(text: str) -> None:
    with contextlib.suppress(ToolError):
        calculate(text, {"x": "3"}, 20)
