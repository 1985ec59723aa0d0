"""`python -m benchmarks.faults [--fault NAME] [--seconds 1] [--rounds 3] [--json]`: takes about 80 seconds.

What one backend's fault costs the calls of the others. Quiet and faulty spells take turns (quiet, fault, quiet,
fault …), so that what else the machine does falls on both alike.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from benchmarks.faults.faults import FAULTS, HEALTHY, Fault, beside, call, happening
from gateway.bootstrap import Gateway

RATE = 60  # calls a second of each healthy backend, made when they are due, whatever became of those before
AIM = 1.5
ADD = b'{"a": 20, "b": 22}'


class Measured(msgspec.Struct):
    """Milliseconds from the moment at which a call was due to its answer."""

    fault: str
    quiet: list[float] = msgspec.field(default_factory=list[float])
    faulty: list[float] = msgspec.field(default_factory=list[float])

    def summary(self) -> dict[str, Any]:
        quiet, faulty = p99(self.quiet), p99(self.faulty)
        return {
            "fault": self.fault,
            "calls": len(self.quiet) + len(self.faulty),
            "quiet_median_ms": median(self.quiet),
            "fault_median_ms": median(self.faulty),
            "quiet_p99_ms": quiet,
            "fault_p99_ms": faulty,
            "p99_ratio": faulty / quiet,
        }


def p99(values: Sequence[float]) -> float:
    return sorted(values)[round(0.99 * (len(values) - 1))]


async def spell(gateway: Gateway, seconds: float) -> list[float]:
    """Calls of the healthy backends at a fixed rate. Raises the error of a call that fails."""
    began = time.perf_counter()
    calls: list[asyncio.Task[float]] = []
    for number in range(round(seconds * RATE)):
        due = began + number / RATE
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        calls += [asyncio.create_task(_timed(gateway, f"{name}.add", due)) for name in HEALTHY]
    return list(await asyncio.gather(*calls))


async def _timed(gateway: Gateway, tool: str, due: float) -> float:
    await call(gateway, tool, ADD)
    return (time.perf_counter() - due) * 1000


async def measure(fault: Fault, folder: Path, seconds: float, rounds: int) -> Measured:
    found = Measured(fault.name)
    async with beside(fault, folder) as gateway:
        await spell(gateway, 0.5)  # what is first is slow
        for _ in range(rounds):
            found.quiet += await spell(gateway, seconds)
            async with happening(gateway, fault):
                found.faulty += await spell(gateway, seconds)
            await asyncio.sleep(0.3)  # what the fault left in the pipes is no part of the quiet
    return found


async def run(faults: Sequence[Fault], seconds: float, rounds: int, *, as_json: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="toolward-faults-") as folder:
        found = [
            await measure(fault, Path(folder) / str(number), seconds, rounds)
            for number, fault in enumerate(faults)
        ]
    summaries = [one.summary() for one in found]
    if as_json:
        print(msgspec.json.encode({"faults": summaries, "samples": found}).decode())
    else:
        print(table(summaries))


def table(summaries: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| beside a backend that | calls | median quiet, ms | median, ms | p99 quiet, ms | p99, ms | p99 ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one['fault']} | {one['calls']} | {one['quiet_median_ms']:.1f} | {one['fault_median_ms']:.1f} "
        f"| {one['quiet_p99_ms']:.1f} | {one['fault_p99_ms']:.1f} | {one['p99_ratio']:.2f} |"
        for one in summaries
    ]
    return "\n".join([*lines, "", f"aim: the p99 of the others at most {AIM} times its quiet value"])


def main() -> None:
    names = [fault.name for fault in FAULTS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults", description="What one backend's fault costs the others."
    )
    parser.add_argument("--fault", choices=names, action="append", help="only this one (may be repeated)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one spell")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="samples too")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if fault.name in (options.fault or names)]
    asyncio.run(run(chosen, options.seconds, options.rounds, as_json=options.json))


if __name__ == "__main__":
    main()
