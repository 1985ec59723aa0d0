"""`python -m benchmarks.console [--rounds 20] [--home FOLDER] [--small] [--json]`: takes about three minutes.

Server time of the console's pages over a ledger of 10,000 runs and 100,000 calls, in process: from the request to
the last byte of the answer, without a socket. The first look after a start is told apart: it counts the days. Most
of the time goes into writing the ledger.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import msgspec

from benchmarks.console.pages import Console, console_over
from benchmarks.console.seeded import CALLS_OF_RUN, SMALL, WHOLE, Size, seed

BOUND = 200.0
"""Milliseconds that a page may take."""


class Measured(NamedTuple):
    """Milliseconds; `processor` is the median of what the process took of its processors, which a busy machine
    does not stretch."""

    path: str
    first: float
    median: float
    p95: float
    processor: float


def paths(run: str, call: str) -> Iterable[str]:
    yield from ("/", "/inbox", "/talk", "/runs", "/runs?state=failed&agent=support", f"/runs/{run}")
    yield from ("/calls", "/calls?since=today", "/calls?since=all", "/calls?since=all&tool=crm.issue_refund")
    yield from ("/calls?since=all&outcome=unavailable&effect=ask", "/calls?since=all&tool=none&outcome=none")
    yield from ("/calls?text=ORD-1003", f"/calls?run={run}", f"/calls/{call}", "/calls.json")
    yield from ("/tools", "/policies", f"/policies/why?call={call}", "/policies/change", "/connect")
    yield from ("/usage", "/usage?days=90", "/usage?days=1", "/usage.csv")


async def measure(home: Path, size: Size, rounds: int) -> AsyncIterator[Measured]:
    """Makes the ledger where there is none."""
    file = home / "ledger.db"
    if not await asyncio.to_thread(file.exists):
        await seed(file, time.time_ns() // 1_000_000, size)
    last = f"{size.runs - 1:08d}"
    for path in paths(f"run_{last}", f"call_{last}_{CALLS_OF_RUN - 1}"):
        async with console_over(home) as console:  # opened anew: nothing is kept from the path before
            yield await _page(console, path, rounds)


async def _page(console: Console, path: str, rounds: int) -> Measured:
    took: list[float] = []
    worked: list[float] = []
    for _ in range(rounds + 1):
        began, work = time.perf_counter(), time.process_time()
        await console.get(path)
        took.append((time.perf_counter() - began) * 1_000)
        worked.append((time.process_time() - work) * 1_000)
    p95 = quantiles(took[1:], n=20, method="inclusive")[-1]
    return Measured(path, took[0], median(took[1:]), p95, median(worked[1:]))


async def _all(options: argparse.Namespace) -> list[Measured]:
    with tempfile.TemporaryDirectory(prefix="toolward-bench-") as folder:
        size = SMALL if options.small else WHOLE
        return [one async for one in measure(options.home or Path(folder), size, options.rounds)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--home", type=Path, help="the ledger is kept there, and used again where it is there"
    )
    parser.add_argument("--small", action="store_true", help="only to see that it runs")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(_all(options))
    if options.json:
        print(msgspec.json.encode([one._asdict() for one in found]).decode())
        return
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, load {load:.1f}, {options.rounds} rounds, bound {BOUND:.0f} ms\n")
    print("| page | first look (ms) | median (ms) | p95 (ms) | processor (ms) |\n|---|---|---|---|---|")
    for one in found:
        print(
            f"| `{one.path}` | {one.first:,.0f} | {one.median:,.0f} | {one.p95:,.0f} | {one.processor:,.0f} |"
        )


if __name__ == "__main__":
    main()
