"""`python -m benchmarks.gateway [--only NAME] [--connections N] [--seconds 3] [--rounds 5] [--json]`."""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.gateway import layers, others, participants
from benchmarks.gateway.load import Sample, Target, burst
from benchmarks.gateway.participants import Opening
from benchmarks.gateway.processes import build_upstream, pin_here, upstream
from benchmarks.gateway.profiling import profiled, shares

IN_FLIGHT = (1, 16, 64)
WARM_UP = 1  # seconds

COMPARED: dict[str, Opening] = {
    "nginx": participants.nginx,
    "direct": participants.direct,
    "toolward": participants.toolward,
    **others.OPENINGS,
}
LAYERED: dict[str, Opening] = {name: partial(participants.layer, name=name) for name in layers.LAYERS}
OPENINGS = COMPARED | LAYERED


def alone(
    name: str, in_flight: Sequence[int], seconds: float, rounds: int, folder: Path, profile: Path | None
) -> None:
    """One participant, a line for each burst: for who works on it."""
    with ExitStack() as stack:
        at = stack.enter_context(upstream(build_upstream(folder), folder))
        (folder / name).mkdir()
        target = stack.enter_context(OPENINGS[name](at, folder / name))
        print(line_of_head())
        burst(target, 16, WARM_UP, folder)
        for _ in range(rounds):
            for connections in in_flight:
                print(line_of(target, connections, burst(target, connections, seconds, folder)), flush=True)
        if profile is not None:
            sample = profiled(target, in_flight[-1], seconds, folder, profile)
            print(line_of(target, in_flight[-1], sample), "(watched)")
            print("\n".join(shares(profile)))


def line_of_head() -> str:
    return f"{'':12} {'conn':>4} {'calls/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'CPU µs':>8} {'RSS MB':>8}"


def line_of(target: Target, connections: int, sample: Sample) -> str:
    return (
        f"{target.name:12} {connections:4} {sample.calls_per_second:9,.0f} {sample.p50_ms:8.3f} "
        f"{sample.p99_ms:8.3f} {sample.cpu_us:8.1f} {sample.rss_mb:8.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description="What a hop costs.")
    parser.add_argument("--only", choices=OPENINGS)
    parser.add_argument("--connections", type=int, action="append")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--profile", type=Path, help="where py-spy's stacks go, with --only")
    options = parser.parse_args()
    pin_here()
    with tempfile.TemporaryDirectory(prefix="toolward-bench-") as folder:
        alone(
            options.only,
            options.connections or IN_FLIGHT,
            options.seconds,
            options.rounds,
            Path(folder),
            options.profile,
        )


if __name__ == "__main__":
    main()
