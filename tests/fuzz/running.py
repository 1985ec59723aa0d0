"""Hypothesis as a source of inputs: so many of them, from a seed, no state between two runs."""

from collections.abc import Callable
from typing import TypeVar, cast

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")


def given_each(
    strategy: SearchStrategy[T],
    use: Callable[[T], None],
    inputs: int,
    seed: int,
) -> None:
    """What `use` raises is raised with the smallest input that is found for it."""

    bounded = settings(
        max_examples=inputs,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=cast(list[HealthCheck], list(HealthCheck)),
        print_blob=False,
    )
    hypothesis.seed(seed)(bounded(hypothesis.given(strategy)(use)))()
