"""What the calculator refuses: it says what is wrong, where, and what to do, and is never slow."""

import contextlib
import time

import pytest

from toolservers.calculator.expressions.calculate import calculate
from toolward.errors import ToolError

REFUSED = [
    ("", "is empty", "15% of 84.80"),
    ("   ", "is empty", "15% of 84.80"),
    ("1/0", "Division by zero at position 2", "divided by 0"),
    ("5 mod 0", "Division by zero at position 3", ""),
    ("0^-1", "negative power at position 1", ""),
    ("9**9**9", "about 369,693,100 digits; the limit is 4,000", "logarithms"),
    ("2^(10^3000)", "more than 10^17 digits", "4,000"),
    ("1e999999999", "position 1 has more than 4,000 digits", "exponent"),
    ("exp(1e6)", "larger than 10^4,000", "ln"),
    ("pi^-9999", "closer to zero than 10^-4,000", ""),
    ("7^3000 * 7^3000", "position 8 has more than 4,000 digits", ""),
    ("1+", "ends too early, after '+'", "missing"),
    ("(1+2", "ends too early, after '2'", "close it"),
    ("1+2)", "')' at position 4", "remove it"),
    ("()", "')' at position 2", "write a number"),
    ("*3", "'*' at position 1", "write a number"),
    ("1 = 2", "'2' at position 5", "not compared"),
    ("1/2x", "no 'x' (position 4)", "`variables`"),
    ("3x4", "no 'x4' (position 2)", "write `* 4` to multiply"),
    ("(3)4", "'4' at position 4", "write an operator"),
    ("pi 2", "'2' at position 4", "write an operator"),
    ("8%(3)", "position 3 follows a percentage", "8 mod 3"),
    ("-8%(3)", "position 4 follows a percentage", "8 mod 3"),
    ("2^8% (3)", "position 6 follows a percentage", "8 mod 3"),
    ("(-8)^(sqrt(2)^2)", "exactly zero", "simplify"),
    ("10% pi", "position 5 follows a percentage", "10% of 200"),
    ("2pi%", "'%' at position 4", "parentheses"),
    ("7//2", "'/' at position 3", "floor(7 / 2)"),
    ("mod(7, 3)", "'m' at position 1", "8 mod 3"),
    ("5!!", "'!' at position 3", "`(5!)!`"),
    ("x = 5", "'5' at position 5", "`variables`"),
    ("|3|", "'|' at position 1", "abs(x)"),
    ("√2", "'√' at position 1", "sqrt(2)"),
    ("1;2", "';' at position 2", "comma"),
    ("pi(3)", "pi at position 1 is a number, not a function", "pi * (...)"),
    ("2.5!", "factorial at position 1", "round it first"),
    ("(-1)!", "factorial at position 2", "whole number from 0"),
    ("1500!", "factorial at position 1 would have about 4,115 digits", "4,000"),
    ("1e4000!", "more than 10^17 digits", "4,000"),
    ("comb(1e5, 5e4)", "number of combinations at position 1 would have about 30,103 digits", ""),
    ("perm(1e20, 1e10)", "number of permutations", "4,000"),
    ("gcd(1.5, 3)", "gcd at position 1", "whole numbers"),
    ("root(-4, 2)", "even root of a number below 0", ""),
    ("root(4, 0)", "whole number from 1 to 1,000", ""),
    ("log(4, 1)", "to the base 1", "another base"),
    ("log(4, 0)", "the base of log at position 1 is not of a number above 0", ""),
    ("asin(2)", "outside -1 to 1", ""),
    ("tan(90°)", "no tangent", ""),
    ("atan2(0, 0)", "no angle", ""),
    ("5²^2", "'^' at position 3", "parentheses"),
    ("3 4", "'4' at position 3", "write an operator"),
    ("8%3", "'3' at position 3", "8 mod 3"),
    ("50%%", "'%' at position 4", ""),
    ("1/2 of 50", "'of' at position 5 does not follow a percentage", "*"),
    ("1,23", "',' at position 2", "12,345.67"),
    ("1,5", "',' at position 2", "decimal sign is a point, as in `1.5`"),
    ("1.234,50", "',' at position 6", "decimal sign is a point"),
    ("max(1,234)", "number at position 5 could also separate arguments of max", "leave out"),
    ("max(1,234,5)", "could also separate arguments", "space"),
    ("round(2 * 1,234.567,2)", "position 11 could also separate", ""),
    ("$5", "'$' at position 1 is not understood", ""),
    ("'a'*10**9", '"\'" at position 1 is not understood', ""),
    ("__import__(1)", "no '__import__'", "there are abs, acos"),
    ("sqr(3)", "no 'sqr' (position 1)", "did you mean sqrt?"),
    ("log(3)", "log at position 1 has no base", "`ln(x)` for base e, `log10(x)`"),
    ("lg(3)", "no 'lg' (position 1)", "`log10(x)`"),
    ("1 + sqrt", "sqrt at position 5 needs parentheses", ""),
    ("2 + sin 30", "'3' at position 9", "put the argument of sin in parentheses"),
    ("sqrt()", "has 0 arguments; give it 1", ""),
    ("round(1, 2, 3)", "has 3 arguments; give it 1 to 2", ""),
    ("min()", "give it 1 or more", ""),
    ("round(1, 0.5)", "must be a whole number", ""),
    ("sqrt(-4)", "number below 0", "no real"),
    ("(-8)^(1/3)", "not a real number", "whole number"),
    ("ln(0)", "not of a number above 0", ""),
    ("log10(-1)", "not of a number above 0", ""),
    ("1/(sqrt(2)^2 - 2)", "whether a value is exactly zero", "simplify"),
    ("floor(sqrt(2)^2)", "where it is rounded", "simplify"),
    ("1+" * 500 + "1", "1,001 characters, and at most 1,000", "split"),
    ("-" * 900 + "1", "more than 60 levels deep", "split"),
    ("sqrt(" * 150 + "1" + ")" * 150, "more than 60 levels deep", "split"),
    ("(" * 1000, "ends too early", "')'"),
    ("ln(1e4000)+" * 80 + "floor(sqrt(2)^2)", "20 ms of estimated work", "Split"),
]


@pytest.mark.parametrize(("expression", "wrong", "remedy"), REFUSED, ids=[one[0][:30] for one in REFUSED])
def test_refusals_say_what_where_and_what_to_do(expression: str, wrong: str, remedy: str) -> None:
    with pytest.raises(ToolError) as refused:
        calculate(expression)
    assert wrong in str(refused.value)
    assert remedy in str(refused.value)
    assert len(str(refused.value)) < 450


@pytest.mark.parametrize(
    ("variables", "wrong"),
    [
        ({"pi": "3"}, "'pi' cannot be a variable, because it is a constant"),
        ({"Max": "3"}, "'Max' cannot be a variable, because it is a function"),
        ({"mod": "3"}, "because it is an operator"),
        ({"2x": "3"}, "'2x' cannot be a variable; write a name"),
        ({"": "3"}, "beginning with a letter"),
        ({"a" * 41: "3"}, "at most 40"),
        ({"ü": "3"}, "ASCII"),
        ({"x": "1", "X": "2"}, "'X' is given twice"),
        ({"x": "y + 1"}, "The value of x, 'y + 1', is not understood"),
        ({"x": ""}, "The value of x, '', is not understood"),
        ({f"x{number}": "1" for number in range(51)}, "51 variables, and at most 50"),
    ],
)
def test_variables_are_checked(variables: dict[str, str], wrong: str) -> None:
    with pytest.raises(ToolError) as refused:
        calculate("1", variables)
    assert wrong in str(refused.value)


def test_parentheses_alone_may_nest_as_deep_as_the_length_allows() -> None:
    assert calculate("(" * 499 + "7" + ")" * 499).exact == "7"


HOSTILE = [
    "9**9**9",
    "*".join(["9^4e3/7^4e3"] * 80),
    "+".join(["(9^4000) mod (7^4000)"] * 40),
    "+".join(["(2^13000)^(1/1000)"] * 50),
    "+".join(["round(9^3e3/7, 1000)"] * 40),
    "+".join(["ln(1e4000)"] * 80) + "+floor(sqrt(2)^2)",
    "floor(sqrt(2)^2)+" + "+".join(["pi^999"] * 130),
    f"min({', '.join(['pi'] * 240)})",
    "(1+1e-900)^4+" * 70 + "1",
    "pi^1e3000",
    "2^" * 400 + "2",
    "(" * 1000,
    "max" * 330,
    "+".join(["sin(1e3000)"] * 80),
    "+".join(["comb(13000,6500)"] * 60),
    "+".join(["1400!"] * 160),
    f"lcm({', '.join(['7^4000', '3^4000', '9e3000'] * 20)})",
    f"gcd({', '.join(['7^4000', '3^4000'] * 30)})",
    "+".join(["1/(7^4700)"] * 90),
    "2pi " * 249,
    "tan(" * 50 + "1e3999" + ")" * 50,
    "0" + "!" * 900,
]


def test_products_of_what_may_be_zero_are_not_written_out() -> None:
    started = time.thread_time()
    with pytest.raises(ToolError, match="20 ms of estimated work"):
        calculate("*".join(["(sqrt(2)^2-2)"] * 60), digits=1000)
    assert time.thread_time() - started < 0.25


@pytest.mark.parametrize("expression", HOSTILE, ids=[one[:20] for one in HOSTILE])
def test_nothing_takes_long(expression: str) -> None:
    started = time.thread_time()
    with contextlib.suppress(ToolError):
        calculate(expression)
    assert time.thread_time() - started < 0.25  # five times the 50 ms that are meant: machines differ
