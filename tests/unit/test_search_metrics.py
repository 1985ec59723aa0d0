"""The measures of a ranking: against values worked out by hand, and their bounds."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolservers.search.evaluation.metrics import (
    DEPTH,
    difference,
    interval,
    ndcg,
    recall,
    reciprocal_rank,
)

GRADES = {"a": 3, "b": 2, "c": 1, "z": 0}
IDEAL = 3 / log2(2) + 2 / log2(3) + 1 / log2(4)


@pytest.mark.parametrize(
    ("ranking", "gain", "found", "first"),
    [
        ("abc", 1.0, 1.0, 1.0),
        ("cba", (1 + 2 / log2(3) + 3 / 2) / IDEAL, 1.0, 1.0),
        ("xa", 3 / log2(3) / IDEAL, 1 / 3, 1 / 2),
        ("aaaa", 3 / IDEAL, 1 / 3, 1.0),  # named again, it is not found again
        ("z", 0.0, 0.0, 0.0),
        ("", 0.0, 0.0, 0.0),
        ("0123456789a", 0.0, 0.0, 0.0),  # below the depth
    ],
)
def test_a_ranking_is_measured(ranking: str, gain: float, found: float, first: float) -> None:
    assert ndcg(ranking, GRADES) == pytest.approx(gain)
    assert recall(ranking, GRADES) == pytest.approx(found)
    assert reciprocal_rank(ranking, GRADES) == first


@given(
    st.lists(st.sampled_from("abcdefghijklmnop")),
    st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.integers(1, 4), min_size=1),
)
def test_every_measure_is_between_0_and_1_and_the_best_ranking_has_1(
    ranking: list[str], grades: dict[str, int]
) -> None:
    for measure in (ndcg, recall, reciprocal_rank):
        assert 0 <= measure(ranking, grades) <= 1 + 1e-9
    best = sorted(grades, key=lambda document: -grades[document])
    assert ndcg(best, grades) == pytest.approx(1)
    assert recall(best, grades) == pytest.approx(min(DEPTH, len(grades)) / len(grades))


def test_a_question_without_an_answer_has_no_measure() -> None:
    with pytest.raises(ValueError, match="without a relevant document"):
        ndcg("abc", {"z": 0})


def test_an_interval_holds_its_mean_and_narrows_with_more_questions() -> None:
    few, many = interval([0.0, 1.0] * 10), interval([0.0, 1.0] * 200)
    assert few == interval([0.0, 1.0] * 10)
    assert few.low < few.mean == 0.5 < few.high
    assert many.high - many.low < (few.high - few.low) / 3
    # The normal approximation of the same: 1.96 standard errors on either side.
    assert many.high - many.low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.1)


def test_a_small_but_steady_difference_is_told_from_chance() -> None:
    values = [(place * 37 % 100) / 100 for place in range(100)]
    assert difference([value + 0.01 for value in values], values).low > 0
    assert difference(values, values[::-1]).low < 0 < difference(values[::-1], values).high
    with pytest.raises(ValueError, match="zip"):
        difference(values, values[1:])
