"""Amounts of money: integer minor units with a currency. No float ever holds one."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

# After the decimal point, by ISO 4217. What is not here is no currency of this world.
DIGITS = {
    "EUR": 2, "GBP": 2, "CHF": 2, "NOK": 2, "SEK": 2, "DKK": 2, "PLN": 2, "CZK": 2, "USD": 2,
    "JPY": 0, "KRW": 0, "ISK": 0,
    "BHD": 3, "KWD": 3, "TND": 3,
}  # fmt: skip

LARGEST = 10**15
"""Minor units that an amount may have: far from what any database's integers hold."""


@dataclass(frozen=True, slots=True)
class Money:
    amount_minor: int
    currency: str
    display: str


def money(amount_minor: int, currency: str) -> Money:
    """`money(8480, "EUR")` shows as `84.80 EUR`."""
    digits = DIGITS[currency]
    whole, part = divmod(abs(amount_minor), 10**digits)
    sign = "-" if amount_minor < 0 else ""
    shown = f"{whole}.{part:0{digits}}" if digits else str(whole)
    return Money(amount_minor, currency, f"{sign}{shown} {currency}")


def percent(amount_minor: int, rate: int | Decimal) -> int:
    """That many per cent of an amount, in minor units, rounded half up (kb://fernhill/business-service-levels)."""
    exact = Decimal(amount_minor) * Decimal(rate) / 100
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def units(amount: int | Decimal, currency: str) -> int:
    """`units(50, "EUR")` is 5000 minor units: the rules say their limits and fees in units of any currency. What
    is smaller than its smallest coin is rounded half up: `units(Decimal("3.90"), "JPY")` is 4."""
    exact = Decimal(amount) * 10 ** DIGITS[currency]
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))
