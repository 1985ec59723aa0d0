"""Chance that is the same everywhere: from a seed, by nothing but `Random.random`, which Python promises."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Chance:
    def __init__(self, seed: str) -> None:
        self._next = Random(seed).random  # noqa: S311 -- a made-up world, not a secret

    def below(self, end: int) -> int:
        return int(self._next() * end)

    def between(self, first: int, last: int) -> int:
        return first + int(self._next() * (last - first + 1))

    def happens(self, percent: float) -> bool:
        return self._next() * 100 < percent

    def one(self, of: Sequence[T]) -> T:
        return of[int(self._next() * len(of))]
