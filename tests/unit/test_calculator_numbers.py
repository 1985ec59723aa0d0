"""analyze_numbers: figures known from elsewhere, its refusals, and random lists against `statistics`."""

import os
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.numbers import check
from toolservers.calculator.samples.analyze import analyze_numbers
from toolservers.calculator.samples.answer import Figure, Method
from toolward.errors import ToolError

CASES = int(os.environ.get("TOOLWARD_NUMBER_CASES", "100"))


def test_all_figures_of_a_small_list() -> None:
    found = analyze_numbers(["2", "4", "4", "4", "5", "5", "7", "9"], ["90", "12.5%"], digits=10)
    assert found.count == 8
    exact = {
        name: figure.exact
        for name, figure in vars(found).items()
        if isinstance(figure, Figure) and figure.exact
    }
    assert exact == {
        "sum": "40",
        "mean": "5",
        "median": "4.5",
        "min": "2",
        "max": "9",
        "range": "7",
        "variance_sample": "32/7",
        "variance_population": "4",
        "standard_deviation_population": "2",
        "quartile_1": "4",
        "quartile_3": "5.5",
    }
    assert found.modes == ["4"]
    assert found.standard_deviation_sample == Figure(None, "2.138089935")
    assert found.geometric_mean == Figure(None, "4.603215596")
    assert [(one.percent, one.value.exact) for one in found.percentiles] == [("90", "7.6"), ("12.5%", "3.75")]
    assert "n-1" in " ".join(found.definitions)
    assert "Hyndman-Fan 7" in " ".join(found.definitions)
    assert found.warnings == []


# Definitions 7, 6 and 1 of Hyndman and Fan, as R's `quantile(c(15, 20, 35, 40, 50), type=)` has them.
QUARTILES: list[tuple[Method, str, str, str]] = [
    ("inclusive", "20", "40", "29"),
    ("exclusive", "17.5", "45", "26"),
    ("nearest_rank", "20", "40", "20"),
]


@pytest.mark.parametrize(("method", "first", "third", "fortieth"), QUARTILES)
def test_each_method_of_percentiles(method: Method, first: str, third: str, fortieth: str) -> None:
    found = analyze_numbers(["50", "15", "40", "20", "35"], ["40"], method)
    assert found.quartile_1 is not None
    assert found.quartile_3 is not None
    assert (found.quartile_1.exact, found.quartile_3.exact) == (first, third)
    assert found.percentiles[0].value.exact == fortieth


def test_what_floats_get_wrong() -> None:
    found = analyze_numbers(["0.1", "0.2", "0.3"])
    assert (found.sum.exact, found.mean.exact, found.variance_population.exact) == ("0.6", "0.2", "1/150")
    assert analyze_numbers(["1e16", "1", "-1e16"]).sum.exact == "1"
    near = analyze_numbers([f"{10**15}.{n}" for n in (1, 2, 3)])
    assert near.standard_deviation_sample == Figure("0.1", "0.1")
    assert analyze_numbers(["9007199254740993"]).mean.exact == "9007199254740993"


def test_what_has_no_value_is_null_and_says_why() -> None:
    one = analyze_numbers(["7"], method="exclusive")
    assert (one.variance_sample, one.standard_deviation_sample, one.quartile_1) == (None, None, None)
    assert [word for word in ("sample of one", "exclusive") if word in " ".join(one.warnings)] == [
        "sample of one",
        "exclusive",
    ]
    assert (one.modes, one.median.exact, one.variance_population.exact) == (["7"], "7", "0")
    assert analyze_numbers(["1", "2"]).modes == []
    assert analyze_numbers(["-1", "2"]).geometric_mean is None
    assert "was read as" in analyze_numbers(["1,234", "5"]).warnings[0]
    assert analyze_numbers(["2"] * 50 + ["8"] * 50).geometric_mean == Figure("4", "4")
    on_a_tie = analyze_numbers(["617283945061728394506.25", "2469135780246913578025"] * 2000, digits=22)
    assert on_a_tie.geometric_mean is None  # 1234567890123456789012.5, by a product too long to be made
    assert "last digit of the geometric mean" in on_a_tie.warnings[0]
    long = analyze_numbers(["1e-300", "1", "3"])
    assert long.sum.exact is None
    assert "null" in long.warnings[0]


REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"numbers": []}, ["no numbers"]),
    ({"numbers": ["1", "2", "three"]}, ["Number 3", "'three'"]),
    ({"numbers": ["1", "1/0"]}, ["Number 2", "zero"]),
    ({"numbers": ["1", "nan"]}, ["Number 2"]),
    ({"numbers": ["1", "1e999999999"]}, ["Number 2", "4,000 digits"]),
    ({"numbers": ["1"] * 10_001}, ["10,001", "10,000"]),
    ({"numbers": ["1", *["1e3000"] * 400]}, ["1,000,000", "round"]),
    ({"numbers": [f"1/{10**30 + n}" for n in range(1, 500)]}, ["common denominator", "Up to number"]),
    ({"numbers": ["1"], "percentiles": ["101"]}, ["Percentile 1", "0 to 100"]),
    ({"numbers": ["1"], "percentiles": ["x"]}, ["Percentile 1"]),
    ({"numbers": ["1"], "percentiles": ["5", "5" + "0" * 99]}, ["Percentile 2", "shorter"]),
    ({"numbers": ["1"], "percentiles": ["5"] * 51}, ["51", "50"]),
    ({"numbers": ["1", "2", "3"], "percentiles": ["1"], "method": "exclusive"}, ["25 to 75", "inclusive"]),
    ({"numbers": ["1"], "method": "best"}, ["'best'", "nearest_rank"]),
    ({"numbers": ["1"], "digits": 0}, ["`digits`"]),
    ({"numbers": ["1"], "digits": 10**9}, ["1,000"]),
]


@pytest.mark.parametrize(("asked", "said"), REFUSED)
def test_refusals_name_the_number_and_the_limit(asked: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(ToolError) as refused:
        analyze_numbers(**asked)
    for part in said:
        assert part in str(refused.value)


def test_random_lists_agree_with_statistics() -> None:
    random = Random(9)
    for _ in range(CASES):
        check(random)


@given(st.lists(st.text("0123456789.,-−/e+ \u0663\u0000x", max_size=30), min_size=1, max_size=5))
@settings(max_examples=60, deadline=2000)
def test_any_texts_are_analyzed_or_refused(texts: list[str]) -> None:
    try:
        found = analyze_numbers(texts)
    except ToolError as error:
        assert "umber" in str(error)  # noqa: PT017
    else:
        assert found.count == len(texts)
