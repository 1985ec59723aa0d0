"""`python -m benchmarks.loop [--rounds 3] [--only NAME] [--small] [--json]`: takes about ten minutes.

Everybody is started once for each number of tools and then measured in turn (A B C A B C …), so that what else the
machine does falls on all alike. `bare` is the least that a durable loop can cost on this machine at this moment.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack

import msgspec

from benchmarks.loop.participants import OURS, PEERS, Participant, install, participant, server, version
from benchmarks.loop.report import Case, Measured, Sample, table

CASES = (
    Case(10, 10, 1, 20),
    Case(10, 50, 1, 4),
    Case(10, 200, 1, 1),
    Case(10, 10, 50, 50),
    Case(500, 10, 1, 20),
    Case(500, 200, 1, 1, peers=False),
    Case(500, 10, 50, 50, peers=False),
)
SMALL = (Case(10, 10, 1, 1), Case(10, 10, 2, 2))
WARM_UP = Case(10, 10, 5, 5)
PEERS_RUNS = 2  # of theirs one after the other: each lasts long enough


async def measure(cases: Sequence[Case], names: Sequence[str], rounds: int) -> list[Measured]:
    found: list[Measured] = []
    async with server("endpoint") as endpoint:
        for tools in dict.fromkeys(case.tools for case in cases):
            some = [Measured(case, {}) for case in cases if case.tools == tools]
            async with AsyncExitStack() as stack:
                at = await stack.enter_async_context(server("toolserver", str(tools)))
                all_ = [await stack.enter_async_context(participant(name, endpoint, at)) for name in names]
                for one in all_:
                    await sample(one, WARM_UP)
                for _ in range(rounds):
                    for measured in some:
                        await take_turns(measured, all_)
            found += some
    return found


async def take_turns(measured: Measured, all_: Sequence[Participant]) -> None:
    for one in all_:
        if measured.case.peers or one.name in OURS:
            measured.samples.setdefault(one.name, []).append(await sample(one, measured.case))


async def sample(one: Participant, case: Case) -> Sample:
    few = one.name in PEERS and case.at_once == 1
    runs = min(case.runs, PEERS_RUNS) if few else case.runs
    cost = await one.do(turns=case.turns, runs=runs, at_once=case.at_once)
    return Sample(cost["cpu_ms"], cost["wall_ms"])


def said(names: Sequence[str], rounds: int, seconds: float) -> Iterator[str]:
    yield f"{os.cpu_count()} processors, medians of {rounds} rounds, {seconds:.0f} s"
    if peers := [f"{name} {version(name)}" for name in names if name in PEERS]:
        yield f"beside {', '.join(peers)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop", description="What a turn costs.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=(*OURS, *PEERS), action="append", help="may be repeated")
    parser.add_argument("--small", action="store_true", help="only to see that it runs, without the others")
    parser.add_argument("--json", action="store_true", help="samples too")
    options = parser.parse_args()
    names = options.only or (OURS if options.small else (*OURS, *PEERS))
    for name in names:
        if name in PEERS:
            install(name)
    began = time.monotonic()
    measured = asyncio.run(measure(SMALL if options.small else CASES, names, options.rounds))
    found = [one.summary() for one in measured]
    if options.json:
        print(msgspec.json.encode({"cases": found, "samples": measured}).decode())
        return
    print("\n".join([*said(names, options.rounds, time.monotonic() - began), "", table(found)]))


if __name__ == "__main__":
    main()
