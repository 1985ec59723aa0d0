"""The names of units: what each means, which are said differently in the US and the UK, which may have prefixes.

A line has pint's name, the name that is shown, symbols (their case counts) and other names (it does not), and
marks: `p` for decimal prefixes, `b` for binary ones too. What is not here is not understood: a name that means two
things must never be guessed.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from toolward.names import closest

_TABLE = """
# length
meter | metre | m | meter | p
angstrom | ångström | Å | angstrom |
micron | micron | | |
inch | inch | in, " | inches, international inch |
foot | foot | ft, ' | feet, international foot |
yard | yard | yd | international yard |
mile | international mile | mi | mile, statute mile |
nautical_mile | nautical mile | nmi, NM | |
survey_foot | US survey foot | | survey foot, survey feet, us survey feet |
survey_mile | US survey mile | | survey mile |
thou | thousandth of an inch | | thou |
rod | rod | | perch |
chain | chain | | |
link | link | | |
furlong | furlong | | |
fathom | fathom | | |
league | league (3 miles) | | league |
hand | hand | | |
light_year | light-year | ly | light year, lightyear | p
astronomical_unit | astronomical unit | au, AU | |
parsec | parsec | pc | | p
pica | pica (1/6 inch) | | |
point | point (1/72 inch) | | point, postscript point |
# area
are | are | | |
hectare | hectare | ha | |
acre | acre (international) | ac | acre, international acre |
us_survey_acre | US survey acre | | survey acre |
barn | barn | | |
# volume
liter | litre | L, l, ℓ | liter | p
cubic_centimeter | cubic centimetre | cc, ccm | |
acre_foot | acre-foot | | acre foot, acre feet |
board_foot | board foot | | board feet |
metric_cup | metric cup (250 mL) | | metric cup |
metric_tablespoon | metric tablespoon (15 mL) | | metric tablespoon, metric tbsp |
metric_teaspoon | metric teaspoon (5 mL) | | metric teaspoon, metric tsp |
oil_barrel | oil barrel (42 US gallons) | | oil barrel, barrel of oil, barrels of oil |
beer_barrel | US beer barrel (31 US gallons) | | beer barrel |
# mass
gram | gram | g | gramme | p
metric_ton | tonne (metric ton) | t | tonne, metric ton, metric tonne | p
pound | pound (avoirdupois) | lb, lbs, lbm | pound, pound mass, avoirdupois pound |
ounce | ounce (avoirdupois) | oz | ounce, avoirdupois ounce |
ton | US short ton | | short ton |
long_ton | UK long ton | | long ton |
hundredweight | US short hundredweight | | short hundredweight |
long_hundredweight | UK long hundredweight | | long hundredweight |
stone | stone (14 lb) | st | stone |
grain | grain (64.79891 mg) | | grain |
dram | dram (avoirdupois) | | dram |
slug | slug | | |
carat | carat (200 mg) | ct | carat |
troy_ounce | troy ounce | ozt, toz | ounce troy |
troy_pound | troy pound | | |
pennyweight | pennyweight | dwt | |
dalton | dalton | Da, u | amu, atomic mass unit, unified atomic mass unit | p
# time
second | second | s | sec | p
minute | minute | min | minute, min |
hour | hour | h | hr |
day | day | d | |
week | week | | wk, week |
fortnight | fortnight | | |
month | month (1/12 of 365.25 days) | mo | month |
year | year (365.25 days) | | yr, year, julian year, annum |
century | century (36525 days) | | centuries, century |
millennium | millennium (365250 days) | | millennia, millennium |
# temperature
kelvin | kelvin | K | degree kelvin, degrees kelvin | p
degree_Celsius | degree Celsius | °C, degC | celsius, centigrade, deg c, degree c, degrees c, degrees celsius |
degree_Fahrenheit | degree Fahrenheit | °F, degF | fahrenheit, deg f, degree f, degrees f, degrees fahrenheit |
degree_Rankine | degree Rankine | °R, degR | rankine, degree rankine, degrees rankine |
# current, light, substance, angle
ampere | ampere | A | amp | p
candela | candela | cd | | p
mole | mole | mol | | p
radian | radian | rad | | p
degree | degree (of angle) | deg, ° | degree, arc degree, degree of angle, degrees of angle |
arcminute | arcminute | arcmin | arc minute, minute of arc, minutes of arc |
arcsecond | arcsecond | arcsec | arc second, second of arc, seconds of arc |
grade | gon | gon, grad | gradian, grade |
turn | turn | rev | revolution, cycle |
steradian | steradian | sr | | p
# frequency and speed
hertz | hertz | Hz | hertz | p
revolutions_per_minute | revolution per minute | rpm, RPM | |
becquerel | becquerel | Bq | | p
curie | curie | Ci | | p
mile_per_hour | mile per hour | mph, MPH | |
kilometer_per_hour | kilometre per hour | kph, kmh, kmph | |
cubic_foot_per_minute | cubic foot per minute | cfm, CFM | |
foot_per_second | foot per second | fps | |
knot | knot | kn, kts | knot |
speed_of_light | speed of light | c | |
galileo | galileo (cm/s²) | Gal | | p
standard_gravity | standard gravity | g0, gn | |
# force
newton | newton | N | | p
newton_meter | newton-metre | Nm | newton meter, newton metre | p
dyne | dyne | dyn | | p
pound_force | pound-force | lbf | pound force, pounds force |
ounce_force | ounce-force | ozf | ounce force, ounces force |
kilogram_force | kilogram-force | kgf | kilopond, kilogram force, kilograms force |
kip | kip (1000 lbf) | | kip |
poundal | poundal | pdl | |
# pressure
pascal | pascal | Pa | | p
bar | bar | bar | | p
atmosphere | standard atmosphere | atm | standard atmosphere |
technical_atmosphere | technical atmosphere | | technical atmosphere |
torr | torr | Torr | | p
pound_force_per_square_inch | pound-force per square inch | psi, PSI | |
kip_per_square_inch | kip per square inch | ksi | |
millimeter_Hg | conventional millimetre of mercury | mmHg | millimeter of mercury, millimetre of mercury |
inch_Hg | conventional inch of mercury | inHg | inch of mercury, inches of mercury |
meter_H2O | conventional metre of water | mH2O | meter of water, metre of water |
centimeter_H2O | conventional centimetre of water | cmH2O | centimeter of water, centimetre of water |
inch_H2O | conventional inch of water | inH2O, inWC | inch of water, inches of water |
# energy
joule | joule | J | | p
erg | erg | erg | |
watt_hour | watt-hour | Wh | watt hour | p
electron_volt | electronvolt | eV | electron volt | p
calorie | thermochemical calorie (4.184 J) | cal | calorie, thermochemical calorie | p
international_calorie | international calorie (4.1868 J) | | international calorie |
british_thermal_unit | British thermal unit (IT, 1055.05585262 J) | Btu, BTU | |
million_Btu | million British thermal units (IT) | MMBtu, MMBTU | |
therm | therm (100,000 Btu of IT) | | therm |
foot_pound | foot-pound | | foot pound, foot pounds, foot pound force, ft lb, ft lbf, lb ft, lbf ft |
ton_TNT | ton of TNT | | ton of tnt, tons of tnt |
tonne_of_oil_equivalent | tonne of oil equivalent | toe | |
# power
watt | watt | W | | p
volt_ampere | volt-ampere | VA | volt ampere | p
horsepower | mechanical horsepower (550 ft lbf/s) | | mechanical horsepower, imperial horsepower |
metric_horsepower | metric horsepower (75 kgf m/s) | PS, CV | metric horsepower |
electrical_horsepower | electrical horsepower (746 W) | | electrical horsepower, electric horsepower |
refrigeration_ton | ton of refrigeration | | ton of refrigeration, tons of refrigeration, refrigeration ton |
# electricity and magnetism
coulomb | coulomb | C | | p
ampere_hour | ampere-hour | Ah | ampere hour, amp hour | p
volt | volt | V | | p
ohm | ohm | Ω | | p
siemens | siemens | S | siemens, mho | p
farad | farad | F | | p
henry | henry | H | henries | p
weber | weber | Wb | | p
tesla | tesla | T | | p
# light and radiation
lumen | lumen | lm | | p
lux | lux | lx | lux | p
nit | nit | | nit |
gray | gray | Gy | | p
sievert | sievert | Sv | | p
rem | rem | | |
# chemistry and fluids
molar | mole per litre | M | molar | p
katal | katal | kat | | p
enzyme_unit | enzyme unit | U | enzyme unit |
poise | poise | P | poise | p
stokes | stokes | St | stokes | p
# information
bit | bit | bit | | pb
byte | byte | B | octet | pb
baud | bit per second | bps | | p
bytes_per_second | byte per second | Bps | | p
# textile, print
tex | tex | tex | | p
denier | denier | den | |
pixel | pixel | px | |
pixels_per_inch | pixel per inch | ppi, dpi, PPI, DPI | |
# numbers
percent | percent | % | |
permille | permille | ‰ | |
ppm | part per million | ppm | parts per million |
count | count | | |
"""

_REGIONAL = """
gallon | US liquid gallon | imperial_gallon | imperial (UK) gallon | gal, gallon
quart | US liquid quart | imperial_quart | imperial (UK) quart | qt, quart
pint | US liquid pint | imperial_pint | imperial (UK) pint | pt, pint
gill | US gill | imperial_gill | imperial (UK) gill | gi, gill
cup | US cup (8 US fl oz) | imperial_cup | imperial (UK) cup | cup
fluid_ounce | US fluid ounce | imperial_fluid_ounce | imperial (UK) fluid ounce | fl oz, floz, fluid ounce, fluid oz
fluid_dram | US fluid dram | imperial_fluid_drachm | imperial (UK) fluid drachm | fl dr, fluid dram, fluid drachm
bushel | US bushel | imperial_bushel | imperial (UK) bushel | bu, bushel
peck | US peck | imperial_peck | imperial (UK) peck | peck
ton | US short ton | long_ton | UK long ton | ton
hundredweight | US short hundredweight | long_hundredweight | UK long hundredweight | cwt, hundredweight
force_ton | US short ton-force | force_long_ton | UK long ton-force | tonf, ton force, tons force
mile_per_gallon | mile per US gallon | mile_per_uk_gallon | mile per imperial (UK) gallon | mpg, miles per gallon
"""
"""Of the US, of the UK, and the names that both have."""

_LIKELY = """
tablespoon | US tablespoon (1/2 US fl oz) | tbsp, tablespoon | `metric tablespoon` is 15 mL
teaspoon | US teaspoon (1/6 US fl oz) | tsp, teaspoon | `metric teaspoon` is 5 mL
oil_barrel | oil barrel (42 US gallons) | bbl, barrel | `beer barrel` is another
grain | grain (64.79891 mg) | gr | grams are `g`
knot | knot | kt | kilotonnes are `1000 t`, written as a number of `t`
kilocalorie | kilocalorie (4.184 kJ) | Cal, Calorie | the calorie of 4.184 J is `cal`
gallon_per_minute | US gallon per minute | gpm | `UK gal/min` is the imperial one
horsepower | mechanical horsepower (550 ft lbf/s) | hp, HP, horsepower | `metric horsepower` (PS) is 735.49875 W
thou | thousandth of an inch | mil, mils | as an angle, write `deg` or `mrad`
"""
"""Names that mean more than one thing, which of them is taken, and what to write for another."""

_DECIMAL = (
    "q quecto -30, r ronto -27, y yocto -24, z zepto -21, a atto -18, f femto -15, p pico -12, n nano -9, "
    "µ micro -6, u micro -6, m milli -3, c centi -2, d deci -1, da deca 1, da deka 1, h hecto 2, k kilo 3, "
    "M mega 6, G giga 9, T tera 12, P peta 15, E exa 18, Z zetta 21, Y yotta 24, R ronna 27, Q quetta 30"
)
_BINARY = "Ki kibi 10, Mi mebi 20, Gi gibi 30, Ti tebi 40, Pi pebi 50, Ei exbi 60, Zi zebi 70, Yi yobi 80"


_LONGEST = 40  # characters of a name; to look for what is like a longer one takes too long


class Named(NamedTuple):
    """`times` of pint's unit `name`."""

    name: str
    shown: str
    times: Fraction = Fraction(1)


class Found(NamedTuple):
    unit: Named
    warning: str = ""


class Ambiguous(NamedTuple):
    """What a name could be, as it is to be written."""

    readings: tuple[str, ...]


class Names:
    """Every name of the tables above."""

    def __init__(self) -> None:
        self.symbols: dict[str, Found] = {}
        self.words: dict[str, Found] = {}
        self.regional: dict[str, tuple[Named, Named]] = {}
        self.plain: list[str] = []
        self.prefixable: list[str] = []
        for line in _lines(_REGIONAL):
            us, us_shown, uk, uk_shown, names = line
            pair = Named(us, us_shown), Named(uk, uk_shown)
            for name in _split(names):
                self.regional |= dict.fromkeys(_plurals(name), pair)
                self.plain.append(name)
        for name, shown, symbols, words, marks in _lines(_TABLE):
            self._add(Named(name, shown), _split(symbols), [shown.partition(" (")[0], *_split(words)], marks)
        for name, shown, written, other in _lines(_LIKELY):
            for one in _split(written):
                found = Found(Named(name, shown), f"{one} was taken for the {shown}; {other}.")
                self.symbols |= dict.fromkeys(_plurals(one) if len(one) > 3 else [one], found)
        self._add_bits()
        for name in self.regional:  # `pt` is a pint, not a picotonne
            self.symbols.pop(name, None)
        folded: dict[str, list[str]] = {}
        for symbol in self.symbols:
            folded.setdefault(symbol.casefold(), []).append(symbol)
        self.folded = folded

    def find(self, text: str, region: str = "") -> Found | Ambiguous | None:
        """`region` is `US`, `UK` or empty, and the text one name with single spaces."""
        lower = text.casefold()
        pair = self.regional.get(text)
        if pair is None and (region or text not in self.symbols):
            pair = self.regional.get(lower)
        if pair:
            if region:
                return Found(pair[region == "UK"])
            us, uk = pair
            said = f"{text} was taken for the {us.shown}; for the {uk.shown} write `UK {text}`."
            return Found(us, said)
        if region:
            return self.words.get(f"{region.lower()} {lower}")
        if found := self.symbols.get(text) or self.words.get(lower):
            return found
        written = self.folded.get(lower, [])
        if len({self.symbols[one].unit for one in written}) == 1:
            found = self.symbols[written[0]]
            return Found(
                found.unit, found.warning or f"{text} was taken for {written[0]}, the {found.unit.shown}."
            )
        return (
            Ambiguous(tuple(f"`{one}` ({self.symbols[one].unit.shown})" for one in written))
            if written
            else None
        )

    def closest(self, text: str) -> str | None:
        """What was probably meant. Prefixes are set aside: with them there are too many names."""
        if len(text) > _LONGEST:
            return None
        lower = text.casefold()
        for _, prefix, _ in _prefixes("pb"):
            if lower.startswith(prefix) and (near := closest(lower[len(prefix) :], self.prefixable)):
                return prefix + near
        return closest(lower, self.plain) if len(text) > 3 else None  # a short one is like too many

    def _add(self, unit: Named, symbols: list[str], words: list[str], marks: str) -> None:
        for symbol in symbols:
            self.symbols[symbol] = Found(unit)
        singular = [word.casefold().replace("-", " ") for word in words]
        plurals = [plural for word in singular for plural in _plurals(word)]
        self.words |= dict.fromkeys(plurals, Found(unit))
        self.plain += [*symbols, *singular]
        self.prefixable += singular if marks else []
        for symbol, prefix, times in _prefixes(marks):
            prefixed = Found(Named(unit.name, prefix + unit.shown, times))
            for one in symbols:
                self.symbols.setdefault(symbol + one, prefixed)
            self.words |= {prefix + plural: prefixed for plural in plurals}

    def _add_bits(self) -> None:
        """`b` and `K` are written for what they do not stand for, too often for a guess without a word."""
        self.symbols["b"] = Found(Named("bit", "bit"), "b was taken for bit; a byte is `B`.")
        for symbol, prefix, times in _prefixes("b"):
            warning = f"{symbol}b was taken for {prefix}bits; {prefix}bytes are `{symbol}B`."
            self.symbols[f"{symbol}b"] = Found(Named("bit", f"{prefix}bit", times), warning)
        thousand = "was taken for 1000 {0}; 1024 {0} are `Ki{1}`."
        for symbol, name, what in (("B", "byte", "bytes"), ("bit", "bit", "bits"), ("b", "bit", "bits")):
            warning = f"K{symbol} {thousand.format(what, symbol)}"
            self.symbols[f"K{symbol}"] = Found(Named(name, f"kilo{name}", Fraction(1000)), warning)


@cache
def names() -> Names:
    return Names()


def _lines(table: str) -> Iterator[list[str]]:
    for line in table.strip().splitlines():
        if not line.startswith("#"):
            yield [part.strip() for part in line.split("|")]


def _split(texts: str) -> list[str]:
    return [text.strip() for text in texts.split(",") if text.strip()]


def _plurals(name: str) -> list[str]:
    return [name, f"{name}es" if name.endswith(("ch", "s", "x")) else f"{name}s"]


def _prefixes(marks: str) -> Iterator[tuple[str, str, Fraction]]:
    """Their symbols, names and worth. Of a bit there are no thousandths."""
    for text in _DECIMAL.split(", ") if "p" in marks or marks == "b" else ():
        symbol, name, exponent = text.split()
        if "b" not in marks or int(exponent) > 2:
            yield symbol, name, Fraction(10) ** int(exponent)
    for text in _BINARY.split(", ") if "b" in marks else ():
        symbol, name, exponent = text.split()
        yield symbol, name, Fraction(2) ** int(exponent)
