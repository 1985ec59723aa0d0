"""How well a ranking answers a question whose relevant documents are known, and how sure a mean of that is.

A ranking is document ids, the best first; one that is named twice counts where it stands first. Grades say how
relevant a document is: 0 or absent is not, and a greater one is more so.
"""

import random
from collections.abc import Mapping, Sequence
from math import log2
from typing import NamedTuple

DEPTH = 10
"""Results that are looked at: more than a model or a person reads."""

RESAMPLES = 2_000
LEVEL = 0.95


class Interval(NamedTuple):
    """A mean, and the range that it lies in with a probability of `LEVEL`."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def ndcg(ranking: Sequence[str], grades: Mapping[str, int], depth: int = DEPTH) -> float:
    """Normalised discounted cumulative gain, 0 to 1, with the grade itself as the gain and log2(place + 1) as the
    discount (Järvelin and Kekäläinen 2002, as trec_eval's ndcg_cut computes it)."""
    best = sorted(_relevant(grades).values(), reverse=True)
    found = [grades.get(document, 0) for document in _first(ranking, depth)]
    return _discounted(found) / _discounted(best[:depth])


def recall(ranking: Sequence[str], grades: Mapping[str, int], depth: int = DEPTH) -> float:
    """The share of the relevant documents that are among the first `depth`, 0 to 1. With more relevant ones than
    `depth` it cannot be 1, as in trec_eval."""
    relevant = _relevant(grades)
    return sum(document in relevant for document in _first(ranking, depth)) / len(relevant)


def reciprocal_rank(ranking: Sequence[str], grades: Mapping[str, int], depth: int = DEPTH) -> float:
    """1 / place of the first relevant document; 0 where none is among the first `depth`."""
    relevant = _relevant(grades)
    places = (place for place, document in enumerate(_first(ranking, depth), 1) if document in relevant)
    return 1 / next(places, float("inf"))


def interval(values: Sequence[float], resamples: int = RESAMPLES, seed: int = 1) -> Interval:
    """The mean of one value for each question, by the percentile bootstrap over questions (Efron 1979); the same
    values give the same interval every time. Raises ValueError for no values."""
    if not values:
        raise ValueError("There is no value to take a mean of.")
    draw, count = random.Random(seed), len(values)  # noqa: S311 -- a sample that anybody may repeat
    means = sorted(sum(draw.choices(values, k=count)) / count for _ in range(resamples))
    outside = (1 - LEVEL) / 2
    low, high = means[int(outside * resamples)], means[min(int((1 - outside) * resamples), resamples - 1)]
    return Interval(sum(values) / count, low, high)


def difference(one: Sequence[float], other: Sequence[float], resamples: int = RESAMPLES) -> Interval:
    """What `one` has more than `other`, question by question (paired): a range without 0 is a real difference.
    Raises ValueError where they are not of the same questions."""
    return interval([a - b for a, b in zip(one, other, strict=True)], resamples)


def _first(ranking: Sequence[str], depth: int) -> list[str]:
    return list(dict.fromkeys(ranking))[:depth]


def _relevant(grades: Mapping[str, int]) -> dict[str, int]:
    relevant = {document: grade for document, grade in grades.items() if grade > 0}
    if not relevant:
        raise ValueError("A question without a relevant document has no such measure.")
    return relevant


def _discounted(gains: Sequence[int]) -> float:
    return sum(max(gain, 0) / log2(place + 1) for place, gain in enumerate(gains, 1))
