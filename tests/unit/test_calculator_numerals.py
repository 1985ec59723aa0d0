"""Numbers as text: read as people write them, written exactly and rounded."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolservers.calculator.limits import MAX_DIGITS
from toolservers.calculator.numerals import comma_warning, exact_text, read_number, rounded_text
from toolward.errors import ToolError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", "42"),
        (" -1,234,567.50 ", "-1234567.5"),
        ("−５．２５", "-5.25"),
        ("٣", "3"),
        (".5", "1/2"),
        ("5.", "5"),
        ("1.5E-3", "0.0015"),
        ("+ 22 / 7", "22/7"),
        ("-1/-3", "1/3"),
        ("1e4000", "1" + "0" * 4000),
    ],
)
def test_numbers_as_people_write_them(text: str, value: str) -> None:
    assert read_number(text) == Fraction(value)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "write one"),
        ("1,5", "decimal sign is a point"),
        ("1.234,50", "decimal sign is a point"),
        ("1,2345", "decimal sign is a point"),
        ("1 234", "leave out what separates"),
        ("1_000", "leave out what separates"),
        ("15%", "0.15 for 15%"),
        ("$5", "without a unit or a currency"),
        ("5²", "digits alone"),
        ("nan", "digits alone"),
        ("1/0", "another denominator"),
        ("1e4001", "4,000 digits"),
        ("1e-99999999999999", "4,000 digits"),
        ("9" * 4002, "4,000 digits"),
        ("1e4000/1e-4000", "4,000 digits"),
        ("1" * 9000, "characters"),
    ],
)
def test_what_is_no_number_is_refused_by_name(text: str, remedy: str) -> None:
    with pytest.raises(ToolError, match="The value of x") as refused:
        read_number(text, "the value of x")
    assert remedy in str(refused.value)
    assert len(str(refused.value)) < 250


def test_one_comma_may_have_been_meant_as_the_decimal_sign() -> None:
    assert comma_warning(" -1,234") == "-1,234 was read as -1234; for a decimal, write -1.234."
    assert [comma_warning(text) for text in ("1,234.5", "1,234,567", "1234", "0.5")] == [None] * 4


@pytest.mark.parametrize(
    ("value", "digits", "exact", "rounded"),
    [
        ("0", 50, "0", "0"),
        ("-7/2", 1, "-3.5", "-4"),
        ("5/2", 1, "2.5", "3"),
        ("1/3", 5, "1/3", "0.33333"),
        ("12345678", 3, "12345678", "1.23E+7"),
        ("100", 50, "100", "100"),
        ("1e-21", 50, "0." + "0" * 20 + "1", "1E-21"),
        ("-2/3000", 4, "-1/1500", "-0.0006667"),
        ("1e60", 50, "1" + "0" * 60, "1E+60"),
    ],
)
def test_values_are_written_exactly_and_rounded(value: str, digits: int, exact: str, rounded: str) -> None:
    assert exact_text(Fraction(value)) == exact
    assert rounded_text(Fraction(value), digits) == rounded


def test_a_value_over_the_limit_has_no_exact_text() -> None:
    assert exact_text(Fraction(10) ** (MAX_DIGITS + 2)) is None
    assert rounded_text(Fraction(10) ** (MAX_DIGITS + 2)) == f"1E+{MAX_DIGITS + 2}"


@given(st.fractions(), st.integers(1, 60))
def test_what_is_written_is_read_again(value: Fraction, digits: int) -> None:
    exact = exact_text(value)
    assert exact is not None
    assert read_number(exact) == value
    rounded = read_number(rounded_text(value, digits))
    assert 2 * abs(rounded - value) * 10 ** (digits - 1) <= abs(value)
    assert rounded_text(Decimal(rounded_text(value, digits)), digits) == rounded_text(value, digits)
