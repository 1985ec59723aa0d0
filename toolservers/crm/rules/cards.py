"""Card numbers, which nobody writes down."""

import re
from collections.abc import Iterator, Sequence

from toolservers.crm.rules.rule import Refusal, Rule

NO_CARDS = Rule(
    "no-card-numbers",
    "Card numbers are not written down.",
    "payment-methods",
    ("Never ask a customer for a card number",),
    always=True,
)

_LONG = re.compile(r"\d(?:[ .\-\u00a0\u2010-\u2015]?\d){11}")
_RUN = re.compile(r"(?<!\d)\d(?:[ .\-\u00a0\u2010-\u2015]?\d){12,}")
_ACCOUNT = re.compile(r"\b[A-Z]{2}$")  # the country before an account's number (IBAN)
_ISSUERS = re.compile(r"[3-6]|2(?:2[2-9]|[3-6]\d|7[0-2])")  # what card numbers begin with, and years do not
_FEWEST, _MOST = 13, 19


def without_cards(name: str, text: str) -> list[Refusal]:
    """Refuses what looks like the number of a card: 13 to 19 digits, in groups or not, whose check digit is right
    (ISO/IEC 7812). The refusal does not repeat it."""
    for run in _RUN.finditer(text):
        if not _ACCOUNT.search(text, max(0, run.start() - 3), run.start()) and any(_looks(run[0])):
            said = f"`{name}` has what looks like a card number."
            step = (
                "Leave it out, and name the method only; if the customer sent it, have the message removed:"
                " create_ticket with team privacy."
            )
            return [Refusal(NO_CARDS, said, step)]
    return []


def without_numbers(name: str, text: str) -> list[Refusal]:
    """Stricter, for where no long number belongs: 12 digits or more, whatever they are the number of."""
    if not _LONG.search(text):
        return []
    step = (
        "Name the method only, such as Visa; if the customer sent the number, have the message removed:"
        " create_ticket with team privacy."
    )
    return [Refusal(NO_CARDS, f"`{name}` has a long number in it, as cards and accounts have.", step)]


def _looks(run: str) -> Iterator[bool]:
    """Of neighbouring groups of digits, whether they are a card's number together."""
    groups = re.findall(r"\d+", run)
    for first in range(len(groups)):
        digits = ""
        for group in groups[first:]:
            digits += group
            if len(digits) > _MOST:
                break
            yield (
                len(digits) >= _FEWEST and bool(_ISSUERS.match(digits)) and _checks([int(d) for d in digits])
            )


def _checks(digits: Sequence[int]) -> bool:
    """By Luhn's formula."""
    doubled = (digit * 2 - 9 * (digit > 4) if at % 2 else digit for at, digit in enumerate(digits[::-1]))
    return sum(doubled) % 10 == 0
