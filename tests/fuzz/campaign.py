"""One check made of many random cases, at the command line."""

import argparse
import time
from collections.abc import Callable
from random import Random


def campaign(module: str, what: str, about: str | None, check: Callable[[Random], None]) -> None:
    """Raises what `check` raises at the first difference; else says how many cases there were, of which seed."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    began = time.monotonic()
    random = Random(given.seed)
    for _ in range(given.count):
        check(random)
    took = time.monotonic() - began
    print(f"{given.count:,} {what}, seed {given.seed}: no difference, {took:.0f} s")
