"""Whether a value stands in a text word for word."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.verbatim import Verbatim, normalise, wanted


def has(text: str, value: str | int | float) -> bool:
    sought = wanted(value)
    return sought is not None and Verbatim(text).has(sought)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Refund PAY-5007, please.", "PAY-5007"),
        ("refund PAY-5007...", "pay-5007"),
        ("(PAY-5007)", "PAY-5007"),
        ("'PAY-5007'", "PAY-5007"),
        ("the payment:PAY-5007", "PAY-5007"),
        ("ticket #5007", "5007"),
        ("Write to ann@x.example.", "ann@x.example"),
        ("New   \n York", "new york"),
        ("ＰＡＹ－5007", "PAY-5007"),
        ("返金PAY-5007を", "PAY-5007"),
        ("STRASSE", "straße"),
        ('{"note":"first\\nPAY-5007"}', "PAY-5007"),
        ('{"name":"Ren\\u00e9e"}', "Renée"),
        ('{"said":"the \\"best\\" one"}', 'the "best" one'),
        ('{"note":"cut off in PAY-5007\\n', "PAY-5007"),
        ("1500 and 50", 50),
        ("50.", 50),
        ("It is 5000.0 now", 5000),
        ('{"amount":5000}', 5000.0),
        ('{"amount":5000}', "5000"),
        ('{"amount":"5000"}', 5000),
        ("0.50", 0.5),
        ("minus -7", -7),
        ("$50", 50),
    ],
)
def test_what_stands_there_is_found(text: str, value: str | float) -> None:
    assert has(text, value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1500", "50"),
        ("50.01", "50"),
        ("50.01", 50),
        ("1,500", 500),
        ("12-50", 50),
        ("-50", 50),
        ("12:30", 30),
        ("3.5.1", 3.5),
        ("007", 7),
        ("7", "007"),
        ("5000EUR", 5000),
        ("XPAY-5007", "PAY-5007"),
        ("PAY-50071", "PAY-5007"),
        ("PAY-5007-B", "PAY-5007"),
        ("PAY-5007/PAY-5008", "PAY-5007"),
        ("evil.x.example", "x.example"),
        ("x.example.evil", "x.example"),
        ("eve@x.example", "x.example"),
        (".env", "env"),
        ("../notes", "notes"),
        ("https://x.example/a", "a"),
        ("don't", "don"),
        ("PAY-5007\u200b1", "PAY-5007"),
        ("e\u0301tat", "e"),
        ('{"name":"caf\\u00e9"}', "caf"),
        ("PAY- 5007", "PAY-5007"),
    ],
)
def test_a_part_of_something_longer_is_not(text: str, value: str | float) -> None:
    assert not has(text, value)


@pytest.mark.parametrize("value", ["", "  ", "-", "...", "\n", float("inf"), float("nan"), 1e300])
def test_what_says_nothing_is_looked_for_nowhere(value: str | float) -> None:
    assert wanted(value) is None


@given(st.text())
def test_normalising_is_idempotent(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(), st.text(), st.text())
def test_a_text_between_spaces_is_found_escaped_or_not(before: str, value: str, after: str) -> None:
    if wanted(value) is None or "\\" in before or '"' in before:
        return
    assert has(f"{before} {value} {after}", value)
    assert has(json.dumps({"a": f" {value} "}), value)


@given(st.integers(-(10**12), 10**12))
def test_numbers_compare_by_value(number: int) -> None:
    for written in (f"{number}", f"{number}.0", f"x {number}.00 y"):
        assert has(written, number)
        assert has(written, float(number))
        assert has(written, f"{number}")
    assert not has(f"{number}7", number)
    assert not has(f"{number}.5", number)


@pytest.mark.parametrize(
    "text", ['"' + '\\"' * 10_000, "1" * 20_000, "1 " * 10_000, '"\\' * 10_000, "é1" * 10_000]
)
def test_no_text_costs_much(text: str) -> None:
    began = time.thread_time()
    for value in ("1", "é", "PAY-5007", 11):
        has(text, value)
    assert time.thread_time() - began < 0.5
