"""Money: which currencies there are (ISO 4217), and the rates that a caller gives: no others are known."""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from toolservers.calculator.numerals import read_number
from toolward.errors import ToolError

MAX_RATES = 50

_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
CDF CHF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT
LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD
XCG XOF XPF YER ZAR ZMW ZWG
"""
CODES = frozenset(_CODES.split())
_WORDS = {
    "€": "EUR",
    "£": "GBP",
    "euro": "EUR",
    "euros": "EUR",
    "us $": "USD",
    "us dollar": "USD",
    "us dollars": "USD",
    "pound sterling": "GBP",
    "pounds sterling": "GBP",
    "swiss franc": "CHF",
    "swiss francs": "CHF",
    "yen": "JPY",
}
_LIKELY = {"$": "USD", "dollar": "USD", "dollars": "USD"}


class Currency(NamedTuple):
    code: str
    warning: str = ""


class Rate(NamedTuple):
    """One of `base` is `value` of `quote`, as the caller wrote it in `written`."""

    base: str
    quote: str
    value: Fraction
    written: str


def currency(name: str) -> Currency | None:
    if name in CODES:
        return Currency(name)
    if code := _WORDS.get(name.casefold()):
        return Currency(code)
    if code := _LIKELY.get(name.casefold()):
        return Currency(code, f"{name} was taken for the US dollar; write the currency's code for another.")
    return Currency(name.upper(), f"{name} was taken for {name.upper()}.") if name.upper() in CODES else None


def read_rates(rates: Mapping[str, str]) -> list[Rate]:
    """Raises ToolError for one that is not understood."""
    if len(rates) > MAX_RATES:
        raise ToolError(
            f"There are {len(rates)} rates, and at most {MAX_RATES} are taken; give what is needed."
        )
    return [_rate(pair, value) for pair, value in rates.items()]


def _rate(pair: str, text: str) -> Rate:
    codes = [code.strip().upper() for code in pair.split("/")]
    if len(codes) != 2 or not set(codes) <= CODES or codes[0] == codes[1]:
        raise ToolError(
            f"The rate {pair[:40]!r} does not name two currencies; write the codes of ISO 4217 and the price of "
            'one of the first in the second: {"EUR/USD": "1.08"} where 1 EUR costs 1.08 USD.'
        )
    value = read_number(text, f"the rate {pair}")
    if value <= 0:
        raise ToolError(f"The rate {pair} is {text[:40]}; a rate is above 0.")
    return Rate(codes[0], codes[1], value, text.strip())


def rate_between(source: str, target: str, rates: list[Rate]) -> tuple[Fraction, str, list[str]]:
    """How much of `target` one of `source` is, how that follows, and warnings. Raises ToolError without a rate."""
    direct = [rate for rate in rates if (rate.base, rate.quote) == (source, target)]
    inverse = [rate for rate in rates if (rate.base, rate.quote) == (target, source)]
    if direct:
        warnings = [f"Both rates were given; {source}/{target} was used, not its inverse."] if inverse else []
        rate = direct[0]
        return rate.value, f"by the given rate, 1 {source} = {rate.written} {target}", warnings
    if inverse:
        rate = inverse[0]
        step = f"by the inverse of the given rate, 1 {target} = {rate.written} {source}"
        return 1 / rate.value, step, []
    given = (
        f"given are {', '.join(f'{rate.base}/{rate.quote}' for rate in rates)}" if rates else "none was given"
    )
    raise ToolError(
        f"There is no rate between {source} and {target}: none is known here, and {given}. Give the one to use in "
        f'`rates`, as {{"{source}/{target}": "1.08"}} where 1 {source} costs 1.08 {target}.'
    )
