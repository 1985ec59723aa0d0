"""Numbers as text, in and out of every tool: what people write, the exact value, and the rounded one."""

import re
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact
from fractions import Fraction

from toolservers.calculator.limits import DIGITS_SHOWN, MAX_DIGITS
from toolservers.calculator.ordinary import ordinary
from toolward.errors import ToolError

PLAIN = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?"
"""A number without a sign, once `ordinary` has brought its digits to ASCII and its letters to lower case."""

_NUMBER = re.compile(rf"([+-]?)\s*({PLAIN})(?:\s*/\s*([+-]?)({PLAIN}))?")
_ONE_COMMA = re.compile(r"[1-9]\d{0,2},\d{3}")
_LONGEST_TEXT = 2 * MAX_DIGITS + 100  # an exact fraction that a tool gave can be handed back
_LONGEST_DECIMAL = 1000  # digits, beyond which a fraction is shown as one
_SMALLEST_IN_FULL = -20  # the exponent of ten below which a rounded value is shown with an exponent


def read_number(text: str, what: str = "the number") -> Fraction:
    """The exact value of a number as people write it: `-1,234.5`, `1.5e3`, `22/7`, in any script's digits.

    `what` names the number in the ToolError that says what is wrong and what to write.
    """
    if len(text) > _LONGEST_TEXT:
        raise ToolError(
            f"{_titled(what)} has {len(text):,} characters, and at most {_LONGEST_TEXT:,} are taken; round it."
        )
    plain = ordinary(text).strip()
    parts = _NUMBER.fullmatch(plain)
    if parts is None:
        raise ToolError(f"{_titled(what)}, {_shown(text)}, is not understood; {_remedy(plain)}.")
    sign, top, under_sign, bottom = parts.groups()
    value = plain_number(top, what)
    if bottom is not None:
        divisor = plain_number(bottom, what)
        if not divisor:
            raise ToolError(f"{_titled(what)}, {_shown(text)}, divides by zero; write another denominator.")
        value /= divisor
    _check_digits(value, what)
    return -value if (sign == "-") != (under_sign == "-") else value


def plain_number(text: str, what: str) -> Fraction:
    """The value of a text that PLAIN matches. Raises ToolError for one of more than MAX_DIGITS digits, before
    it is made: `1e999999999` is short to write and long to compute."""
    digits, _, exponent = text.replace(",", "").partition("e")
    zeros = int(exponent) if exponent and len(exponent) < 8 else 0
    if len(exponent) >= 8 or abs(zeros) > MAX_DIGITS or len(digits) > MAX_DIGITS + 1:
        raise _too_long(what)
    whole, _, after = digits.partition(".")
    value = Fraction(int(whole + after), 10 ** len(after))
    return value * 10**zeros if zeros >= 0 else value / 10**-zeros


def comma_warning(text: str) -> str | None:
    """What to say of a number such as `1,234`, which elsewhere is written for 1.234."""
    if not _ONE_COMMA.fullmatch(ordinary(text).strip().lstrip("+-")):
        return None
    plain = ordinary(text).strip()
    return f"{plain} was read as {plain.replace(',', '')}; for a decimal, write {plain.replace(',', '.')}."


def exact_text(value: Fraction) -> str | None:
    """An integer, a terminating decimal, or a fraction `a/b`; None beyond MAX_DIGITS digits."""
    if _length(value) > MAX_DIGITS:
        return None
    # Python's decimal keeps a quotient's digits to the last where there is a last.
    context = Context(len(str(abs(value.numerator))) + _LONGEST_DECIMAL, traps=[Inexact])
    try:
        return f"{context.divide(Decimal(value.numerator), Decimal(value.denominator)):f}"
    except Inexact:
        return f"{value.numerator}/{value.denominator}"


def rounded_text(value: Fraction | Decimal, digits: int = DIGITS_SHOWN) -> str:
    """At most `digits` significant digits, halves away from zero: in full where that is readable, else with
    an exponent, as `1.0715E+301`."""
    context = Context(digits, ROUND_HALF_UP)
    if isinstance(value, Fraction):
        value = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    rounded = value.normalize(context)
    if not rounded:
        return "0"
    in_full = _SMALLEST_IN_FULL <= rounded.adjusted() <= digits
    return f"{rounded:f}" if in_full else f"{rounded:E}"


def _check_digits(value: Fraction, what: str) -> None:
    if _length(value) > MAX_DIGITS:
        raise _too_long(what)


def _length(value: Fraction) -> int:
    """Digits of the longer of numerator and denominator, one too few at most."""
    return int(max(value.numerator.bit_length(), value.denominator.bit_length()) * 0.30103)


def _too_long(what: str) -> ToolError:
    return ToolError(
        f"{_titled(what)} has more than {MAX_DIGITS:,} digits, which is the limit; use fewer, or a smaller "
        "exponent."
    )


def _titled(what: str) -> str:
    return what[:1].upper() + what[1:]


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def _remedy(plain: str) -> str:
    if not plain:
        return "write one, such as 1234.5"
    if "," in plain and plain.replace(",", "").replace(".", "").lstrip("+-").isdigit():
        return "the decimal sign is a point, and commas separate thousands as in 12,345.67"
    if any(sign in plain for sign in " _'’") and plain.strip("+-0123456789., _'’") == "":
        return "leave out what separates thousands, or write commas: 12,345.67"
    if plain.endswith("%"):
        return "write a percentage as a number: 0.15 for 15%"
    return "write digits alone, such as 1234.5, -0.25, 1.5e3 or 22/7, without a unit or a currency"
