"""What each unit is worth: pint's definitions, read as exact fractions, with what is not rational kept apart.

pint writes pi as a number of 50 digits. Here it is a unit of its own without a value, so that factors stay exact
fractions of powers of pi; what is measured is marked in the same way.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from pint import UnitRegistry

_DEFINED_HERE = {
    "pi": "pi = [] = π",
    "measured": "measured = []",
    # IAU 2015, resolution B2: by the small angle itself, not by its tangent.
    "parsec": "parsec = 648000 / π * astronomical_unit = pc",
    # NIST gave up the survey foot at the end of 2022: what stood on it stands on the international foot.
    "link": "link = 1e-2 * chain = li",
    "fathom": "fathom = 6 * foot",
    "rod": "rod = 16.5 * foot = rd = pole = perch",
    "league": "league = 3 * mile",
    "acre_foot": "acre_foot = acre * foot = _ = acre_feet",
    # NIST SP 811, appendix B: by the calorie of the International Table, which most tables mean.
    "british_thermal_unit": "british_thermal_unit = 1055.05585262 * joule = Btu = BTU",
    # Which people mean differs by country; these have names and values that are laid down.
    "metric_cup": "metric_cup = 250 * milliliter",
    "metric_tablespoon": "metric_tablespoon = 15 * milliliter",
    "metric_teaspoon": "metric_teaspoon = 5 * milliliter",
    "mile_per_gallon": "mile_per_gallon = mile / gallon",
    "mile_per_uk_gallon": "mile_per_uk_gallon = mile / imperial_gallon",
    "litre_per_100_km": "litre_per_100_km = liter / (100 * kilometer)",
    "gallon_per_minute": "gallon_per_minute = gallon / minute",
    "cubic_foot_per_minute": "cubic_foot_per_minute = foot ** 3 / minute",
    "bytes_per_second": "bytes_per_second = byte / second",
    "newton_meter": "newton_meter = newton * meter",
    "million_Btu": "million_Btu = 1e6 * british_thermal_unit",
    "us_survey_acre": "us_survey_acre = 43560 * survey_foot ** 2",
}


class Worth(NamedTuple):
    """`factor` * pi^`pi` of the base units with their powers: metre, gram, second, ampere, kelvin, mole, candela,
    radian, bit, count and currencies."""

    factor: Fraction
    pi: int
    bases: dict[str, int]
    measured: int
    """0 where it rests on no measurement, or that cancels out."""


@cache
def worth(name: str) -> Worth | None:
    """Of a unit by pint's own name for it. None where it is no multiple of base units by whole powers."""
    factor, bases = _registry().get_root_units(name)  # as a difference, where the unit has a zero of its own
    found = dict(_registry().Quantity(1, bases).unit_items())
    if not isinstance(factor, Fraction | int) or any(power.denominator != 1 for power in found.values()):
        return None
    powers = {str(base): int(power) for base, power in found.items()}
    pi, measured = powers.pop("pi", 0), powers.pop("measured", 0)
    return Worth(Fraction(factor), pi, powers, measured)


@cache
def _registry() -> Any:
    pint: Any = UnitRegistry  # its own types know neither fractions nor an empty registry
    registry = pint(None, non_int_type=Fraction)
    registry.load_definitions(list(_definitions()))
    return registry


def _definitions() -> Iterator[str]:
    """pint's own lines, without its systems and contexts, and with ours in the place of those of the same name."""
    package = files("pint")
    constants = (package / "constants_en.txt").read_text(encoding="utf-8")
    units = (package / "default_en.txt").read_text(encoding="utf-8").partition("@context")[0]
    units = units.partition("@defaults")[2].partition("@end")[
        2
    ]  # what is before it names a group and a system
    ours = dict(_DEFINED_HERE)
    section = ""
    for line in units.replace("@import constants_en.txt", constants).splitlines():
        text = line.strip()
        if text.startswith("####"):
            section = text
        if not text or text[0] in "#@":
            continue
        name = text.partition("=")[0].strip()
        if name in ours:
            yield ours.pop(name)
        elif "MEASURED CONSTANTS" in section:
            value, *aliases = text.partition("#")[0].partition("=")[2].split("=")
            yield " = ".join([name, f"{value.strip()} * measured", *map(str.strip, aliases)])
        else:
            yield text
    yield from ours.values()
