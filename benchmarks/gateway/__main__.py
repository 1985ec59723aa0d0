"""`python -m benchmarks.gateway [--part compare] [--rounds 5] [--seconds 3] [--json]`: takes about twenty minutes.

With `--only NAME` one participant alone, a line for each burst, for who works on it:
`--only toolward --connections 64 --seconds 5 --profile stacks.txt`.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.gateway import others, parts
from benchmarks.gateway.load import Sample, Target, WrongAnswer, burst
from benchmarks.gateway.machine import machine
from benchmarks.gateway.parts import IN_FLIGHT, Bounds
from benchmarks.gateway.processes import Missing, build_upstream, needed, pin_here, upstream
from benchmarks.gateway.profiling import profiled, shares
from benchmarks.gateway.report import Report, text
from benchmarks.gateway.rounds import say

WARM_UP = 1  # seconds
OPENINGS = parts.COMPARED | others.OPENINGS | parts.LAYERED
MEASURED: dict[str, Callable[[Path, Path, Bounds], Any]] = {
    "compare": parts.compare,
    "layers": parts.curve,
    "catalog": parts.catalog,
    "memory": parts.memory,
    "grpc": parts.grpc,
    "workers": parts.workers,
}
"""By the names of the report's members."""
USUAL = [name for name in MEASURED if name != "workers"]


def session(names: list[str], bounds: Bounds, folder: Path) -> Report:
    """A part that fails is told in `missed`, and the others go on. Raises Missing where nothing can be measured."""
    program = build_upstream(folder)
    needed("wrk", "wrk")
    report = Report(machine(with_others=bounds.others and "compare" in names), bounds)
    for name in names:
        place = folder / f"part-{name}"
        place.mkdir()
        try:
            setattr(report, name, MEASURED[name](program, place, bounds))
        except (Missing, WrongAnswer, subprocess.SubprocessError) as error:
            report.missed[name] = str(error)
            say(f"{name}: {error}")
    return report


def alone(options: argparse.Namespace, folder: Path) -> None:
    in_flight = options.connections or IN_FLIGHT
    with ExitStack() as stack:
        at = stack.enter_context(upstream(build_upstream(folder), folder))
        (folder / options.only).mkdir()
        target = stack.enter_context(OPENINGS[options.only](at, folder / options.only))
        print(f"{'':14} {'conn':>4} {'calls/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'CPU µs':>8} {'RSS MB':>8}")
        if not target.reads:  # the slow ones would not answer in that time
            burst(target, 16, WARM_UP, folder)
        for _ in range(options.rounds or 1):
            for many in in_flight:
                print(_line(target, many, burst(target, many, options.seconds, folder)), flush=True)
        if options.profile is not None:
            sample = profiled(target, in_flight[-1], options.seconds, folder, options.profile)
            print(_line(target, in_flight[-1], sample), "(watched)")
            print("\n".join(shares(options.profile)))


def _line(target: Target, connections: int, sample: Sample) -> str:
    return (
        f"{target.name:14} {connections:4} {sample.calls_per_second:9,.0f} {sample.p50_ms:8.3f} "
        f"{sample.p99_ms:8.3f} {sample.cpu_us:8.1f} {sample.rss_mb:8.1f}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description="What a hop costs.")
    parser.add_argument(
        "--part", choices=MEASURED, action="append", help=f"may be repeated; {', '.join(USUAL)}"
    )
    parser.add_argument("--rounds", type=int, help="5; with --only 1")
    parser.add_argument("--seconds", type=float, default=3, help="of one burst")
    parser.add_argument("--no-others", action="store_true", help="without FastMCP, ContextForge, LiteLLM")
    parser.add_argument("--json", action="store_true", help="samples too")
    parser.add_argument("--only", choices=OPENINGS, help="one participant alone")
    parser.add_argument("--connections", type=int, action="append", help="with --only; may be repeated")
    parser.add_argument("--profile", type=Path, help="where py-spy's stacks go, with --only")
    return parser.parse_args()


def _stop(number: int, frame: object) -> None:
    """What is open is closed: else children would stay, standing still."""
    sys.exit(128 + number)


def main() -> None:
    options = _options()
    pin_here()
    signal.signal(signal.SIGTERM, _stop)
    try:
        with tempfile.TemporaryDirectory(prefix="toolward-bench-") as folder:
            if options.only:
                alone(options, Path(folder))
                return
            bounds = Bounds(rounds=options.rounds or 5, seconds=options.seconds, others=not options.no_others)
            report = session(options.part or USUAL, bounds, Path(folder))
    except (Missing, WrongAnswer) as error:
        sys.exit(f"benchmarks.gateway: {error}")
    print(msgspec.json.encode(report).decode() if options.json else text(report))
    sys.exit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
