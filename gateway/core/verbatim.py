"""Whether a value stands in a text word for word: normalised text, whole words and numbers, numbers by value.

Normalised is NFKC, case folded, white space collapsed, so `pay-5007` is `PAY-5007`. A value must not go on to the
left or right: `50` is not in `1500`, `50.01` or `12-50`, `PAY-5007` not in `XPAY-5007` or `PAY-5007-B`, `x.example`
not in `evil.x.example`, `env` not in `.env`. Text in JSON is found in its escaped and in its plain form. What
`gateway.core.neutral` takes out or breaks before a model reads a text makes no difference.

Money is not understood: `50.00 EUR` is the number 50, not 5000 cents, and `1,500` is no number. In scripts without
spaces between words a value is found where it is of other letters than what is around it.
"""

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

import msgspec

from gateway.core.neutral import plain

_ROUNDS = 4  # of folding and composing until nothing changes; two are enough for every text that we know of
_FALSE_STARTS = 1_000  # places inside longer words that are looked at before a text is given up
_JOINS = frozenset("-./\\~@+'’&#%")  # between two words they make one of both
_LEADS = frozenset("-./\\~@")  # before a word they belong to it
_JOINS_DIGITS = frozenset(",:")
_JOINED = 8  # such characters in a row that are looked past
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,63})(?:\.[0-9]{1,64})?", re.ASCII)
_DIGITS = 64  # before the point of a number that is looked for, and behind it
_LITERAL = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*("?)', re.DOTALL)


def normalise(text: str) -> str:
    """The same again for what is normalised already, and for what a model was shown in its place."""
    text = plain(text)
    if text.isascii():
        return " ".join(text.lower().split())
    for _ in range(_ROUNDS):
        before, text = text, unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        if text == before:
            break
    return " ".join(text.split())


class Wanted(NamedTuple):
    """What is looked for: a text, normalised, or a number in plain digits, behind which zeros of its fraction may
    stand."""

    text: str
    zeros: re.Pattern[str] | None = None


_OF_A_FRACTION = re.compile("0*")
_OF_A_WHOLE = re.compile(r"(?:\.0+)?")


def wanted(value: str | int | float) -> Wanted | None:
    """None for what says nothing: no letter or digit in it, or no number of a size that people write. A text that
    is a number is one; `007` is none, but the name of something."""
    if isinstance(value, str):
        text = normalise(value)
        if _NUMBER.fullmatch(text):
            return _number(Decimal(text))
        return Wanted(text) if any(map(str.isalnum, text)) else None
    return _number(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))


def _number(value: Decimal) -> Wanted | None:
    if not value.is_finite() or value.adjusted() >= _DIGITS or value.adjusted() < -_DIGITS:
        return None
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return Wanted("0" if text == "-0" else text, _OF_A_FRACTION if "." in text else _OF_A_WHOLE)


class Verbatim:
    """One text that values are looked for in. What that needs is made when it is first needed."""

    def __init__(self, text: str) -> None:
        self._raw = text

    @cached_property
    def _text(self) -> str:
        """The text and the strings in it that have escapes, each normalised, one under the other."""
        return "\n".join(map(normalise, (self._raw, *_unescaped(self._raw))))

    def has(self, wanted: Wanted, *, in_doubt: bool = False) -> bool:
        """`in_doubt` is the answer where too much of the text looks like it to tell."""
        text = self._text
        at = text.find(wanted.text)
        for _ in range(_FALSE_STARTS):
            if at < 0:
                return False
            end = at + len(wanted.text)
            if wanted.zeros is not None and (zeros := wanted.zeros.match(text, end)):
                end = zeros.end()
            if not _goes_on(text, at - 1, -1) and not _goes_on(text, end, 1):
                return True
            at = text.find(wanted.text, at + 1)
        return in_doubt


def _unescaped(text: str) -> Iterator[str]:
    if "\\" not in text:
        return
    for match in _LITERAL.finditer(text):
        if "\\" in match[0]:
            try:
                yield msgspec.json.decode(match[0] if match[1] else match[0] + '"', type=str)
            except msgspec.DecodeError:
                continue


def _goes_on(text: str, at: int, step: int) -> bool:
    """Whether the word that ends beside `at` goes on there, to the left (-1) or right (1)."""
    if not 0 <= at < len(text):
        return False
    here = text[at]
    if _in_word(here):
        return not (text[at - step].isascii() and _is_of_another_script(here))
    if step < 0 and here in _LEADS:
        return True
    if here in _JOINS_DIGITS:
        return 0 <= at + step < len(text) and text[at + step].isdigit()
    for _ in range(_JOINED):
        if not 0 <= at < len(text) or text[at] not in _JOINS:
            break
        at += step
    return here in _JOINS and 0 <= at < len(text) and _in_word(text[at])


def _in_word(character: str) -> bool:
    """Marks and invisible characters are part of the word that they stand in."""
    if character.isascii():
        return character.isalnum() or character == "_"
    return character.isalnum() or unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")


def _is_of_another_script(character: str) -> bool:
    """A letter of a script without upper and lower case, as they stand beside a name in Latin letters."""
    return unicodedata.category(character) == "Lo" and not character.isascii()
