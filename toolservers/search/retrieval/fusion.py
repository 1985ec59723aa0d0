"""Several rankings made one, without comparing their scores.

Reciprocal-rank fusion (Cormack, Clarke, Büttcher: SIGIR 2009): a passage has 1 / (k + rank) of each ranking that it
stands in, and the greatest sum is best. One that two legs rank well beats one that a single leg ranks first."""

from collections import defaultdict
from collections.abc import Sequence

from toolservers.search.retrieval.legs import Ranked

K = 60
"""The paper's. A smaller one gives the first ranks of each leg more weight."""


def fused(rankings: Sequence[Sequence[Ranked]], limit: int, *, weights: Sequence[float] = ()) -> list[Ranked]:
    """The best `limit`, by passage where scores are equal. `weights` has one number a ranking; without, all count
    alike. A passage that stands in a ranking twice counts there once, at its better place."""
    scores: dict[int, float] = defaultdict(float)
    for ranking, weight in zip(rankings, weights or (1.0,) * len(rankings), strict=True):
        passages = dict.fromkeys(each.passage for each in ranking)
        for rank, passage in enumerate(passages, start=1):
            scores[passage] += weight / (K + rank)
    order = sorted(scores, key=lambda passage: (-scores[passage], passage))
    return [Ranked(passage, scores[passage]) for passage in order[:limit]]
