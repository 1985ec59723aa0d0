"""`python -m benchmarks.policy [--rounds 15] [--json]`: takes about 20 seconds.

The sizes are measured in turn (10, 100, 1,000, 10, …), so that what else the machine does falls on all alike; what
is counted is the processor's time, since a decision waits for nothing.
"""

import argparse
import gc
import time
from collections.abc import Callable, Sequence

import msgspec

from benchmarks.policy.report import Sizes, table
from benchmarks.policy.shapes import SHAPES, Shape, Subject, subject

SIZES = (10, 100, 1_000)
BURST = 0.02  # seconds


def decide_all(of: Subject) -> None:
    decide = of.policy.decide
    for principal, tool, arguments, _ in of.questions:
        decide(principal, tool, arguments)


def list_all(of: Subject) -> None:
    listable = of.policy.listable
    for principal, tool, _, _ in of.questions:
        listable(principal, tool)


def burst(of: Subject, work: Callable[[Subject], None]) -> float:
    """Microseconds of processor time for one question, over about 20 ms."""
    count, began = 0, time.thread_time()
    while (lasted := time.thread_time() - began) < BURST:
        work(of)
        count += len(of.questions)
    return lasted * 1e6 / count


def measure(shape: Shape, sizes: Sequence[int], rounds: int) -> Sizes:
    subjects = [subject(shape, size) for size in sizes]
    found = Sizes(shape.name, shape.what, shape.aim, {n: [] for n in sizes}, {n: [] for n in sizes})
    gc.collect()
    gc.disable()
    for number in range(rounds + 1):
        for size, of in zip(sizes, subjects, strict=True):
            decided, listed = burst(of, decide_all), burst(of, list_all)
            if number:  # the first round warms up
                found.decide[size].append(decided)
                found.listable[size].append(listed)
    gc.enable()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy", description="What a decision costs.")
    parser.add_argument("--shape", choices=[one.name for one in SHAPES], action="append", help="only this")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="samples too")
    options = parser.parse_args()
    chosen = [one for one in SHAPES if not options.shape or one.name in options.shape]
    found = [measure(shape, SIZES, options.rounds) for shape in chosen]
    if options.json:
        summaries = [one.summary() for one in found]
        print(msgspec.json.encode({"summaries": summaries, "samples": found}).decode())
    else:
        print(table(found))


if __name__ == "__main__":
    main()
