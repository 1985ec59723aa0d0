"""`analyze_numbers`: the figures of a list of numbers."""

from collections.abc import Sequence

from toolservers.calculator.limits import DIGITS_SHOWN
from toolservers.calculator.samples.answer import Analysis, Method


def analyze_numbers(
    numbers: Sequence[str],
    percentiles: Sequence[str] = (),
    method: Method = "inclusive",
    digits: int = DIGITS_SHOWN,
) -> Analysis:
    """Count, sum, mean, median, modes, spread (sample and population), quartiles and percentiles, all exact.

    The words for the schema:
        numbers: as strings, at most 10,000
        percentiles: from 0 to 100, for example `95` or `99.9`
        method: how percentiles fall between numbers: `inclusive` (Excel's PERCENTILE.INC, R 7),
            `exclusive` (PERCENTILE.EXC, R 6), `nearest_rank` (always one of the numbers)
        digits: significant digits of `decimal`

    Raises ToolError for a number that cannot be read, named by its place, and for what is over a limit.
    """
    raise NotImplementedError  # the signature first: the tool's is agreed on it; the work follows
