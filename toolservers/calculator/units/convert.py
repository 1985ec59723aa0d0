"""`convert_units`: one value from a unit into another of the same dimension."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from toolservers.calculator.limits import DIGITS_SHOWN, MAX_DIGITS_SHOWN
from toolservers.calculator.numerals import comma_warning, exact_text, read_number, rounded_text
from toolservers.calculator.units.answer import Conversion
from toolservers.calculator.units.currencies import CODES, rate_between, read_rates
from toolservers.calculator.units.dimensions import in_words, remedy
from toolservers.calculator.units.reading import Part, Unit, read_unit
from toolservers.calculator.units.registry import Worth, worth
from toolward.errors import ToolError

MEASURED_DIGITS = 10
"""Significant digits of what rests on a measurement (CODATA 2022 gives atomic masses to about ten)."""

_OFFSETS = {  # to the zero of kelvin, in the scale's own degrees
    "kelvin": Fraction(0),
    "degree_Rankine": Fraction(0),
    "degree_Celsius": Fraction("273.15"),
    "degree_Fahrenheit": Fraction("459.67"),
}
_SHORT_DEGREES = {"C": "degC", "F": "degF"}
_DIFFERENCE = re.compile(r"\s*(?:delta[\s_]*|[Δ∆]\s*)", re.IGNORECASE)
_LONGEST = 40  # characters of a number in a step
_FUEL = "litre_per_100_km"


def convert_units(
    value: str,
    from_unit: str,
    to_unit: str,
    difference: bool = False,
    rates: Mapping[str, str] | None = None,
    digits: int = DIGITS_SHOWN,
) -> Conversion:
    """Raises ToolError for what is not understood, units of different dimensions, and money without a rate."""
    if not 1 <= digits <= MAX_DIGITS_SHOWN:
        raise ToolError(f"`digits` is {digits}; give a number from 1 to {MAX_DIGITS_SHOWN:,}.")
    amount = read_number(value, "the value")
    marked = [_DIFFERENCE.match(text) for text in (from_unit, to_unit)]
    plain = [
        text[mark.end() :] if mark else text for text, mark in zip((from_unit, to_unit), marked, strict=True)
    ]
    source, target = _read_both(*plain)
    asked = _Question(amount, source, target, difference=difference or any(marked), rates=rates or {})
    found = asked.answer()
    warnings = [
        *_once(filter(None, [comma_warning(value)]), source.warnings, target.warnings),
        *found.warnings,
    ]
    exact = None if found.is_measured or found.pi else exact_text(found.value)
    return Conversion(
        understood=f"{_short(value)} {source.shown} in {target.shown}{found.meaning}",
        exact=exact,
        decimal=_decimal(found, digits),
        is_exact=not (found.is_measured or found.pi),
        unit=target.shown,
        steps=found.steps,
        warnings=warnings,
    )


class _Found(NamedTuple):
    """The result is `value` * pi^`pi` of the target."""

    value: Fraction
    steps: list[str]
    pi: int = 0
    is_measured: bool = False
    meaning: str = ""
    warnings: tuple[str, ...] = ()


class _Question(NamedTuple):
    amount: Fraction
    source: Unit
    target: Unit
    difference: bool
    rates: Mapping[str, str]

    def answer(self) -> _Found:
        if self._are_temperatures() and not self.difference:
            return self._temperature()
        source, target = _worth(self.source), _worth(self.target)
        if self._is_fuel() and source.bases == _turned(target.bases):
            return self._fuel(source.factor, target.factor)
        exchanged, steps, warnings = self._exchanged(source, target)
        if exchanged.bases != target.bases:
            self._refuse(source, target)
        factor, pi = exchanged.factor / target.factor, source.pi - target.pi
        is_measured = source.measured != target.measured
        steps.append(f"1 {self.source.shown} = {_factor_text(factor, pi)} {self.target.shown}")
        if is_measured:
            warnings.append(
                f"This rests on a measured value (CODATA 2022), known to about {MEASURED_DIGITS} digits."
            )
        meaning, said = self._degrees()
        pi = pi if self.amount else 0  # nothing is nothing, in any unit
        return _Found(self.amount * factor, steps + said, pi, is_measured, meaning, tuple(warnings))

    def _are_temperatures(self) -> bool:
        return self.source.single in _OFFSETS and self.target.single in _OFFSETS

    def _temperature(self) -> _Found:
        """From a reading on one scale to that on another, by kelvins. (Only these have prefixes.)"""
        zeros = [_OFFSETS[unit.single] for unit in (self.source, self.target)]
        sizes = [_worth(unit).factor for unit in (self.source, self.target)]
        kelvins = (self.amount + zeros[0]) * sizes[0]
        if kelvins < 0:
            raise ToolError(
                f"{_text(self.amount)} {self.source.shown} is below absolute zero, so it is no temperature; for a "
                "difference between temperatures give `difference` as true."
            )
        value = kelvins / sizes[1] - zeros[1]
        reading = f"({_text(self.amount)} + {_text(zeros[0])})" if zeros[0] else _text(self.amount)
        scaled = "" if sizes[0] == 1 else f" * {_text(sizes[0])}"
        back = "" if sizes[1] == 1 else f" * {_text(1 / sizes[1])}"
        offset = f" - {_text(zeros[1])}" if zeros[1] else ""
        steps = [f"{reading}{scaled} = {_text(kelvins)} kelvin"]
        if back or offset:
            steps.append(f"{_text(kelvins)}{back}{offset} = {_text(value)} {self.target.shown}")
        return _Found(value, steps, meaning=" (absolute temperatures)")

    def _degrees(self) -> tuple[str, list[str]]:
        """What degrees mean here, where there are any that have a zero of their own."""
        parts = [*self.source.parts, *self.target.parts]
        if self._are_temperatures():
            return " (differences of temperature)", []
        if any(_OFFSETS.get(part.unit.name) for part in parts):
            return "", ["degrees in a compound unit are differences of temperature"]
        return "", []

    def _is_fuel(self) -> bool:
        return (self.source.single == _FUEL) != (self.target.single == _FUEL)

    def _fuel(self, source: Fraction, target: Fraction) -> _Found:
        if not self.amount:
            raise ToolError(
                "The value is 0, and of fuel per distance and distance per fuel one is the other's inverse."
            )
        factor = 1 / (source * target)
        steps = [f"one is the inverse of the other: {_text(factor)} / value"]
        return _Found(factor / self.amount, steps)

    def _exchanged(self, source: Worth, target: Worth) -> tuple[Worth, list[str], list[str]]:
        """The source with its currency changed into the target's where a rate does that, how, and warnings."""
        rates = read_rates(self.rates)
        ours, theirs = _money_in(source), _money_in(target)
        if ours == theirs:
            return source, [], ["The rates were not needed."] if rates else []
        if len(ours) != 1 or list(ours.values()) != list(theirs.values()):
            return source, [], []
        (base, power), (quote, _) = *ours.items(), *theirs.items()
        rate, step, warnings = rate_between(base, quote, rates)
        bases = {quote if one == base else one: power for one, power in source.bases.items()}
        return source._replace(factor=source.factor * rate**power, bases=bases), [step], warnings

    def _refuse(self, source: Worth, target: Worth) -> None:
        raise ToolError(
            f"{self.source.shown} measures {in_words(source.bases)}, and {self.target.shown} measures "
            f"{in_words(target.bases)}, so one cannot be converted into the other. "
            f"{remedy(source.bases, target.bases)}"
        )


def _read_both(source: str, target: str) -> tuple[Unit, Unit]:
    """`C` and `F` are coulomb and farad, except beside a temperature."""
    texts, warnings = [source.strip(), target.strip()], ("", "")
    if any(text in _SHORT_DEGREES for text in texts):
        meant = [_SHORT_DEGREES.get(text, text) for text in texts]
        units = [read_unit(text, what) for text, what in zip(meant, ("from_unit", "to_unit"), strict=True)]
        if all(unit.single in _OFFSETS for unit in units):
            warnings = tuple(
                f"{text} was taken for the {unit.shown}, as the other unit is a temperature."
                if text != said
                else ""
                for text, said, unit in zip(texts, meant, units, strict=True)
            )
            texts = meant
    units = [read_unit(text, what) for text, what in zip(texts, ("from_unit", "to_unit"), strict=True)]
    first, last = (
        replace(unit, warnings=(*unit.warnings, warning) if warning else unit.warnings)
        for unit, warning in zip(units, warnings, strict=True)
    )
    return first, last


def _worth(unit: Unit) -> Worth:
    factor, pi, measured, bases = Fraction(1), 0, 0, dict[str, int]()
    for part in unit.parts:
        one = _of(part)
        factor *= (one.factor * part.unit.times) ** part.power
        pi += one.pi * part.power
        measured += one.measured * part.power
        for base, power in one.bases.items():
            bases[base] = bases.get(base, 0) + power * part.power
    return Worth(factor, pi, {base: power for base, power in bases.items() if power}, measured)


def _of(part: Part) -> Worth:
    if part.is_currency:
        return Worth(Fraction(1), 0, {part.unit.name: 1}, 0)
    found = worth(part.unit.name)
    if found is None:
        raise LookupError(f"pint has no value of whole powers for {part.unit.name}")
    return found


def _money_in(worth: Worth) -> dict[str, int]:
    return {base: power for base, power in worth.bases.items() if base in CODES}


def _turned(bases: Mapping[str, int]) -> dict[str, int]:
    return {base: -power for base, power in bases.items()}


def _decimal(found: _Found, digits: int) -> str:
    if found.is_measured:
        digits = min(digits, MEASURED_DIGITS)
    return rounded_text(_times_pi(found.value, found.pi, digits) if found.pi else found.value, digits)


def _times_pi(value: Fraction, pi: int, digits: int) -> Decimal:
    from toolservers.calculator.reals import Real, Undecided, agreed, real, working

    bits = 4 * digits + 64
    while True:
        try:
            with working(bits):
                return agreed(real(value) * Real.pi() ** pi, Context(digits, ROUND_HALF_UP))
        except Undecided:
            bits *= 2


def _factor_text(factor: Fraction, pi: int) -> str:
    if not pi:
        return _text(factor)
    power = "pi" if abs(pi) == 1 else f"pi^{abs(pi)}"
    return f"{_text(factor)} {'*' if pi > 0 else '/'} {power}"


def _text(value: Fraction) -> str:
    exact = exact_text(value)
    return exact if exact is not None and len(exact) <= _LONGEST else rounded_text(value)


def _short(text: str) -> str:
    return text.strip() if len(text) <= 100 else f"{text.strip()[:97]}..."


def _once(*warnings: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(one for several in warnings for one in several))
