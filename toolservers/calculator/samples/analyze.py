"""`analyze_numbers`: the figures of a list of numbers."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from toolservers.calculator.limits import DIGITS_SHOWN, MAX_DIGITS_SHOWN
from toolservers.calculator.numerals import read_number, rounded_text
from toolservers.calculator.samples.answer import Analysis, Figure, Method, Percentile
from toolservers.calculator.samples.figures import Figures
from toolservers.calculator.samples.percentiles import DEFINITIONS, percentile
from toolservers.calculator.samples.reading import Sample, read_sample
from toolward.errors import ToolError

MAX_PERCENTILES = 50
MAX_MODES = 20

_LONGEST_PERCENT = 40  # characters; it is shown again

_SPREAD = (
    "variance_sample divides by n-1 (the numbers are a sample), variance_population by n (they are all there "
    "are); a standard deviation is the root of its variance"
)
_MEDIAN = "median: the middle number, or the mean of the two in the middle"
_GEOMETRIC = "geometric_mean: the n-th root of the product, for numbers above 0"


def analyze_numbers(
    numbers: Sequence[str],
    percentiles: Sequence[str] = (),
    method: Method = "inclusive",
    digits: int = DIGITS_SHOWN,
) -> Analysis:
    """Count, sum, mean, median, modes, spread (sample and population), quartiles and percentiles, all exact.

    `percentiles` are from 0 to 100, and `digits` the significant digits of each `decimal`.

    Raises ToolError for a number that cannot be read, named by its place, and for what is over a limit.
    """
    if not 1 <= digits <= MAX_DIGITS_SHOWN:
        raise ToolError(f"`digits` is {digits}; the limits are 1 to {MAX_DIGITS_SHOWN:,}.")
    if method not in DEFINITIONS:
        raise ToolError(f"There is no method {method!r}; there are {', '.join(DEFINITIONS)}.")
    percents = _read_percents(percentiles)
    return _Analysis(read_sample(numbers), Figures(digits), method).answer(percents)


def _read_percents(texts: Sequence[str]) -> list[tuple[str, Fraction]]:
    if len(texts) > MAX_PERCENTILES:
        raise ToolError(
            f"There are {len(texts):,} percentiles, and the limit is {MAX_PERCENTILES}; ask for fewer."
        )
    percents = list[tuple[str, Fraction]]()
    for place, text in enumerate(texts, 1):
        if len(text) > _LONGEST_PERCENT:
            raise ToolError(
                f"Percentile {place} has {len(text):,} characters; write it shorter, such as 99.9."
            )
        percent = read_number(text.strip().removesuffix("%"), f"percentile {place}")
        if not 0 <= percent <= 100:
            raise ToolError(f"Percentile {place} is {text!r}; percentiles are from 0 to 100.")
        percents.append((text.strip(), percent))
    return percents


class _Analysis:
    def __init__(self, sample: Sample, figures: Figures, method: Method) -> None:
        self._sample = sample
        self._figures = figures
        self._method: Method = method
        self._ordered = sorted(sample.scaled)
        self._warnings = sample.warnings

    def answer(self, percents: list[tuple[str, Fraction]]) -> Analysis:
        ordered, count, sum_ = self._ordered, len(self._ordered), sum(self._ordered)
        sample, population = self._variances(sum_)
        modes = self._modes()
        found = [Percentile(text, self._asked(text, percent)) for text, percent in percents]
        quartiles = [self._quartile(percent) for percent in (25, 75)]
        analysis = Analysis(
            count=count,
            sum=self._figure(sum_),
            mean=self._figure(Fraction(sum_, count)),
            median=self._figure(Fraction(ordered[(count - 1) // 2] + ordered[count // 2], 2)),
            modes=modes,
            min=self._figure(ordered[0]),
            max=self._figure(ordered[-1]),
            range=self._figure(ordered[-1] - ordered[0]),
            variance_sample=self._figures.of(sample) if sample is not None else None,
            variance_population=self._figures.of(population),
            standard_deviation_sample=self._figures.root_of(sample) if sample is not None else None,
            standard_deviation_population=self._figures.root_of(population),
            geometric_mean=self._geometric_mean(),
            quartile_1=quartiles[0],
            quartile_3=quartiles[1],
            percentiles=found,
            definitions=[
                _MEDIAN,
                _SPREAD,
                f"quartiles and percentiles, {self._method}: {DEFINITIONS[self._method]}",
            ],
            warnings=self._warnings,
        )
        if analysis.geometric_mean is not None:
            analysis.definitions.append(_GEOMETRIC)
        if self._figures.too_long:
            self._warnings.append("Exact values that are too long to show are null.")
        return analysis

    def _variances(self, sum_: int) -> tuple[Fraction | None, Fraction]:
        """Of a sample, and of a population."""
        count = len(self._ordered)
        of_squares = sum(number * number for number in self._ordered)
        deviations = Fraction(count * of_squares - sum_ * sum_, count * self._sample.denominator**2)
        if count == 1:
            self._warnings.append("A sample of one number has no variance.")
        return (deviations / (count - 1) if count > 1 else None), deviations / count

    def _figure(self, scaled: int | Fraction) -> Figure:
        return self._figures.of(self._sample.value(scaled))

    def _modes(self) -> list[str]:
        counts = Counter(self._ordered)
        most = max(counts.values())
        if most == 1 and len(counts) > 1:
            return []
        modes = [number for number, times in counts.items() if times == most]
        if len(modes) > MAX_MODES:
            self._warnings.append(f"There are {len(modes):,} modes; the {MAX_MODES} smallest are shown.")
        shown = (self._figure(number) for number in modes[:MAX_MODES])
        return [figure.exact or figure.decimal for figure in shown]

    def _quartile(self, percent: int) -> Figure | None:
        value = percentile(self._ordered, Fraction(percent), self._method)
        if value is None:
            text = "By the exclusive method, fewer than three numbers have no quartiles."
            self._warnings += [text] if text not in self._warnings else []
            return None
        return self._figure(value)

    def _asked(self, text: str, percent: Fraction) -> Figure:
        value = percentile(self._ordered, percent, self._method)
        if value is None:
            most = len(self._ordered) + 1
            low, high = (rounded_text(Fraction(100 * at, most), 4) for at in (1, most - 1))
            raise ToolError(
                f"By the exclusive method, {most - 1} numbers have percentiles from {low} to {high} only, and "
                f"{text!r} is not among them; take `inclusive` or `nearest_rank`."
            )
        return self._figure(value)

    def _geometric_mean(self) -> Figure | None:
        if self._ordered[0] <= 0:
            return None
        mean = self._figures.geometric_mean(self._ordered, self._sample.denominator)
        if mean is None:
            self._warnings.append(
                "The last digit of the geometric mean is not certain; ask for fewer `digits`."
            )
        return mean
