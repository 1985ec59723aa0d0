"""What is asked: for each tool what it answers and what it refuses, some of each as large as is let in."""

from random import Random
from typing import Any, NamedTuple

Arguments = dict[str, Any]

LARGEST = "10,000 numbers"


class Question(NamedTuple):
    tool: str
    what: str
    refused: bool
    calls: list[Arguments]


_RANDOM = Random(9)
_MONEY = [f"{_RANDOM.randint(1, 10**7) / 100:.2f}" for _ in range(10_000)]
_BERLIN = "Europe/Berlin"


def questions() -> list[Question]:
    return [
        Question("calculate", "what people ask", False, _each("expression", _EXPRESSIONS)),
        Question("calculate", "1,000 digits", False, [{"expression": "exp(pi) * sin(2)", "digits": 1000}]),
        Question("calculate", "not understood", True, _each("expression", _NOT_UNDERSTOOD)),
        Question("calculate", "over a limit", True, _each("expression", _OVER_A_LIMIT)),
        Question("convert_units", "what people ask", False, [_conversion(*one) for one in _CONVERSIONS]),
        Question("convert_units", "refused", True, [_conversion(*one) for one in _NO_CONVERSIONS]),
        Question("compute_dates", "what people ask", False, _DATES),
        Question("compute_dates", "refused", True, _NO_DATES),
        Question(
            "analyze_numbers", "10 numbers", False, [{"numbers": _MONEY[at : at + 10]} for at in range(50)]
        ),
        Question("analyze_numbers", "1,000 numbers", False, [{"numbers": _MONEY[:1000]}]),
        Question("analyze_numbers", LARGEST, False, [{"numbers": _MONEY}]),
        Question("analyze_numbers", "refused", True, _NO_NUMBERS),
    ]


def _each(name: str, values: list[str]) -> list[Arguments]:
    return [{name: value} for value in values]


def _conversion(value: str, from_unit: str, to_unit: str) -> Arguments:
    return {"value": value, "from_unit": from_unit, "to_unit": to_unit}


_EXPRESSIONS = [
    "0.1 + 0.2",
    "15% of 84.80",
    "200 + 10%",
    "round(1,234.50 / 7, 2)",
    "(1 + 2) * 3^4 - 5/6",
    "sqrt(2)",
    "2^0.5 * ln(10)",
    "1500 * (1 + 4.5%/12)^360",
    "2^4000",
    "sin(30 deg) + cos(1)",
]
_NOT_UNDERSTOOD = ["1 +", "2 apples", "fortnight(3)", "(((1)", "8 % 3", "1/0", "sqrt(-1)"]
_OVER_A_LIMIT = ["9^9^9", "2^100000", "1e5000", "-" * 100 + "1", "1+" * 499 + "1" * 5]
_CONVERSIONS = [
    ("100", "km/h", "mph"),
    ("20", "degC", "degF"),
    ("1", "UK gal", "l"),
    ("5", "MiB", "kB"),
    ("1", "lbf", "kg m/s^2"),
    ("1.5", "cup", "ml"),
]
_NO_CONVERSIONS = [("1", "kg", "m"), ("1", "EUR", "USD"), ("1", "frobs", "m"), ("x", "m", "ft")]
_DATES: list[Arguments] = [
    {"start": "2026-01-31", "add": "1 month 3 days"},
    {"start": "2026-11-26", "add": "45 business days", "holidays": ["2026-12-25", "2027-01-01"]},
    {"start": "2026-03-28T02:30", "add": "P1D", "zone": _BERLIN},
    {"start": "2026-11-26T10:00", "zone": _BERLIN, "to_zone": "Asia/Tokyo"},
    {"start": "1990-05-17", "until": "2026-11-26"},
    {"start": "2026-11-26T10:00Z", "until": "2027-03-31 18:00 America/New_York"},
]
_NO_DATES: list[Arguments] = [
    {"start": "03/04/2026"},
    {"start": "today", "add": "1 day"},
    {"start": "2026-02-30"},
    {"start": "2026-11-26T10:00Z", "to_zone": "Europe/Berln"},
    {"start": "2026-11-26", "add": "99999999999 days"},
]
_NO_NUMBERS: list[Arguments] = [
    {"numbers": []},
    {"numbers": [*_MONEY[:999], "three"]},
    {"numbers": ["1", "1e999999999"]},
    {"numbers": ["1e3000"] * 400},
]
