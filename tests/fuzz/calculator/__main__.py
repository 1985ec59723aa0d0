"""`python -m tests.fuzz.calculator [--count 100000] [--seed N] [--only NAME]`.

Ends with 1 at a difference that is not explained.

1. `count` expressions against an evaluator over `fractions` and mpmath.
2. `count` hostile inputs: nothing but a result or a ToolError, none over its bound of time.
3. As many, or the share of them that there is time for, against each of `qalc`, `bc` and `units` that is installed.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from tests.fuzz.calculator.agreement import Difference, agree
from tests.fuzz.calculator.hostile import attack
from tests.fuzz.calculator.programs import PROGRAMS, beside

_PARTS = 50
_SMALLEST_PART = 200


def main() -> int:
    campaigns = {"reference": agree, "hostile": attack} | {
        program.name: partial(beside, program) for program in PROGRAMS
    }
    shares = {program.name: program.share for program in PROGRAMS}
    missing = [program.name for program in PROGRAMS if not program.installed()]
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", choices=campaigns)
    told = parser.parse_args()
    print(f"seed {told.seed}; not installed: {', '.join(missing) or 'none'}", flush=True)
    try:
        for name, run in campaigns.items():
            if name not in missing and told.only in (None, name):
                _campaign(name, run, int(told.count * shares.get(name, 1)), told.seed)
    except Difference as difference:
        print(f"FOUND {difference}\n  with --seed {told.seed}", file=sys.stderr)
        return 1
    return 0


def _campaign(name: str, run: Callable[[int, int], Counter[str]], count: int, seed: int) -> None:
    started, told = time.monotonic(), time.monotonic()
    found: Counter[str] = Counter()
    size = max(_SMALLEST_PART, count // _PARTS)
    for part in range(0, count, size):
        found.update(run(min(size, count - part), seed + part))
        if time.monotonic() - told > 20:
            told = time.monotonic()
            print(f"{name}: {min(part + size, count):,} of {count:,}", flush=True)
    shown = ", ".join(f"{kind} {number:,}" for kind, number in found.most_common())
    print(f"{name}: {count:,} in {time.monotonic() - started:.0f} s: {shown}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
