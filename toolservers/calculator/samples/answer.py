"""What `analyze_numbers` answers. Nothing is imported but the standard library, so that listing stays cheap."""

from dataclasses import dataclass
from typing import Literal

Method = Literal["inclusive", "exclusive", "nearest_rank"]


@dataclass(frozen=True)
class Figure:
    """`exact` as in `calculate`: an integer, a decimal or a fraction, and null for what is none of these or
    is longer than can be shown. `decimal` is rounded to at most the digits asked for."""

    exact: str | None
    decimal: str


@dataclass(frozen=True)
class Percentile:
    percent: str
    value: Figure


@dataclass(frozen=True)
class Analysis:
    """What has no value for these numbers is null; `warnings` says why."""

    count: int
    sum: Figure
    mean: Figure
    median: Figure
    modes: list[str]
    """The most frequent values, smallest first; empty where each value occurs once."""
    min: Figure
    max: Figure
    range: Figure
    variance_sample: Figure | None
    variance_population: Figure
    standard_deviation_sample: Figure | None
    standard_deviation_population: Figure
    geometric_mean: Figure | None
    quartile_1: Figure | None
    quartile_3: Figure | None
    percentiles: list[Percentile]
    definitions: list[str]
    warnings: list[str]
