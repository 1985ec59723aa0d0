"""Long work in short steps: a generator that yields wherever others may be let through, and returns the result.

The core decides what a step is; whoever drives it decides when to go on, so nothing here needs a clock.
"""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]


def at_once(steps: Steps[T]) -> T:
    """The result, with all steps made in a row."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
