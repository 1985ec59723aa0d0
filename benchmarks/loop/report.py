"""Samples, what they come to, and how that is shown."""

from statistics import median
from typing import Any, NamedTuple

import msgspec

AIMS = (
    "aim, ours: at most 0.8 ms of CPU a turn, the same at 10 and 200 turns and at 10 and 500 tools",
    "aim, ours: at least 1,000 turns a second on one processor (50 runs at once)",
)


class Case(NamedTuple):
    """`runs` of `turns` each, so many at once, with so many tools. `peers`: others are measured, too."""

    tools: int
    turns: int
    at_once: int
    runs: int = 1
    peers: bool = True

    @property
    def words(self) -> str:
        together = f"{self.at_once} runs at once" if self.at_once > 1 else "one run"
        return f"{self.tools} tools, {self.turns} turns, {together}"


class Sample(msgspec.Struct, frozen=True):
    """Of one turn: its processor time in the measured process, and its time by the clock."""

    cpu_ms: float
    wall_ms: float


class Measured(msgspec.Struct):
    """The n-th sample of each participant lies beside the n-th of the others in time."""

    case: Case
    samples: dict[str, list[Sample]]

    def summary(self) -> dict[str, Any]:
        return {"case": self.case._asdict(), "of": {name: self._of(name) for name in self.samples}}

    def _of(self, name: str) -> dict[str, float]:
        mine = self.samples[name]
        ours = self.samples.get("ours", mine)
        return {
            "cpu_ms": median(one.cpu_ms for one in mine),
            "wall_ms": median(one.wall_ms for one in mine),
            "turns_per_second": 1000 / median(one.wall_ms for one in mine),
            "turns_per_cpu_second": 1000 / median(one.cpu_ms for one in mine),
            "of_ours": median(one.cpu_ms / our.cpu_ms for one, our in zip(mine, ours, strict=True)),
        }


def table(found: list[dict[str, Any]]) -> str:
    lines = [
        "| | | CPU ms a turn | of ours | ms a turn | turns/s | turns/s of CPU |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found:
        words = Case(**one["case"]).words
        for name, of in one["of"].items():
            lines.append(
                f"| {words} | {name} | {of['cpu_ms']:.2f} | {of['of_ours']:.2f} | {of['wall_ms']:.2f} "
                f"| {of['turns_per_second']:,.0f} | {of['turns_per_cpu_second']:,.0f} |"
            )
            words = ""
    return "\n".join([*lines, "", *AIMS])
