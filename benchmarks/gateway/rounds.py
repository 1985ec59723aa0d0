"""Participants that take turns (A B C A B C …), so that what else the machine does falls on all alike. Who is not
measured stands still: some have work of their own while nobody calls them."""

import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from benchmarks.gateway.load import Sample, Target, WrongAnswer, summary
from benchmarks.gateway.participants import Opening
from benchmarks.gateway.processes import Missing, go_on, stand_still

WOKEN = 0.5  # seconds from going on to being measured
OURS = "toolward"

Burst = Callable[[Target, int], Sample]
"""A target, called with so many in flight."""


class Row(msgspec.Struct):
    """The n-th sample of each lies beside the n-th of the others in time; some have fewer."""

    name: str
    in_flight: int
    samples: list[Sample] = []

    @property
    def middle(self) -> Sample:
        return summary(self.samples)


class Field(msgspec.Struct):
    """Who takes part, and why others do not."""

    targets: dict[str, Target]
    absent: dict[str, str]

    def drop(self, name: str, why: object) -> None:
        self.absent[name] = str(why)
        if (gone := self.targets.pop(name, None)) is not None and gone.pid:
            stand_still(gone.pid)
        say(f"{name} does not take part: {why}")


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


@contextmanager
def opened(openings: Mapping[str, Opening], upstream: int, folder: Path) -> Generator[Field, None, None]:
    """All of them started, and standing still. Raises what ours raises; others that fail are told in `absent`."""
    field = Field({}, {})
    with ExitStack() as stack:
        for name, opening in openings.items():
            say(f"starting {name}")
            place = folder / name
            place.mkdir()
            try:
                target = stack.enter_context(opening(upstream, place))
            except (Missing, WrongAnswer, subprocess.SubprocessError, OSError) as error:
                if name == OURS:
                    raise
                field.drop(name, error)
                continue
            field.targets[name] = target
            if target.pid:
                stand_still(target.pid)
        yield field


def take_turns(
    field: Field,
    in_flight: Sequence[int],
    rounds: int,
    burst: Burst,
    *,
    fewer: Mapping[str, int] | None = None,
) -> list[Row]:
    """`fewer`: who takes part in the first rounds only. Raises what ours raises; others that answer wrong are
    out."""
    rows = {(name, many): Row(name, many) for many in in_flight for name in field.targets}
    for number in range(rounds):
        for many in in_flight:
            for name, target in list(field.targets.items()):
                if number >= (fewer or {}).get(name, rounds):
                    continue
                try:
                    sample = _alone(target, many, burst)
                except (WrongAnswer, subprocess.SubprocessError) as error:
                    if name == OURS:
                        raise
                    field.drop(name, error)
                    continue
                rows[name, many].samples.append(sample)
                say(
                    f"{number + 1}/{rounds} {name}, {many} in flight: {sample.calls_per_second:,.0f} calls/s, "
                    f"{sample.cpu_us:.0f} µs of CPU, p99 {sample.p99_ms:.2f} ms"
                )
    return [row for row in rows.values() if row.samples]


def _alone(target: Target, in_flight: int, burst: Burst) -> Sample:
    if not target.pid:
        return burst(target, in_flight)
    go_on(target.pid)
    try:
        time.sleep(WOKEN)
        return burst(target, in_flight)
    finally:
        stand_still(target.pid)
