"""How the calculator understood what it was given, and what it says that it assumed."""

import pytest

from toolservers.calculator.expressions.calculate import calculate

UNDERSTOOD = [
    ("-2^2", "-(2^2)"),
    ("2^-1^2", "2^(-(1^2))"),
    ("200+10%", "200 * (1 + 10%)"),
    ("200 - 10% - 5%", "200 * (1 - 10%) * (1 - 5%)"),
    ("100+50+10%", "(100 + 50) * (1 + 10%)"),
    ("10% of 200 + 1", "(10% of 200) + 1"),
    ("1,234.50*2", "1234.50 * 2"),
    ("MAX(1,2)", "max(1, 2)"),
    ("3 + (-5%)", "3 * (1 + (-5%))"),
    ("1/2x", "(1 / 2) * 3"),
    ("2x y", "2 * 3 * (-1/7)"),
    ("price - x!", "(-1.5) - (3!)"),
    ("(10%)°", "(10%)°"),
    ("sin(30 deg)", "sin(30°)"),
    ("10% off 80", "10% off 80"),
    ("2³", "2^3"),
    ("long", "long"),
]

GIVEN = {"x": "3", "y": "-1/7", "price": "-1.5", "long": "1" * 70}


@pytest.mark.parametrize(("expression", "understood"), UNDERSTOOD)
def test_the_result_says_how_the_expression_was_understood(expression: str, understood: str) -> None:
    assert calculate(expression, GIVEN).expression == understood


WARNED: list[tuple[str, list[str]]] = [
    ("2 + 3 * 4", []),
    ("2pi", ["A multiplication was read where no operator stands: position 2."]),
    ("2(3) + (4)(5)", ["A multiplication was read where no operator stands: position 3, 12."]),
    (
        "1/2pi",
        [
            "The multiplication that is not written (position 4) binds as * does; for the other reading write "
            "`/ (2 * pi)`."
        ],
    ),
    (
        "2^3pi",
        [
            "The multiplication that is not written (position 4) binds as * does; for the other reading write "
            "`2^(3 * pi)`."
        ],
    ),
    ("2²pi", ["A multiplication was read where no operator stands: position 3."]),
    ("200+10%", ["10% at position 4 was taken of all that stands before it."]),
    ("200 * 10%", []),
    ("8% -3", ["8% is 0.08 here; for the remainder write `mod`."]),
    ("10% + 5%", []),
    ("0^0", ["0^0 is 1 here."]),
    ("-7 mod 3", ["mod has the sign of the divisor: -7 mod 3 is 2."]),
    ("7 mod 3", []),
    ("1,234 + 1", ["1,234 was read as 1234; for a decimal, write 1.234."]),
    ("1,234.5 + 1,234,567", []),
    ("sin(30)", ["sin takes radians; for degrees write `sin(30 deg)`."]),
    ("cos(1.5) + tan(pi) + sin(90°)", []),
    ("acos(0.3)", ["acos gives radians; for degrees write `acos(...) / deg`."]),
    ("acos(0.3)/deg", []),
]


@pytest.mark.parametrize(("expression", "warnings"), WARNED)
def test_what_was_assumed_is_said(expression: str, warnings: list[str]) -> None:
    assert calculate(expression).warnings == warnings


def test_warnings_are_few_whatever_is_written() -> None:
    every = "1,234 + 10% + 2pi + 1/2e + 0^0 + -7 mod 3 + sin(30) + acos(0.3) + 2^3e"
    warnings = calculate(" + ".join([every] * 10), {f"unused{number}": "1" for number in range(50)}).warnings
    assert len(warnings) == 8
    assert max(map(len, warnings)) < 150
    assert warnings[-1] == "Not used: unused0, unused1, unused10, unused11, unused12, ..."


def test_a_comma_in_a_variable_may_be_a_decimal_sign() -> None:
    assert calculate("x", {"x": "1,234"}).warnings == ["1,234 was read as 1234; for a decimal, write 1.234."]
