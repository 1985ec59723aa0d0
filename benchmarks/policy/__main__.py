"""`python -m benchmarks.policy [--rounds 15] [--json]`: takes about 20 seconds.

The sizes are measured in turn (10, 100, 1,000, 10, …), so that what else the machine does falls on all alike; what
is counted is the processor's time, since a decision waits for nothing.
"""

import argparse
import gc
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from benchmarks.policy.report import Sizes, table
from benchmarks.policy.shapes import SHAPES, Shape, Subject, subject
from gateway.core.arguments import ArgumentType
from gateway.core.conditions import Conditions

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


def burst(work: Callable[[], None], questions: int) -> float:
    """Microseconds of processor time for one question, over about 20 ms."""
    count, began = 0, time.thread_time()
    while (lasted := time.thread_time() - began) < BURST:
        work()
        count += questions
    return lasted * 1e6 / count


def yardstick() -> Callable[[], None]:
    """One evaluation of one small condition by the library alone, with ten values: what a rule cost before."""
    condition = Conditions().compile("args.n > 5", {"n": ArgumentType("integer")})
    values = {f"args.other_{number}": "x" for number in range(9)} | {"args.n": 7}

    def evaluate() -> None:
        condition.evaluate(values)

    return evaluate


def measure(shape: Shape, sizes: Sequence[int], rounds: int) -> Sizes:
    subjects = [subject(shape, size) for size in sizes]
    found = Sizes(shape.name, shape.what, shape.aim, [], {n: [] for n in sizes}, {n: [] for n in sizes})
    gc.collect()
    gc.disable()
    evaluate = yardstick()
    for number in range(rounds + 1):
        bare = burst(evaluate, 1)
        if number:
            found.yardstick.append(bare)
        for size, of in zip(sizes, subjects, strict=True):
            count = len(of.questions)
            decided = burst(partial(decide_all, of), count)
            listed = burst(partial(list_all, of), count)
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
