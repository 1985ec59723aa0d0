"""`python -m benchmarks.runs [--rounds 5] [--json]`: takes about a minute.

What durable runs cost over the real ledger on a file: events appended a second by many runs at once (group commit),
the time until 1,000 unfinished runs are taken up after a restart, and the bytes of a turn late in a conversation.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, TypeVar

import msgspec

from benchmarks.runs.conversations import SMALL, Size, append_at_once, resumed_after, turn_bytes

T = TypeVar("T")


class Measured(NamedTuple):
    what: str
    figure: float
    unit: str


def measure(rounds: int, size: Size) -> Iterator[Measured]:
    """One after the other, each in a folder of its own."""
    appended = [_in_folder(append_at_once, size) for _ in range(rounds)]
    yield Measured(
        f"events a second, {size.at_once} runs at once", median(one.a_second for one in appended), "1/s"
    )
    yield Measured("processor time of an event", median(one.cpu_us for one in appended), "µs")
    resumed = [_in_folder(resumed_after, size) for _ in range(rounds)]
    yield Measured(
        f"{size.unfinished:,} unfinished runs taken up", median(one.taken_up for one in resumed), "s"
    )
    yield Measured(
        f"{size.unfinished:,} unfinished runs at their ends", median(one.ended for one in resumed), "s"
    )
    sizes = _in_folder(turn_bytes, size)
    for turn in size.turns:
        yield Measured(f"bytes of turn {turn}", sizes[turn], "B")


def _in_folder(work: Callable[[Path, Size], Coroutine[Any, Any, T]], size: Size) -> T:
    with tempfile.TemporaryDirectory(prefix="toolward-bench-") as folder:
        return asyncio.run(work(Path(folder), size))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="only to see that it runs")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    started = time.monotonic()
    found = list(measure(given.rounds, SMALL if given.small else Size()))
    if given.json:
        print(msgspec.json.encode([one._asdict() for one in found]).decode())
        return
    print(
        f"{os.cpu_count()} processors, medians of {given.rounds} rounds, {time.monotonic() - started:.0f} s\n"
    )
    for one in found:
        print(f"| {one.what} | {one.figure:,.1f} {one.unit} |")


if __name__ == "__main__":
    main()
