"""`python -m tests.fuzz.numbers [--count 10000] [--seed 0]`: analyze_numbers against `statistics` over fractions.
A root is not computed again but proven: the true value lies within half a unit of its last digit."""

import statistics
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import prod
from random import Random

from tests.fuzz.campaign import campaign
from toolservers.calculator.samples.analyze import analyze_numbers
from toolservers.calculator.samples.answer import Figure, Method

METHODS: tuple[Method, ...] = ("inclusive", "exclusive", "nearest_rank")


def check(random: Random) -> None:
    """One random list. Raises AssertionError where the two differ."""
    texts = _texts(random)
    values = [Fraction(text.replace(",", "")) for text in texts]
    digits = random.choice((1, 5, 20, 50, 80))
    method = random.choice(METHODS)
    percents = _percents(random, len(values), method)
    found = analyze_numbers(texts, [str(percent) for percent in percents], method, digits)
    case = (texts, digits, method, percents)
    for figure, value in (
        (found.sum, sum(values)),
        (found.mean, statistics.mean(values)),
        (found.median, statistics.median(values)),
        (found.min, min(values)),
        (found.max, max(values)),
        (found.range, max(values) - min(values)),
        (found.variance_population, statistics.pvariance(values)),
        *(
            (one.value, _percentile(values, percent, method))
            for one, percent in zip(found.percentiles, percents, strict=True)
        ),
    ):
        assert _is(figure, Fraction(value), digits), (case, figure, value)
    assert found.count == len(values)
    assert _is_power(found.standard_deviation_population, statistics.pvariance(values), 2, digits), case
    if len(values) > 1:
        assert found.variance_sample is not None
        assert found.standard_deviation_sample is not None
        assert _is(found.variance_sample, statistics.variance(values), digits), case
        assert _is_power(found.standard_deviation_sample, statistics.variance(values), 2, digits), case
    modes = sorted(statistics.multimode(values))
    expected = [] if len(modes) == len(values) > 1 else modes[:20]
    assert [Fraction(mode) for mode in found.modes] == expected, case
    assert (found.geometric_mean is None) == (min(values) <= 0), case
    if found.geometric_mean is not None:
        assert _is_power(found.geometric_mean, Fraction(prod(values)), len(values), digits), case


def _is(figure: Figure, value: Fraction, digits: int) -> bool:
    exact = figure.exact is None or Fraction(figure.exact) == value
    return exact and _within(figure, digits, lambda low, high: low <= value <= high, value)


def _is_power(figure: Figure, power: Fraction, degree: int, digits: int) -> bool:
    """Whether the figure, which is not below 0, is the root of `power`."""
    if figure.exact is not None:
        return Fraction(figure.exact) ** degree == power and _is(figure, Fraction(figure.exact), digits)
    root = Fraction(figure.decimal)
    return _within(
        figure, digits, lambda low, high: max(low, Fraction(0)) ** degree < power < high**degree, root
    )


def _within(
    figure: Figure, digits: int, holds: Callable[[Fraction, Fraction], bool], about: Fraction
) -> bool:
    shown = Decimal(figure.decimal)
    if not about or not shown:
        return not about and not shown
    half = Fraction(10) ** (shown.adjusted() - digits + 1) / 2
    fits = len(shown.normalize().as_tuple().digits) <= digits
    return fits and holds(Fraction(shown) - half, Fraction(shown) + half)


def _percentile(values: list[Fraction], percent: Fraction, method: Method) -> Fraction:
    if method == "nearest_rank":
        enough = (
            one
            for one in sorted(values)
            if sum(other <= one for other in values) * 100 >= percent * len(values)
        )
        return next(enough)
    if len(values) == 1:
        return values[0]
    if method == "inclusive" and percent in (0, 100):
        return max(values) if percent else min(values)
    share = percent / 100
    return statistics.quantiles(values, n=share.denominator, method=method)[share.numerator - 1]


def _percents(random: Random, count: int, method: Method) -> list[Fraction]:
    step = random.choice((1, 1, 1, 7))
    asked = [Fraction(random.randint(0, 20 * step), step) * 5 for _ in range(random.randint(0, 4))]
    if method != "exclusive":
        return asked
    low = Fraction(100, count + 1)
    return [percent for percent in asked if low <= percent <= 100 - low]


def _texts(random: Random) -> list[str]:
    """Whole numbers, money, fractions, tiny and huge ones; some lists with repeats, some of one kind."""
    kinds: tuple[Callable[[], str], ...] = (
        lambda: str(random.randint(-20, 20)),
        lambda: f"{random.randint(-(10**8), 10**8) / 100:,.2f}",
        lambda: f"{random.randint(-99, 99)}/{random.randint(1, 30)}",
        lambda: f"{random.randint(1, 10**6)}e{random.randint(-40, 40)}",
        lambda: str(random.choice((1, 2, 4, 8, 16, 27))),
        lambda: str(random.getrandbits(400)),
    )
    chosen = random.sample(kinds, random.choice((1, 1, 2, 6)))
    return [random.choice(chosen)() for _ in range(random.choice((1, 2, 3, 5, 10, 40)))]


if __name__ == "__main__":
    campaign("tests.fuzz.numbers", "lists of numbers", __doc__, check)
