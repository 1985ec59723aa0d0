"""The calculator's values: a table of exact ones, published digits of real ones, and any number of digits."""

import decimal

import pytest

from toolservers.calculator.expressions.calculate import calculate
from toolservers.calculator.tools import server
from toolward.errors import ToolError
from toolward.types import Principal

CALLER = Principal("test")

EXACT = [
    # numbers as people write them
    ("42", "42"),
    ("0042.500", "42.5"),
    (".5 + 5.", "5.5"),
    ("1,234.50", "1234.5"),
    ("1,234,567 + 1", "1234568"),
    ("1.5e3", "1500"),
    ("2E-3", "0.002"),
    ("9007199254740993", "9007199254740993"),
    ("１２ × ３ − ４ ÷ ２", "34"),
    ("٣ + ٤", "7"),
    ("2 + 2 =", "4"),
    # exactness
    ("0.1+0.2", "0.3"),
    ("(1e16+1)-1e16", "1"),
    ("1/3", "1/3"),
    ("1/3 + 1/3 + 1/3", "1"),
    ("-22/7", "-22/7"),
    ("1/8", "0.125"),
    ("-0.0", "0"),
    ("2^200", str(2**200)),
    # precedence
    ("2 + 3 * 4", "14"),
    ("(2 + 3) * 4", "20"),
    ("10 - 4 - 3", "3"),
    ("100 / 10 / 5", "2"),
    ("-2^2", "-4"),
    ("(-2)^2", "4"),
    ("2^-1^2", "0.5"),
    ("2^3^2", "512"),
    ("2**3**2", "512"),
    ("2 - -3", "5"),
    ("+-+5", "-5"),
    ("8 mod 3", "2"),
    ("-7 mod 3", "2"),
    ("7.5 mod 2", "1.5"),
    # percentages
    ("15%", "0.15"),
    ("15% of 84.80", "12.72"),
    ("15 % of 84.80", "12.72"),
    ("84.80 * 15%", "12.72"),
    ("84.80 + 15%", "97.52"),
    ("200+10%", "220"),
    ("200 - 10% - 5%", "171"),
    ("100 + 50 + 10%", "165"),
    ("100 + 10% + 1", "111"),
    ("10% + 5%", "0.15"),
    ("200 + (10% + 5%)", "230"),
    ("200 + -10%", "180"),
    ("200 + 10% * 5", "200.5"),
    ("10% of 50% of 200", "10"),
    ("-10% of 200", "-20"),
    ("200 / 10% of 50", "40"),
    ("10% of 2^3", "0.8"),
    ("(2 + 3)%", "0.05"),
    ("50 / 20%", "250"),
    ("10% off 80", "72"),
    ("80 - 10%", "72"),
    ("25% off 10% off 200", "135"),
    # functions
    ("sqrt(16)", "4"),
    ("sqrt(4/9)", "2/3"),
    ("sqrt(1,234.5^2)", "1234.5"),
    ("SQRT(9)", "3"),
    ("cbrt(-8)", "-2"),
    ("8^(1/3)", "2"),
    ("(4/9)^1.5", "8/27"),
    ("(7^4000)^(1/1000)", "2401"),
    ("abs(-3.5)", "3.5"),
    ("round(2.5)", "3"),
    ("round(-2.5)", "-3"),
    ("round(2.4999)", "2"),
    ("round(84.805, 2)", "84.81"),
    ("round(1234, -2)", "1200"),
    ("floor(-1/3)", "-1"),
    ("ceil(-1/3)", "0"),
    ("max(1, 2)", "2"),
    ("max(1,2)", "2"),
    ("max(1,234, 5)", "1234"),
    ("min(3, -1, 2)", "-1"),
    ("avg(1, 2, 4)", "7/3"),
    ("ln(1) + exp(0)", "1"),
    ("log10(1000)", "3"),
    ("log10(0.001)", "-3"),
    ("sign(-3) + sign(0) + sign(1/3)", "0"),
    ("trunc(-2.7) + trunc(2.7)", "0"),
    ("root(-27, 3)", "-3"),
    ("root(16/81, 4)", "2/3"),
    ("sum(1, 2, 3) + mean(1, 2)", "7.5"),
    ("hypot(3, 4) + hypot(2, 3, 6)", "12"),
    ("gcd(12, -18, 30)", "6"),
    ("gcd(0, 0)", "0"),
    ("lcm(4, 6, 10)", "60"),
    ("lcm(0, 5)", "0"),
    ("5! + factorial(0)", "121"),
    ("2^3!", "64"),
    ("-3!", "-6"),
    ("comb(52, 5)", "2598960"),
    ("comb(3, 5) + perm(3, 5)", "0"),
    ("comb(1e100, 2)", str(10**100 * (10**100 - 1) // 2)),
    ("perm(10, 3)", "720"),
    ("log2(1/8)", "-3"),
    ("log(8, 4)", "1.5"),
    ("log(1/9, 27)", "-2/3"),
    ("log((1+1e-20)^3, 1+1e-20)", "3"),
    # multiplication that is not written
    ("2(3+4)", "14"),
    ("(1 + 2)(3 + 4)", "21"),
    ("2 sqrt(9) abs(-2)", "12"),
    ("6/2(1+2)", "9"),
    ("2^3(4)", "32"),
    ("-2(3)", "-6"),
    ("5²", "25"),
    ("-5²", "-25"),
    ("2⁻¹", "0.5"),
    ("2^3²", "512"),
    # angles
    ("sin(30°)", "0.5"),
    ("sin(30 deg) - sin(150 degrees)", "0"),
    ("cos(pi) + cos(60°) - cos(0)", "-1.5"),
    ("sin(-390°) + sin(7pi/6)", "-1"),
    ("tan(45°) - tan(135°) + tan(180°)", "2"),
    ("asin(1/2) / deg", "30"),
    ("acos(-1) / pi", "1"),
    ("acos(-0.5)/°", "120"),
    ("atan(-1) / deg", "-45"),
    ("atan2(2, -2)/deg + atan2(-2, -2)/deg", "0"),
    ("atan2(0, -1)/pi + atan2(-3, 0)/pi", "0.5"),
    ("pi/4 - 45°", "0"),
    ("(720° mod 270°) / deg", "180"),
    ("sinh(0) + cosh(0) + tanh(0)", "1"),
    # exact, although on the way it was not
    ("round(sqrt(2), 3)", "1.414"),
    ("ceil(pi) + floor(-pi)", "0"),
    ("min(pi, 3)", "3"),
    ("max(pi, 4, e)", "4"),
    ("0^pi", "0"),
    ("0^0 + pi^0", "2"),
    ("(-1)^1e3001", "1"),
    ("1^pi", "1"),
    ("0 * pi + 0 / e", "0"),
    ("pi / pi + 3pi mod pi", "1"),
    ("floor(pi * 1e3) + round(e, 2)", "3143.72"),
    ("9e3999 - 9e3999", "0"),
]


@pytest.mark.parametrize(("expression", "exact"), EXACT, ids=[expression for expression, _ in EXACT])
def test_exact_values(expression: str, exact: str) -> None:
    result = calculate(expression)
    assert (result.exact, result.is_exact) == (exact, True)


ROUNDED = [  # the digits are those of published tables
    ("sqrt(2)", "1.4142135623730950488016887242096980785696718753769"),
    ("2^0.5", "1.4142135623730950488016887242096980785696718753769"),
    ("pi", "3.1415926535897932384626433832795028841971693993751"),
    ("e", "2.7182818284590452353602874713526624977572470937"),  # the next digits are 000 after rounding
    ("ln(2)", "0.69314718055994530941723212145817656807550013436026"),
    ("-cbrt(2)", "-1.2599210498948731647672106072782283505702514647015"),
    ("1e30 * sqrt(2)", "1414213562373095048801688724209.6980785696718753769"),
    ("sqrt(2)^2", "2"),
    ("tau / 2π", "9.8696044010893586188344909998761511353136994072408"),
    ("phi", "1.6180339887498948482045868343656381177203091798058"),
    ("sin(1)", "0.84147098480789650665250232163029899962256306079837"),
    ("atan(2)", "1.1071487177940905030170654601785370400700476454014"),
    ("cosh(1)", "1.5430806348152437784779056207570616826015291123659"),
    ("tanh(1e4000)", "1"),
    ("log2(10)", "3.3219280948873623478703194294893901758648313930246"),
    ("sqrt(1e-120 + 1) - 1", "5E-121"),  # what cancels is not taken for zero
    ("sin(1e22)", "-0.85220084976718880177270589375302936826176215041004"),
    ("ln(e)", "1"),
    ("e^1000 / e^999", "2.7182818284590452353602874713526624977572470937"),
    ("(1 - sqrt(2))^3", "-0.07106781186547524400844362104849039284835937688474"),
    ("(-pi)^1001 / pi^1001", "-1"),
    ("abs(1 - pi) mod 1", "0.14159265358979323846264338327950288419716939937511"),
]


@pytest.mark.parametrize(("expression", "digits"), ROUNDED)
def test_real_values_have_fifty_right_digits(expression: str, digits: str) -> None:
    result = calculate(expression)
    assert (result.exact, result.decimal, result.is_exact) == (None, digits, False)


def test_what_cannot_be_told_from_zero_is_said_to_be_unproven() -> None:
    result = calculate("sqrt(2)^2 - 2")
    assert (result.exact, result.decimal, result.is_exact) == (None, "0", False)
    assert result.warnings == ["The value is within 10^-4,148 of 0 and is shown as 0, which is not proven."]


def test_cancellation_does_not_show_digits_that_are_noise() -> None:
    assert calculate("(sqrt(2) - 1)^120 * (sqrt(2) + 1)^120").decimal == "1"
    near = calculate("sqrt(10^60 + 1) - 10^30")  # all but the last digits of the first try cancel
    with decimal.localcontext(prec=200):
        wanted = decimal.Decimal(10**60 + 1).sqrt() - 10**30
    assert near.decimal == f"{wanted.normalize(decimal.Context(50)):E}"


def test_long_values_are_shown_rounded_beside_the_exact_ones() -> None:
    big = calculate("2^1000")
    assert (big.exact, big.decimal) == (str(2**1000), f"{decimal.Context(50).create_decimal(2**1000):E}")
    assert calculate("2/3 / 10^30").decimal == "6.6666666666666666666666666666666666666666666666667E-31"


def test_as_many_digits_as_are_asked_for() -> None:
    assert calculate("pi", digits=1).decimal == "3"
    assert calculate("2.5", digits=1).decimal == "3"  # halves go away from zero
    assert calculate("1234", digits=2).decimal == "1.2E+3"
    with decimal.localcontext(prec=1000):
        root = decimal.Decimal(2).sqrt()
    assert calculate("sqrt(2)", digits=1000).decimal == str(root)
    for digits in (0, 1001, -5):
        with pytest.raises(ToolError, match="give a number from 1 to 1,000"):
            calculate("1", digits=digits)


@pytest.mark.parametrize(
    ("expression", "exact"),
    [
        ("price * quantity + VAT%", "2962.8"),
        ("1/2x", "-1.25"),
        ("x^2 - 3x²", "-12.5"),
        ("-x^2", "-6.25"),
        ("share", "1/3"),
    ],
)
def test_variables_are_given_as_numbers(expression: str, exact: str) -> None:
    given = {"price": "1,234.50", "Quantity": "２", "vat": "20", "x": "-2.5", "share": "1/3"}
    assert calculate(expression, given).exact == exact


async def test_the_tool_says_what_it_is() -> None:
    tool, *others = (await server.list_tools(CALLER)).tools
    assert [one.name for one in others] == ["convert_units", "compute_dates", "analyze_numbers"]
    assert all(one.annotations == tool.annotations for one in others)
    assert tool.name == "calculate"
    assert tool.annotations == {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}
    assert tool.input_schema["required"] == ["expression"]
    assert "15% of" in tool.input_schema["properties"]["expression"]["description"]
    assert tool.output_schema is not None
