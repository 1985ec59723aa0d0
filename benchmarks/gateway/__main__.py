"""`python -m benchmarks.gateway [--part compare] [--rounds 5] [--seconds 3] [--json]`: takes about twenty minutes.

With `--only NAME` one participant alone, a line for each burst, for who works on it:
`--only toolward --connections 64 --seconds 5 --profile stacks.txt`.
"""

import argparse
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec

from benchmarks.gateway import others, parts
from benchmarks.gateway.load import Sample, Target, burst
from benchmarks.gateway.machine import machine
from benchmarks.gateway.parts import IN_FLIGHT, Bounds
from benchmarks.gateway.processes import build_upstream, pin_here, upstream
from benchmarks.gateway.profiling import profiled, shares
from benchmarks.gateway.report import Report, text

WARM_UP = 1  # seconds
OPENINGS = parts.COMPARED | others.OPENINGS | parts.LAYERED
PARTS = ("compare", "layers", "catalog", "memory", "grpc", "workers")
USUAL = PARTS[:-1]


def session(names: list[str], bounds: Bounds, folder: Path) -> Report:
    """Raises Missing, WrongAnswer."""
    program = build_upstream(folder)
    report = Report(machine(with_others=bounds.others and "compare" in names), bounds)
    places = {name: folder / f"part-{name}" for name in names}
    for place in places.values():
        place.mkdir()
    if "compare" in names:
        report.compared = parts.compare(program, places["compare"], bounds)
    if "layers" in names:
        report.layers = parts.curve(program, places["layers"], bounds)
    if "catalog" in names:
        report.catalog = parts.catalog(program, places["catalog"], bounds)
    if "memory" in names:
        report.memory_mb = parts.memory(program, places["memory"], bounds)
    if "grpc" in names:
        report.grpc = parts.grpc(program, places["grpc"], bounds)
    if "workers" in names:
        report.workers = parts.workers(program, places["workers"], bounds)
    return report


def alone(options: argparse.Namespace, folder: Path) -> None:
    in_flight = options.connections or IN_FLIGHT
    with ExitStack() as stack:
        at = stack.enter_context(upstream(build_upstream(folder), folder))
        (folder / options.only).mkdir()
        target = stack.enter_context(OPENINGS[options.only](at, folder / options.only))
        print(f"{'':14} {'conn':>4} {'calls/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'CPU µs':>8} {'RSS MB':>8}")
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
    parser.add_argument("--part", choices=PARTS, action="append", help=f"may be repeated; {', '.join(USUAL)}")
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
    with tempfile.TemporaryDirectory(prefix="toolward-bench-") as folder:
        if options.only:
            alone(options, Path(folder))
            return
        bounds = Bounds(rounds=options.rounds or 5, seconds=options.seconds, others=not options.no_others)
        report = session(options.part or list(USUAL), bounds, Path(folder))
    print(msgspec.json.encode(report).decode() if options.json else text(report))


if __name__ == "__main__":
    main()
