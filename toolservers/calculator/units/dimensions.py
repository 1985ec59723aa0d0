"""What units measure, in words."""

from collections.abc import Mapping

Dimensions = Mapping[str, int]
"""The powers of base units: `{"meter": 1, "second": -1}` for speeds."""

_WORDS = {
    "meter": "length",
    "gram": "mass",
    "second": "time",
    "ampere": "electric current",
    "kelvin": "temperature",
    "mole": "amount of substance",
    "candela": "luminous intensity",
    "radian": "angle",
    "bit": "information",
    "count": "count",
    "pixel": "pixels",
}
_KNOWN = {
    "a mere number": {},
    "area": {"meter": 2},
    "volume": {"meter": 3},
    "speed": {"meter": 1, "second": -1},
    "acceleration": {"meter": 1, "second": -2},
    "frequency": {"second": -1},
    "frequency of events": {"count": 1, "second": -1},
    "angular speed": {"radian": 1, "second": -1},
    "solid angle": {"radian": 2},
    "force": {"gram": 1, "meter": 1, "second": -2},
    "pressure": {"gram": 1, "meter": -1, "second": -2},
    "energy or torque": {"gram": 1, "meter": 2, "second": -2},
    "power": {"gram": 1, "meter": 2, "second": -3},
    "density": {"gram": 1, "meter": -3},
    "volume flow": {"meter": 3, "second": -1},
    "mass flow": {"gram": 1, "second": -1},
    "distance per volume": {"meter": -2},
    "electric charge": {"ampere": 1, "second": 1},
    "voltage": {"gram": 1, "meter": 2, "second": -3, "ampere": -1},
    "electric resistance": {"gram": 1, "meter": 2, "second": -3, "ampere": -2},
    "capacitance": {"gram": -1, "meter": -2, "second": 4, "ampere": 2},
    "inductance": {"gram": 1, "meter": 2, "second": -2, "ampere": -2},
    "luminous flux": {"candela": 1, "radian": 2},
    "illuminance": {"candela": 1, "radian": 2, "meter": -2},
    "absorbed dose": {"meter": 2, "second": -2},
    "concentration of substance": {"mole": 1, "meter": -3},
    "data rate": {"bit": 1, "second": -1},
    "thermal conductivity": {"gram": 1, "meter": 1, "second": -3, "kelvin": -1},
    "specific heat": {"meter": 2, "second": -2, "kelvin": -1},
    "heat capacity": {"gram": 1, "meter": 2, "second": -2, "kelvin": -1},
    "dynamic viscosity": {"gram": 1, "meter": -1, "second": -1},
    "linear density": {"gram": 1, "meter": -1},
}
_BY_POWERS = {frozenset(powers.items()): name for name, powers in _KNOWN.items()}


def in_words(dimensions: Dimensions) -> str:
    """`speed`, or `mass · length^2 / time^3` where there is no word."""
    if (known := _BY_POWERS.get(frozenset(dimensions.items()))) is not None:
        return known
    over = " · ".join(_raised(base, power) for base, power in sorted(dimensions.items()) if power > 0)
    under = " · ".join(_raised(base, -power) for base, power in sorted(dimensions.items()) if power < 0)
    return f"{over or '1'} / {under}" if under else over


def remedy(source: Dimensions, target: Dimensions) -> str:
    """What to do where one cannot be converted into the other."""
    difference = {base: source.get(base, 0) - target.get(base, 0) for base in {*source, *target}}
    difference = {base: power for base, power in difference.items() if power}
    for needed, powers in _NEEDED:
        if difference in (powers, {base: -power for base, power in powers.items()}):
            return needed
    if source == {base: -power for base, power in target.items()}:
        return "One is the inverse of the other: convert 1/value, with the other unit turned over."
    return "Choose units of one dimension."


_NEEDED = (
    (
        "Between volume and mass a density is needed: multiply by it with `calculate`. (As volume, oz is `fl oz`.)",
        {"gram": 1, "meter": -3},
    ),
    (
        "Between mass and force acceleration is needed: for weights on Earth use `lbf` or `kgf`.",
        {"meter": 1, "second": -2},
    ),
    (
        "Angles are kept apart from mere numbers: write `rad`, `deg` or `rev` (`rev/s`) on both sides.",
        {"radian": 1},
    ),
    ("A duration is missing: divide or multiply one side by `s`, or `h`.", {"second": 1}),
)


def _raised(base: str, power: int) -> str:
    word = _WORDS.get(base) or (f"money in {base}" if base.isupper() else base)
    return word if power == 1 else f"{word}^{power}"
