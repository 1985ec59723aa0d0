"""What a session came to, in a form that can be pasted, and whether the aims are met."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

import msgspec

from benchmarks.gateway.layers import WORDS
from benchmarks.gateway.load import Sample
from benchmarks.gateway.parts import LARGE, MANY, Bounds, Catalog, Compared
from benchmarks.gateway.rounds import OURS, Row

PEER, BARE = "nginx", "bare grpc.aio hop"


class Report(msgspec.Struct):
    machine: dict[str, str]
    bounds: Bounds
    compare: Compared | None = None
    layers: list[Row] | None = None
    catalog: Catalog | None = None
    memory: list[float] | None = None  # megabytes
    grpc: list[Row] | None = None
    workers: Compared | None = None
    missed: dict[str, str] = {}


class Aim(NamedTuple):
    what: str
    found: str
    met: bool


def text(report: Report) -> str:
    lines = [", ".join(f"{name} {said}".strip() for name, said in report.machine.items())]
    if report.compare:
        lines += ["", *_compared(report.compare)]
    if report.layers:
        lines += ["", *_layers(report.layers)]
    if report.catalog:
        lines += ["", *_catalog(report.catalog)]
    if report.memory:
        lines += ["", *_memory(report.memory, report.bounds)]
    if report.grpc:
        lines += ["", *_grpc(report.grpc)]
    if report.workers:
        lines += ["", *_workers(report.workers)]
    lines += [f"\n{name} was not measured: {why}" for name, why in report.missed.items()]
    return "\n".join([*lines, "", *_aims(report)])


def _compared(found: Compared) -> Iterator[str]:
    yield "| | in flight | calls/s | p50 ms | p99 ms | CPU µs | RSS MB | calls/s of nginx | p99 | CPU |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in found.rows:
        peer = _row(found.rows, PEER, row.in_flight)
        ratios = [_share(ratio(row, peer, "calls_per_second"))]
        ratios += [_times(ratio(row, peer, name)) for name in ("p99_ms", "cpu_us")]
        yield f"| {row.name} | {row.in_flight} | {_figures(row.middle)} | {' | '.join(ratios)} |"
    for name, why in found.absent.items():
        yield f"\n{name} did not take part (to the end): {why}"


def _figures(one: Sample) -> str:
    measured = f"{one.cpu_us:,.0f} | {one.rss_mb:.0f}" if one.rss_mb else "- | -"
    return f"{one.calls_per_second:,.0f} | {one.p50_ms:.2f} | {one.p99_ms:.2f} | {measured}"


def _layers(rows: Sequence[Row]) -> Iterator[str]:
    yield f"| layer, {MANY} in flight | calls/s | CPU µs | more than before | p99 ms | RSS MB |"
    yield "|---|---|---|---|---|---|"
    before: Row | None = None
    for row in rows:
        one, more = row.middle, ""
        if before is not None:
            pairs = zip(row.samples, before.samples, strict=False)
            more = f"{median(a.cpu_us - b.cpu_us for a, b in pairs):+.0f}"
        words = WORDS.get(row.name, "`toolward up`, all of it")
        yield (
            f"| {words} | {one.calls_per_second:,.0f} | {one.cpu_us:,.0f} | {more} "
            f"| {one.p99_ms:.2f} | {one.rss_mb:.0f} |"
        )
        before = row


def _catalog(found: Catalog) -> Iterator[str]:
    yield (
        f"`tools/list` of {LARGE:,} tools ({found.pages} pages, {found.megabytes:.2f} MB): {found.list_ms:.2f} ms, "
        f"of which the gateway's CPU {found.list_cpu_ms:.2f} ms; the first time {found.first_ms:.0f} ms; "
        f"the upstream itself {found.direct_ms:.2f} ms (one page)."
    )
    yield ""
    yield from _plain_table(found.rows)


def _plain_table(rows: Sequence[Row]) -> Iterator[str]:
    yield "| | in flight | calls/s | p50 ms | p99 ms | CPU µs | RSS MB |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        yield f"| {row.name} | {row.in_flight} | {_figures(row.middle)} |"


def _memory(found: Sequence[float], bounds: Bounds) -> Iterator[str]:
    yield f"| calls | {' | '.join(f'{n * bounds.memory_step:,}' for n in range(len(found)))} |"
    yield "|---|" + "---|" * len(found)
    yield f"| RSS MB | {' | '.join(f'{one:.1f}' for one in found)} |"


def _grpc(rows: Sequence[Row]) -> Iterator[str]:
    yield "| | in flight | calls/s | p50 ms | p99 ms | CPU µs | RSS MB | CPU of a bare hop |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        bare = _row(rows, BARE, row.in_flight)
        times = _times(ratio(row, bare, "cpu_us"))
        yield f"| {row.name} | {row.in_flight} | {_figures(row.middle)} | {times} |"


def _workers(found: Compared) -> Iterator[str]:
    yield from _plain_table(found.rows)
    for name, why in found.absent.items():
        yield f"\n{name}: not measured, {why}"


# --- ratios and aims --------------------------------------------------------------------------------------


def ratio(row: Row | None, to: Row | None, name: str) -> float | None:
    """The median of the ratios of neighbouring samples."""
    if row is None or to is None:
        return None
    pairs = [(getattr(a, name), getattr(b, name)) for a, b in zip(row.samples, to.samples, strict=False)]
    fractions = [a / b for a, b in pairs if a and b]
    return median(fractions) if fractions else None


def _row(rows: Sequence[Row], name: str, in_flight: int) -> Row | None:
    return next((row for row in rows if (row.name, row.in_flight) == (name, in_flight)), None)


def _share(of: float | None) -> str:
    return "-" if of is None else f"{of:.1%}"


def _times(of: float | None) -> str:
    return "-" if of is None else f"{of:.2f}"


def _aims(report: Report) -> Iterator[str]:
    for aim in aims(report):
        yield f"- {aim.what}: {aim.found}, **{'met' if aim.met else 'not met'}**"


def aims(report: Report) -> Iterator[Aim]:
    """Of the issue, those that were measured."""
    if report.compare:
        yield from _aims_beside_others(report.compare.rows)
    if found := report.memory:
        yield from _aims_of_memory(found, report.bounds)
    if report.grpc:
        of = ratio(_row(report.grpc, "gRPC to gRPC", MANY), _row(report.grpc, BARE, MANY), "cpu_us")
        if of is not None:
            yield Aim(
                "gRPC to gRPC: at most 1.3 times the CPU of a bare grpc.aio hop", f"{of:.2f}", of <= 1.3
            )
    if one := report.catalog:
        took = f"{one.list_ms:.2f} ms"
        yield Aim(f"`tools/list` of {LARGE:,} tools from cache: under 5 ms", took, one.list_ms < 5)
        of = ratio(_row(one.rows, f"{LARGE} tools", MANY), _row(one.rows, "10 tools", MANY), "cpu_us")
        if of is not None:
            yield Aim(
                f"a call costs the same at 10 and {LARGE:,} tools (within 10 %)", f"{of:.2f} times", of < 1.1
            )
    if report.workers:
        rows = report.workers.rows
        of = ratio(_row(rows, "2 workers", MANY), _row(rows, "1 workers", MANY), "calls_per_second")
        if of is not None:
            yield Aim("2 workers: at least 1.6 times one where each has a core", f"{of:.2f}", of >= 1.6)


def _aims_beside_others(rows: Sequence[Row]) -> Iterator[Aim]:
    ours, peer = _row(rows, OURS, MANY), _row(rows, PEER, MANY)
    if ours is None:
        return
    if (of := ratio(ours, peer, "calls_per_second")) is not None:
        yield Aim(f"at least 25 % of nginx's calls/s at {MANY} in flight", f"{of:.1%}", of >= 0.25)
    if (of := ratio(ours, peer, "p99_ms")) is not None:
        yield Aim("p99 at most 5 times nginx's", f"{of:.2f}", of <= 5)
    if (of := ratio(ours, peer, "cpu_us")) is not None:
        yield Aim("CPU per call at most 5 times nginx's", f"{of:.2f}", of <= 5)
    theirs = [row.middle.calls_per_second for row in rows if row.name.startswith("fastmcp")]
    if theirs:
        of = ours.middle.calls_per_second / max(theirs)
        yield Aim("at least 30 times FastMCP's best (of both ways, at 1, 16 or 64)", f"{of:.1f}", of >= 30)


def _aims_of_memory(found: Sequence[float], bounds: Bounds) -> Iterator[Aim]:
    calls = bounds.memory_step * (len(found) - 1)
    yield Aim("RSS under 160 MB", f"{max(found):.0f} MB at most", max(found) < 160)
    if len(found) > 3:  # it has warmed up after the second step
        grown = found[-1] / found[2] - 1
        what = f"RSS flat over {calls:,} calls (grown by less than 5 % after the first {2 * bounds.memory_step:,})"
        yield Aim(what, f"{grown:+.1%}", grown < 0.05)
