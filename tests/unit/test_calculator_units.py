"""Conversion of units: a table of definitions, what is told and what is refused, and round trips over all units."""

import contextlib
import itertools
import shutil
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolservers.calculator.units.convert import convert_units
from toolservers.calculator.units.names import Found, Named, names
from toolservers.calculator.units.reading import read_unit
from toolservers.calculator.units.registry import Worth, worth
from toolward.errors import ToolError

with mpmath.workdps(1100):  # pyright: ignore[reportUnknownMemberType]
    PI = Fraction(str(+mpmath.mp.pi))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]

# (value, from, to, exact): from the SI brochure (9th edition), NIST SP 811 and Handbook 44, the UK's Units of
# Measurement Regulations 1995, IEC 80000-13, IAU 2012 resolution B2.
DEFINITIONS = [
    ("1", "in", "cm", "2.54"),
    ("5", "mile", "km", "8.04672"),
    ("1", "nmi", "m", "1852"),
    ("1", "US survey foot", "m", "1200/3937"),
    ("1", "au", "m", "149597870700"),
    ("1", "light-year", "m", "9460730472580800"),
    ("1", "acre", "m^2", "4046.8564224"),
    ("1", "hectare", "m²", "10000"),
    ("1", "US gal", "L", "3.785411784"),
    ("1", "gallon (UK)", "litres", "4.54609"),
    ("1", "imperial pint", "ml", "568.26125"),
    ("1", "US fl oz", "mL", "29.5735295625"),
    ("16", "fl. oz. (U.K.)", "mL", "454.609"),
    ("1", "US bushel", "cubic inches", "2150.42"),
    ("1", "metric cup", "mL", "250"),
    ("1", "lb", "kg", "0.45359237"),
    ("1", "troy ounce", "g", "31.1034768"),
    ("1", "UK ton", "lb", "2240"),
    ("1", "short ton", "kg", "907.18474"),
    ("1", "stone", "lb", "14"),
    ("1", "lbf", "N", "4.4482216152605"),
    ("1", "atm", "hPa", "1013.25"),
    ("760", "Torr", "atm", "1"),
    ("1", "kWh", "MJ", "3.6"),
    ("1", "eV", "J", "0.0000000000000000001602176634"),
    ("1", "kcal", "J", "4184"),
    ("1", "Btu", "J", "1055.05585262"),
    ("1", "MMBtu", "therms", "10"),
    ("1", "W/(m K)", "Btu/(h ft degF)", "30480000000/52752792631"),
    ("1", "metric horsepower", "W", "735.49875"),
    ("1", "ft-lb", "N m", "1.3558179483314004"),
    ("36", "km/h", "m/s", "10"),
    ("1", "knot", "km/h", "1.852"),
    ("1", "kilometres per hour", "m s-1", "5/18"),
    ("1", "kg m^2/s^2", "J", "1"),
    ("1", "kg·m²·s⁻²", "joules", "1"),
    ("1", "kg*m**2/(s*s)", "J", "1"),
    ("1", "square foot", "sq in", "144"),
    ("1", "metres cubed", "L", "1000"),
    ("1", "W/(m^2 K)", "W/(m^2 degC)", "1"),
    ("9.80665", "m/s/s", "g0", "1"),
    ("1", "rpm", "turns per minute", "1"),
    ("1", "rev", "deg", "360"),
    ("100", "MiB/s", "Mbit/s", "838.8608"),
    ("1", "kB", "B", "1000"),
    ("1", "KiB", "B", "1024"),
    ("1", "Mbps", "kB/s", "125"),
    ("15", "%", "1", "0.15"),
    ("30", "US mpg", "L/100km", "112903/14400"),
    ("8", "litres per 100 km", "km/L", "12.5"),
    ("1", "Da", "u", "1"),
    ("20", "degC", "degF", "68"),
    ("-40", "°F", "°C", "-40"),
    ("0", "K", "celsius", "-273.15"),
    ("300000", "mK", "°C", "26.85"),
    ("491.67", "degR", "degC", "0"),
    ("20", "C", "F", "68"),
    ("20", "Δ°C", "°F", "36"),
    ("1/3", "yd", "ft", "1"),
    ("１,２００", "µm", "mm", "1.2"),
    ("9007199254740993", "km", "m", "9007199254740993000"),
]


@pytest.mark.parametrize(("value", "source", "target", "exact"), DEFINITIONS)
def test_definitions(value: str, source: str, target: str, exact: str) -> None:
    found = convert_units(value, source, target)
    assert (found.exact, found.is_exact) == (exact, True)
    assert found.steps


def test_a_difference_of_temperature_has_no_zero() -> None:
    reading = convert_units("20", "degC", "degF")
    difference = convert_units("20", "degC", "degF", difference=True)
    assert (reading.exact, difference.exact) == ("68", "36")
    assert "absolute temperatures" in reading.understood
    assert "differences" in difference.understood
    assert reading.steps == ["(20 + 273.15) = 293.15 kelvin", "293.15 * 1.8 - 459.67 = 68 degree Fahrenheit"]
    compound = convert_units("1", "J/(g degC)", "Btu/(lb degF)")
    assert any("differences of temperature" in step for step in compound.steps)


@pytest.mark.parametrize(
    ("source", "target", "shown", "warning"),
    [
        ("gallon", "L", "US liquid gallon", "write `UK gallon`"),
        ("pt", "ml", "US liquid pint", "write `UK pt`"),
        ("tons", "kg", "US short ton", "write `UK tons`"),
        ("cups", "ml", "US cup", "UK cups"),
        ("tbsp", "ml", "US tablespoon", "`metric tablespoon` is 15 mL"),
        ("bbl", "L", "oil barrel (42 US gallons)", "`beer barrel`"),
        ("hp", "W", "mechanical horsepower", "PS"),
        ("Cal", "J", "kilocalorie", "4.184 J"),
        ("KB", "B", "kilobyte", "1024 bytes are `KiB`"),
        ("Mb", "kB", "megabit", "megabytes are `MB`"),
        ("KG", "g", "kilogram", "KG was taken for kg"),
        ("C", "°F", "degree Celsius", "C was taken for the degree Celsius"),
        ("$", "USD", "USD", "US dollar"),
    ],
)
def test_what_could_mean_something_else_is_named_and_told(
    source: str, target: str, shown: str, warning: str
) -> None:
    found = convert_units("1", source, target)
    assert shown in found.understood
    assert any(warning in one for one in found.warnings)


def test_what_says_all_is_not_warned_about() -> None:
    for source, target in (("UK gal", "L"), ("US fl oz", "ml"), ("kB", "KiB"), ("mi", "km"), ("oz", "g")):
        assert convert_units("1", source, target).warnings == []


@pytest.mark.parametrize(
    ("source", "target", "wrong", "remedy"),
    [
        ("kg", "L", "kilogram measures mass, and litre measures volume", "a density is needed"),
        ("lb", "N", "measures mass, and newton measures force", "`lbf`"),
        ("rpm", "Hz", "angular speed, and hertz measures frequency", "rev/s"),
        ("kW", "kWh", "power, and kilowatt-hour measures energy", "duration is missing"),
        ("s", "Hz", "time, and hertz measures frequency", "inverse"),
        ("m^3 kg", "A", "mass · length^3", "Choose units"),
        ("J/kg K", "J/(kg K)", "two ways", "`J/(kg K)`"),
        ("frlong", "m", "no unit 'frlong'", "did you mean `furlong`"),
        ("kilomtre", "m", "no unit 'kilomtre'", "did you mean `kilometre`"),
        ("mhz", "Hz", "`mHz` (millihertz) or `MHz` (megahertz)", "one of these"),
        ("mb", "B", "`MB` (megabyte) or `Mb` (megabit)", "one of these"),
        ("5 m", "cm", "numbers belong into the value", "unit alone"),
        ("", "m", "from_unit is empty", "`km/h`"),
        ("m/", "m", "ends where a unit must stand", "km/h"),
        ("(m", "m", "parenthesis is not closed", "km/h"),
        ("m)", "m", "')' stands where a unit must", "km/h"),
        ("m^99", "m", "power 99", "km/h"),
        ("m; import os", "m", "';' is not understood", "km/h"),
        (" m" * 40, "m", "at most 12", "km/h"),
        ("m" * 101, "m", "101 characters", "symbol"),
        ("EUR", "USD", "no rate between EUR and USD: none is known here", '{"EUR/USD": "1.08"}'),
        ("EUR/USD", "1", "money in EUR / money in USD", "Choose units"),
        ("EUR USD", "GBP JPY", "measures money in EUR · money in USD", "Choose units"),
        ("dB", "1", "dB is logarithmic", "`calculate`"),
    ],
)
def test_refusals_say_what_and_what_to_do(source: str, target: str, wrong: str, remedy: str) -> None:
    with pytest.raises(ToolError) as told:
        convert_units("1", source, target)
    assert wrong in str(told.value)
    assert remedy in str(told.value)


def test_nothing_is_colder_than_zero_kelvin() -> None:
    with pytest.raises(ToolError, match="below absolute zero"):
        convert_units("-300", "degC", "K")
    assert convert_units("-300", "degC", "K", difference=True).exact == "-300"


def test_money_goes_by_the_given_rate_or_its_inverse() -> None:
    rates = {"EUR/USD": "1.25", "USD/JPY": "150"}
    assert convert_units("100", "EUR", "USD", rates=rates).exact == "125"
    inverse = convert_units("100", "$", "€", rates=rates)
    assert (inverse.exact, inverse.steps[0]) == ("80", "by the inverse of the given rate, 1 EUR = 1.25 USD")
    assert convert_units("90", "USD/MWh", "EUR/kWh", rates=rates).exact == "0.072"
    assert convert_units("1", "m", "cm", rates=rates).warnings == ["The rates were not needed."]
    both = convert_units("1", "EUR", "USD", rates=rates | {"USD/EUR": "0.9"})
    assert (both.exact, "Both rates" in both.warnings[0]) == ("1.25", True)
    with pytest.raises(
        ToolError, match="given are EUR/USD, USD/JPY"
    ):  # no chain: whose two spreads would it have?
        convert_units("1", "EUR", "JPY", rates=rates)
    for pair, value in (
        ("EURUSD", "1"),
        ("EUR/USD", "0"),
        ("EUR/EUR", "1"),
        ("EUR/XYZ", "1"),
        ("EUR/USD", "x"),
    ):
        with pytest.raises(ToolError, match="rate"):
            convert_units("1", "EUR", "USD", rates={pair: value})


@pytest.mark.parametrize("digits", [1, 5, 50, 1000])
def test_pi_is_not_exact_and_right_in_every_digit(digits: int) -> None:
    found = convert_units("123.456", "deg", "rad", digits=digits)
    right = Fraction("123.456") / 180 * PI
    assert (found.exact, found.is_exact) == (None, False)
    assert abs(Fraction(found.decimal) - right) <= Fraction(10) ** (1 - digits) / 2  # of 2.15...
    assert convert_units("0", "deg", "rad").exact == "0"


def test_what_is_measured_shows_no_digits_that_nobody_knows() -> None:
    found = convert_units("1", "dalton", "kg")
    assert (found.exact, found.decimal, found.is_exact) == (None, "1.660539069E-27", False)
    assert "measured value" in found.warnings[0]


def _units() -> Iterator[tuple[str, Found, Worth]]:
    """Each name that can be written, with what it is worth."""
    known = names()
    for text, found in itertools.chain(known.symbols.items(), known.words.items()):
        one = worth(found.unit.name)
        assert one is not None, found
        yield text, found, one


@cache
def _by_dimension() -> list[list[str]]:
    groups: dict[frozenset[tuple[str, int]], list[str]] = {}
    for text, _, one in _units():
        if one.pi == one.measured == 0:
            groups.setdefault(frozenset(one.bases.items()), []).append(text)
    return [group for group in groups.values() if len(group) > 1]


def test_every_name_is_read_as_what_it_is() -> None:
    for text, found, one in _units():
        if found.unit.times in (1, 1000):
            assert read_unit(f"1/{text}", "it").shown == f"per {found.unit.shown}", text
        assert one.factor > 0
    for text, pair in names().regional.items():
        assert [
            convert_units("1", f"{where} {text}", f"{text} ({where})").unit for where in ("US", "UK")
        ] == [one.shown for one in pair]


def test_one_unit_is_shown_with_one_name_and_one_name_is_one_unit() -> None:
    shown: dict[str, Named] = {}
    for _, found, _ in _units():
        assert shown.setdefault(found.unit.shown, found.unit) == found.unit


@settings(deadline=None, max_examples=100)
@given(data=st.data(), value=st.fractions(max_denominator=10**6))
def test_there_and_back_is_the_same(data: st.DataObject, value: Fraction) -> None:
    group = data.draw(st.sampled_from(_by_dimension()))
    source, target = data.draw(st.sampled_from(group)), data.draw(st.sampled_from(group))
    there = convert_units(str(value), source, target, difference=True)
    assert there.exact is not None
    back = convert_units(there.exact, target, source, difference=True)
    assert back.exact is not None
    assert Fraction(back.exact) == value


@settings(deadline=None, max_examples=100)
@given(value=st.fractions(-200, 10**6), there=st.sampled_from(["degF", "K", "degR", "mK"]))
def test_temperatures_there_and_back_are_the_same(value: Fraction, there: str) -> None:
    exact = convert_units(str(value), "degC", there).exact
    assert exact is not None
    back = convert_units(exact, there, "degC").exact
    assert back is not None
    assert Fraction(back) == value


_PIECES = [
    "m",
    "kg",
    "s",
    "/",
    "^",
    "2",
    "-1",
    " ",
    "*",
    "(",
    ")",
    "per",
    "US ",
    "gal",
    "square ",
    "°",
    "µ",
    "²",
    "€",
]


@settings(deadline=None, max_examples=150)
@given(text=st.one_of(st.text(max_size=30), st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)))
def test_any_text_gives_a_result_or_a_refusal(text: str) -> None:
    with contextlib.suppress(ToolError):
        convert_units("1", text, text)


@pytest.mark.skipif(not shutil.which("units"), reason="GNU units is not installed")
def test_gnu_units_says_the_same() -> None:
    # Not the parsec: there its old definition stands, by the tangent of a second.
    pairs = [
        ("mile", "km"),
        ("brgallon", "liter"),
        ("gallon", "liter"),
        ("psi", "kPa"),
        ("lbf", "N"),
        ("acre", "m^2"),
        ("kWh", "MJ"),
        ("knot", "m/s"),
        ("troyounce", "gram"),
        ("MiB", "byte"),
        ("W/m^2 K", "mW/(cm^2 K)"),
        ("hp", "W"),
        ("grain", "mg"),
        ("inHg", "Pa"),
        ("furlong/fortnight", "mm/s"),
    ]
    ours = {"brgallon": "UK gallon", "troyounce": "troy ounce", "W/m^2 K": "W/(m^2 K)"}
    for source, target in pairs:
        said = subprocess.run(
            ["units", "--terse", "--output-format", "%.14g", source, target],
            capture_output=True,
            text=True,
            check=True,
        )
        found = convert_units("1", ours.get(source, source), target, digits=20)
        assert abs(float(said.stdout) / float(found.decimal) - 1) < 1e-12, (
            source,
            said.stdout,
            found.decimal,
        )
