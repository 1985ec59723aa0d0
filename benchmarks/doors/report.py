"""Samples, what they come to, and how that is shown."""

from statistics import median
from typing import Any

import msgspec

AIMS = {
    "http": "at least 8 times the calls per second of the SDK's server",
    "stdio": "at least 4 times the calls per second of the SDK's server",
    "grpc": "at most 1.3 times the CPU of bare grpc.aio",
    "start": "at most 35 % of the SDK's server",
}


class Sample(msgspec.Struct, frozen=True):
    """One burst: calls a second by the wall clock, and the server's CPU in microseconds a call."""

    calls_per_second: float
    cpu_us: float


class Pair(msgspec.Struct, frozen=True):
    """Bursts on ours and on the other server, taken in turn: the n-th of each lie side by side in time."""

    door: str
    in_flight: int
    ours: list[Sample]
    other: list[Sample]

    def summary(self) -> dict[str, Any]:
        pairs = list(zip(self.ours, self.other, strict=True))
        return {
            "door": self.door,
            "in_flight": self.in_flight,
            "ours_calls_per_second": median(one.calls_per_second for one in self.ours),
            "other_calls_per_second": median(one.calls_per_second for one in self.other),
            "speed_ratio": median(a.calls_per_second / b.calls_per_second for a, b in pairs),
            "ours_cpu_us": median(one.cpu_us for one in self.ours),
            "other_cpu_us": median(one.cpu_us for one in self.other),
            "cpu_ratio": median(a.cpu_us / b.cpu_us for a, b in pairs),
        }


class Starts(msgspec.Struct, frozen=True):
    """Milliseconds from starting the process to its answers to `initialize` and `tools/list`, in turn."""

    ours: list[float]
    other: list[float]

    def summary(self) -> dict[str, Any]:
        return {
            "ours_ms": median(self.ours),
            "other_ms": median(self.other),
            "ratio": median(a / b for a, b in zip(self.ours, self.other, strict=True)),
        }


def table(calls: list[dict[str, Any]], start: dict[str, Any]) -> str:
    lines = [
        "| door | in flight | ours, calls/s | other, calls/s | speed | ours, CPU µs | other, CPU µs | CPU |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one['door']} | {one['in_flight']} | {one['ours_calls_per_second']:,.0f} "
        f"| {one['other_calls_per_second']:,.0f} | {one['speed_ratio']:.2f} "
        f"| {one['ours_cpu_us']:.0f} | {one['other_cpu_us']:.0f} | {one['cpu_ratio']:.2f} |"
        for one in calls
    ]
    lines += [
        "",
        f"stdio start: ours {start['ours_ms']:.0f} ms, the SDK's {start['other_ms']:.0f} ms: "
        f"{start['ratio']:.0%}",
        "",
    ]
    return "\n".join(lines + [f"aim, {what}: {aim}" for what, aim in AIMS.items()])
