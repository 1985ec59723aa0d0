"""Counters, gauges and histograms in Prometheus' text format (0.0.4): the little of it that we need, without a
package. A metric keeps at most MAX_SERIES combinations of labels, since callers choose some of them."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from toolward.telemetry.names import OTHER

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_SERIES = 1000
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
LONG_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
PATIENT_BUCKETS = (1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0, 604_800.0)

Labels = tuple[str, ...]


class Metric:
    kind = ""

    def __init__(self, name: str, said: str, labels: Sequence[str] = ()) -> None:
        self.name, self.said, self.labels = name, said, tuple(labels)

    def lines(self) -> Iterator[str]:
        yield f"# HELP {self.name} {self.said}"
        yield f"# TYPE {self.name} {self.kind}"
        yield from self.samples()

    def samples(self) -> Iterator[str]:
        raise NotImplementedError

    def _series(self, labels: Labels, known: int) -> Labels:
        """Where a new combination of labels is counted: in a series for the rest, once there are too many."""
        return labels if known < MAX_SERIES else (OTHER,) * len(self.labels)

    def _sample(self, labels: Labels, value: float, suffix: str = "", extra: str = "") -> str:
        pairs = [f'{name}="{_escaped(value)}"' for name, value in zip(self.labels, labels, strict=True)]
        if extra:
            pairs.append(extra)
        inside = f"{{{','.join(pairs)}}}" if pairs else ""
        return f"{self.name}{suffix}{inside} {value:.15g}"


class Counter(Metric):
    """Counted in whole numbers, and told in `unit`s of them: sums of fractions would drift."""

    kind = "counter"

    def __init__(self, name: str, said: str, labels: Sequence[str] = (), *, unit: int = 1) -> None:
        super().__init__(name, said, labels)
        self._values: dict[Labels, int] = {}
        self._unit = unit

    def add(self, *labels: str, count: int = 1) -> None:
        values = self._values
        if labels not in values:
            labels = self._series(labels, len(values))
        values[labels] = values.get(labels, 0) + count

    def samples(self) -> Iterator[str]:
        for labels, value in self._values.items():
            yield self._sample(labels, value / self._unit if self._unit != 1 else value)


class Gauge(Metric):
    """One number, without labels."""

    kind = "gauge"
    value = 0

    def samples(self) -> Iterator[str]:
        yield self._sample((), self.value)


class _Times:
    """How often a time fell into each bucket (the last one has no bound), and their sum."""

    __slots__ = ("counts", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * (buckets + 1)
        self.total = 0.0


class Histogram(Metric):
    """Seconds."""

    kind = "histogram"

    def __init__(
        self, name: str, said: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = BUCKETS
    ) -> None:
        super().__init__(name, said, labels)
        self._times: dict[Labels, _Times] = {}
        self._buckets = buckets

    def observe(self, seconds: float, *labels: str) -> None:
        times = self._times.get(labels)
        if times is None:
            times = self._times.setdefault(self._series(labels, len(self._times)), _Times(len(self._buckets)))
        times.counts[bisect_left(self._buckets, seconds)] += 1
        times.total += seconds

    def samples(self) -> Iterator[str]:
        for labels, times in self._times.items():
            count = 0
            for bound, here in zip((*map(str, self._buckets), "+Inf"), times.counts, strict=True):
                count += here
                yield self._sample(labels, count, "_bucket", f'le="{bound}"')
            yield self._sample(labels, times.total, "_sum")
            yield self._sample(labels, count, "_count")


def render(*metrics: Metric) -> bytes:
    """What a scrape is answered."""
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines()).encode(errors="replace")


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
