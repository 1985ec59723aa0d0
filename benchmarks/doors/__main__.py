"""`python -m benchmarks.doors [--seconds 0.6] [--rounds 5] [--json]`: takes about 70 seconds.

Ours and the other server run at the same time and are called in turn (A B A B …), so that what else the machine
does falls on both alike; the ratios are medians over neighbouring bursts.
"""

import argparse
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack

import msgspec
import uvloop

from benchmarks.doors.load import (
    HELLO,
    READY,
    Caller,
    GrpcCaller,
    HttpCaller,
    greeted_over_stdio,
    message,
    over_stdio,
)
from benchmarks.doors.report import Pair, Sample, Starts, table
from benchmarks.doors.servers import cpu_seconds, free_port, on_port, pin_here

IN_FLIGHT = (1, 16, 64)
DOORS = ("http", "stdio", "grpc")
WARM_UP = 0.3  # seconds


async def sample(caller: Caller, in_flight: int, seconds: float) -> Sample:
    used, began = cpu_seconds(caller.pid), time.perf_counter()
    answers = await caller.burst(in_flight, seconds)
    lasted, cpu = time.perf_counter() - began, cpu_seconds(caller.pid) - used
    return Sample(answers / lasted, cpu * 1e6 / answers)


async def opened(door: str, stack: AsyncExitStack) -> tuple[Caller, Caller]:
    if door == "stdio":
        return (
            await stack.enter_async_context(greeted_over_stdio("ours.py")),
            await stack.enter_async_context(greeted_over_stdio("sdk.py")),
        )
    caller, flag, other = (
        (HttpCaller, "--http", "sdk.py") if door == "http" else (GrpcCaller, "--grpc", "bare_grpc.py")
    )
    one, two = free_port(), free_port()
    ours = await stack.enter_async_context(on_port("ours.py", flag, f"127.0.0.1:{one}", port=one))
    theirs = await stack.enter_async_context(on_port(other, str(two), port=two))
    return caller(one, ours), caller(two, theirs)


async def measure(door: str, seconds: float, rounds: int) -> list[Pair]:
    pairs = [Pair(door, in_flight, [], []) for in_flight in IN_FLIGHT]
    async with AsyncExitStack() as stack:
        ours, other = await opened(door, stack)
        for caller in (ours, other):
            await caller.burst(16, WARM_UP)
        for _ in range(rounds):
            for pair in pairs:
                pair.ours.append(await sample(ours, pair.in_flight, seconds))
                pair.other.append(await sample(other, pair.in_flight, seconds))
    return pairs


async def start(script: str) -> float:
    began = time.perf_counter()
    async with over_stdio(script) as caller:
        await caller.ask(HELLO)
        caller.tell(READY)
        await caller.ask(message("tools/list", {}, 1))
        return (time.perf_counter() - began) * 1000


async def measure_starts(rounds: int) -> Starts:
    for script in ("ours.py", "sdk.py"):  # compiles what is not compiled yet
        await start(script)
    starts = Starts([], [])
    for _ in range(rounds):
        starts.ours.append(await start("ours.py"))
        starts.other.append(await start("sdk.py"))
    return starts


async def run(doors: Iterable[str], seconds: float, rounds: int, *, as_json: bool) -> None:
    pin_here()
    starts = await measure_starts(rounds)
    pairs = [pair for door in doors for pair in await measure(door, seconds, rounds)]
    calls, start = [pair.summary() for pair in pairs], starts.summary()
    if as_json:
        samples = {"calls": pairs, "starts": starts}
        print(msgspec.json.encode({"calls": calls, "start": start, "samples": samples}).decode())
    else:
        print(table(calls, start))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.doors", description="What a door costs.")
    parser.add_argument("--door", choices=DOORS, action="append", help="only this one (may be repeated)")
    parser.add_argument("--seconds", type=float, default=0.6, help="of one burst")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="samples too")
    options = parser.parse_args()
    work = run(options.door or DOORS, options.seconds, options.rounds, as_json=options.json)
    uvloop.run(work)


if __name__ == "__main__":
    main()
