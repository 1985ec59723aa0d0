"""All doors of a gateway, fuzzed: `python -m tests.fuzz [--inputs 60000] [--seed N]`. Ends with 1 at a finding.

The same seed gives the same inputs, but for how the network cuts them.
"""

import argparse
import asyncio
import logging
import random
import sys
import time

from tests.fuzz.differential import differences
from tests.fuzz.doors import DOORS, SHORT_WAY
from tests.fuzz.house import Finding, House, opened


class Progress:
    def __init__(self, name: str, inputs: int) -> None:
        self._name, self._inputs, self.done = name, inputs, 0
        self._started = self._told = time.monotonic()

    def __call__(self) -> None:
        self.done += 1
        if time.monotonic() - self._told > 5:
            self._told = time.monotonic()
            self.tell()

    def tell(self) -> None:
        seconds = time.monotonic() - self._started
        print(f"{self._name:5} {self.done:6,} of {self._inputs:,} in {seconds:.0f} s", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    told = parser.parse_args()
    print(f"seed {told.seed}", flush=True)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    try:
        with opened() as house:
            sent = sum(_at(house, name, told.inputs, told.seed) for name in DOORS)
        short = Progress("short", int(told.inputs * SHORT_WAY))
        taken = asyncio.run(differences(int(told.inputs * SHORT_WAY), told.seed, short))
        short.tell()
    except Finding as finding:
        print(f"FOUND {finding}\n  with --seed {told.seed}", file=sys.stderr)
        return 1
    print(
        f"{sent + short.done:,} inputs, nothing found; {taken:,} requests went the short way as the parser's would"
    )
    return 0


def _at(house: House, name: str, inputs: int, seed: int) -> int:
    fuzz, share = DOORS[name]
    house.progress = progress = Progress(name, int(inputs * share))
    try:
        fuzz(house, int(inputs * share), seed)
    except* Finding as found:
        raise _first(found) from None
    progress.tell()
    house.check()
    now = house.held()
    print(f"      let go of all; {now['rss'] >> 20} MiB, {house.baseline['rss'] >> 20} before", flush=True)
    return progress.done


def _first(found: BaseExceptionGroup[Finding]) -> Finding:
    for one in found.exceptions:
        return one if isinstance(one, Finding) else _first(one)
    raise AssertionError("an empty group")


if __name__ == "__main__":
    sys.exit(main())
