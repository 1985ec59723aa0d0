"""From the text of a unit (`kg m^2/s^2`, `fl oz (UK)`, `km/h`) to what it is made of."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from toolservers.calculator.units.currencies import currency
from toolservers.calculator.units.names import Ambiguous, Found, Named, names
from toolward.errors import ToolError

MAX_LENGTH = 100
MAX_PARTS = 12
MAX_POWER = 12

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SUPERSCRIPT = re.compile("[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_SIGNS = str.maketrans(
    {"−": "-", "–": "-", "‐": "-", "·": "*", "⋅": "*", "∙": "*", "×": "*", "∕": "/", "÷": "/"}
)
_MICRO = str.maketrans({"μ": "µ", "Ω": "Ω"})  # one of each pair of look-alikes
_REGION = re.compile(r"\(\s*(u\.?s\.?|u\.?k\.?|imp(?:\.|erial)?|british|american)\s*\)", re.IGNORECASE)
_PER_CENT = re.compile(r"\bper (cent|mille)\b", re.IGNORECASE)
_FUEL = re.compile(r"(?:l|liters?|litres?)\s*(?:/|per)\s*100\s*(?:km|kilomet(?:re|er)s?)", re.IGNORECASE)
_POWER = r"(?:\^|\*\*)\s*(?:\(\s*(?P<inner>[-+]?\d+)\s*\)|(?P<raised>[-+]?\d+))"
_TOKEN = re.compile(
    rf"\s*(?:(?P<word>(?:cm|mm|in|m)H2O|[^\W\d_]\.(?:[^\W\d_]\.)+|[^\W\d]+\.?|[°%‰'\"$€£]\s?[^\W\d_]*)"
    rf"(?P<digits>-?\d+)?|{_POWER}|(?P<sign>[*/()])|(?P<hyphen>-)|(?P<number>\d+))"
)
_REGIONS = {
    "us": "US",
    "american": "US",
    "uscs": "US",
    "uk": "UK",
    "british": "UK",
    "imperial": "UK",
    "imp": "UK",
}
_BEFORE = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_AFTER = {"squared": 2, "cubed": 3}
_LOGARITHMIC = {"db", "decibel", "decibels", "dbm", "dbw", "np", "neper", "nepers", "ph"}
_PRODUCTS = {"foot_pound", "newton_meter", "watt_hour", "volt_ampere", "ampere_hour", "acre_foot"}
_LONGEST_NAME = 5  # words


class Part(NamedTuple):
    """One unit with its power; a currency has its code and no `unit`."""

    unit: Named
    power: int
    is_currency: bool = False


@dataclass(frozen=True)
class Unit:
    parts: tuple[Part, ...]
    warnings: tuple[str, ...] = ()

    @property
    def single(self) -> str:
        """pint's name, where the unit is one alone and to the first power."""
        alone = len(self.parts) == 1 and self.parts[0].power == 1 and not self.parts[0].is_currency
        return self.parts[0].unit.name if alone else ""

    @property
    def shown(self) -> str:
        over = " · ".join(_raised(part.unit.shown, part.power) for part in self.parts if part.power > 0)
        under = " · ".join(_raised(part.unit.shown, -part.power) for part in self.parts if part.power < 0)
        several = sum(part.power < 0 for part in self.parts) > 1
        divisor = f"({under})" if several else under
        if not over:
            return f"per {divisor}" if under else "1"
        return f"{over} / {divisor}" if under else over


def read_unit(text: str, what: str) -> Unit:
    """`what` names it in the ToolError that says what is wrong and what to write."""
    if len(text) > MAX_LENGTH:
        raise ToolError(
            f"{what} has {len(text)} characters, and at most {MAX_LENGTH} are taken; write its symbol."
        )
    plain = _plain(text)
    if not plain:
        raise ToolError(f"{what} is empty; write a unit, such as `km/h`, or `1` for a mere number.")
    if _FUEL.fullmatch(plain):
        return Unit((Part(Named("litre_per_100_km", "litre per 100 kilometres"), 1),))
    return _Reading(plain, text, what).unit()


def _plain(text: str) -> str:
    raised = _SUPERSCRIPT.sub(lambda found: f"^{found[0].translate(_SUPERSCRIPTS)}", text)
    plain = unicodedata.normalize("NFKC", raised.translate(_SIGNS)).translate(_MICRO)
    plain = _REGION.sub(lambda found: f" {found[1]} ", plain)
    return " ".join(_PER_CENT.sub(r"per\1", plain.replace("_", " ")).split())


@dataclass
class _Reading:
    """Recursive descent. Products are written with spaces, * or hyphens; what follows `/` or `per` is one unit
    with its power, or a product in parentheses: `J/kg K` can be read in two ways, so it is refused."""

    text: str
    written: str
    what: str
    at: int = 0
    tokens: list[re.Match[str]] = field(default_factory=list[re.Match[str]])
    parts: list[Part] = field(default_factory=list[Part])
    warnings: list[str] = field(default_factory=list[str])

    def unit(self) -> Unit:
        position = 0
        while position < len(self.text):
            token = _TOKEN.match(self.text, position)
            if token is None:
                self._refuse(f"{self.text[position:].strip()[0]!r} is not understood in a unit")
            self.tokens.append(token)
            position = token.end()
        self._product(1, closing=False)
        if len(self.parts) > MAX_PARTS:
            self._refuse(f"it has {len(self.parts)} parts, and at most {MAX_PARTS} are taken")
        return Unit(tuple(self.parts), tuple(self.warnings))

    def _product(self, sign: int, *, closing: bool) -> None:
        divided = False
        expects = True
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if self._is(")") and closing:
                break
            if self._is("/", "per"):
                self.at += 1
                self._factor(-sign)
                divided, expects = True, False
                continue
            if self._is("*") or token["hyphen"]:
                if expects:
                    self._refuse(f"{token[0].strip()!r} stands where a unit must")
                self.at += 1
            if divided:
                self._refuse(
                    "after a division it can be read in two ways",
                    "write what is divided by in parentheses, as in `J/(kg K)`, or each with its own `/`",
                )
            self._factor(sign)
            expects = False
        if expects:
            self._refuse("a unit is missing in it")

    def _factor(self, sign: int) -> None:
        if self.at >= len(self.tokens):
            self._refuse("it ends where a unit must stand")
        token = self.tokens[self.at]
        first = len(self.parts)
        if token["sign"] == "(":
            self.at += 1
            self._product(sign, closing=True)
            if not self._is(")"):
                self._refuse("a parenthesis is not closed")
            self.at += 1
        elif token["number"] == "1":
            self.at += 1
        elif token["number"]:
            self._refuse("numbers belong into the value", "write a unit alone")
        elif token["word"]:
            self._named(sign)
        else:
            self._refuse(f"{token[0].strip()!r} stands where a unit must")
        self._raise(first, self._power())

    def _power(self) -> int:
        power = 1
        before = self.tokens[self.at - 1]
        if before["word"] and before["digits"] and before["word"] + before["digits"] not in names().symbols:
            power = self._number(before["digits"])
        if self.at < len(self.tokens):
            token = self.tokens[self.at]
            if raised := token["inner"] or token["raised"]:
                self.at += 1
                power *= self._number(raised)
            elif (token["word"] or "").casefold() in _AFTER:
                self.at += 1
                power *= _AFTER[token["word"].casefold()]
        return power

    def _number(self, text: str) -> int:
        if len(text) > 3 or not 0 < abs(int(text)) <= MAX_POWER:
            self._refuse(f"the power {text[:10]} is not one of 1 to {MAX_POWER}")
        return int(text)

    def _raise(self, first: int, power: int) -> None:
        self.parts[first:] = [part._replace(power=part.power * power) for part in self.parts[first:]]
        if any(abs(part.power) > MAX_POWER for part in self.parts):
            self._refuse(f"a power is over {MAX_POWER}, which is the limit")

    def _named(self, sign: int) -> None:
        """A name of several words, or the longest one after `square` or a country (`US` alone is read as `us`)."""
        if self._name(sign, "", fewest=2):
            return
        power, region = sign, ""
        if (word := self._word(self.at)) in _BEFORE and self._word(self.at + 1):
            power *= _BEFORE[word]
            self.at += 1
        if (word := self._word(self.at)) in _REGIONS and self._word(self.at + 1):
            region = _REGIONS[word]
            self.at += 1
        if not self._name(power, region):
            self._unknown(region)

    def _name(self, power: int, region: str, fewest: int = 1) -> bool:
        """Takes the longest name that begins here, with a country after it; False where there is none. A power is
        that of the word beside it: `foot per second squared` is ft/s^2, and `square foot per second` ft^2/s."""
        for count in range(_LONGEST_NAME, fewest - 1, -1):
            phrase, end = self._phrase(count)
            if not phrase or (count > 1 and self._is_raised(power, end) and _is_compound(phrase)):
                continue
            after = "" if region else _REGIONS.get(self._word(end), "")
            if (part := self._part(phrase, region or after, power)) is not None:
                self.at = end + (1 if after else 0)
                self.parts.append(part)
                return True
        return False

    def _is_raised(self, power: int, end: int) -> bool:
        """Whether a power stands before or after a name that ends before `end`."""
        after = self.tokens[end] if end < len(self.tokens) else None
        return (
            abs(power) != 1
            or bool(self.tokens[end - 1]["digits"])
            or (after is not None and bool(after["inner"] or after["raised"] or self._word(end) in _AFTER))
        )

    def _part(self, phrase: str, region: str, power: int) -> Part | None:
        numbered = phrase + (self.tokens[self.at]["digits"] or "")
        found = names().find(numbered if numbered in names().symbols else phrase, region)
        if isinstance(found, Ambiguous):
            self._refuse(f"{phrase!r} can be {' or '.join(found.readings)}", "write one of these")
        if found is not None:
            if found.warning:
                self.warnings.append(found.warning)
            return Part(found.unit, power)
        if (money := currency(f"{region} {phrase}".strip())) is not None:
            if money.warning:
                self.warnings.append(money.warning)
            return Part(Named(money.code, money.code), power, is_currency=True)
        return None

    def _phrase(self, count: int) -> tuple[str, int]:
        """`count` words from here with spaces or hyphens between, and where they end; only the last may have a
        power. Empty where there are not so many."""
        words: list[str] = []
        at = self.at
        while len(words) < count:
            token = self.tokens[at] if at < len(self.tokens) else None
            if token is not None and token["hyphen"] and words:
                at += 1
                continue
            if token is None or not token["word"] or (words and self.tokens[at - 1]["digits"]):
                return "", at
            words.append(token["word"].replace(" ", "").rstrip("."))
            at += 1
        return " ".join(words), at

    def _word(self, at: int) -> str:
        token = self.tokens[at]["word"] if at < len(self.tokens) else None
        return (token or "").replace(".", "").casefold()

    def _is(self, *signs: str) -> bool:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        return token is not None and (token["sign"] in signs or (token["word"] or "").casefold() in signs)

    def _unknown(self, region: str) -> NoReturn:
        word = self._phrase(1)[0]
        if word.casefold() in _LOGARITHMIC:
            self._refuse(
                f"{word} is logarithmic", "compute with `calculate`: 10^(dB/10) is a ratio of powers"
            )
        near = names().closest(f"{region} {word}".strip())
        remedy = f"did you mean `{near}`?" if near else "write its usual symbol or its English name"
        self._refuse(f"there is no unit {word!r}", remedy)

    def _refuse(
        self, wrong: str, remedy: str = "write it as in `kg m^2/s^2`, `km/h` or `fl oz (UK)`"
    ) -> NoReturn:
        end = "" if remedy.endswith("?") else "."
        raise ToolError(f"{self.what} {self.written!r} is not understood: {wrong}; {remedy}{end}")


def _is_compound(phrase: str) -> bool:
    found = names().find(phrase)
    return " per " in phrase.casefold() or (isinstance(found, Found) and found.unit.name in _PRODUCTS)


def _raised(name: str, power: int) -> str:
    return name if power == 1 else f"{name}^{power}"
