"""Samples, their medians, and the table for people."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec

AIM_US = 25.0
AIM_RATIO = 2.0


class Sizes(msgspec.Struct, frozen=True):
    """Samples of one shape by number of rules, in microseconds: the n-th of each lie side by side in time.
    `yardstick` is one bare evaluation of a condition, in the same moments."""

    shape: str
    what: str
    aim: bool
    yardstick: list[float]
    decide: dict[int, list[float]]
    listable: dict[int, list[float]]

    def summary(self) -> dict[str, Any]:
        least, most = min(self.decide), max(self.decide)
        pairs = zip(self.decide[most], self.decide[least], strict=True)
        return {
            "shape": self.shape,
            "decide_us": {size: median(samples) for size, samples in self.decide.items()},
            "listable_us": {size: median(samples) for size, samples in self.listable.items()},
            "yardstick_us": median(self.yardstick),
            "ratio": median(large / small for large, small in pairs),
        }


def table(found: Sequence[Sizes]) -> str:
    sizes = list(found[0].decide)
    head = [
        *(f"{size:,} rules" for size in sizes),
        "most / least",
        "bare evaluation",
        *(f"listing, {n:,}" for n in sizes),
    ]
    lines = ["| shape | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for one in found:
        said = one.summary()
        cells = [
            *(f"{said['decide_us'][size]:.1f} µs" for size in sizes),
            f"{said['ratio']:.2f}",
            f"{said['yardstick_us']:.1f} µs",
            *(f"{said['listable_us'][size]:.1f} µs" for size in sizes),
        ]
        lines.append(f"| {one.shape} | " + " | ".join(cells) + " |")
    lines += ["", *(f"{one.shape}: {one.what}{'' if one.aim else ' (outside the aim)'}" for one in found), ""]
    lines.append(f"aim: at most {AIM_US:g} µs at {sizes[-1]:,} rules, at most {AIM_RATIO:g} times that of 10")
    return "\n".join(lines)
