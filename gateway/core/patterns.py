"""Named patterns: what output rules redact. The only importer of `re2`.

- `email`: an address, local@domain.tld, in letters of any script.
- `card`: 13 to 19 digits that begin with 2 to 6 and pass the Luhn check; in one piece, or grouped as on cards
  (4-4-4-4, 4-4-4-4-3, 4-4-4-1, 4-6-5, 4-6-4) with a space, hyphen or dot between.
- `iban`: of a country of the SWIFT registry, with its length and its checksum (mod 97); single spaces or hyphens
  may stand between.
- `phone`: `+` and 8 to 15 digits, grouped in any usual way; or ten digits as in (555) 123-4567, 555-123-4567,
  555 123 4567. Other national forms need a pattern of their own.
- `secret`: what services' keys look like (sk-…, sk_live_…, ghp_…, github_pat_…, glpat-…, xoxb-…, AKIA…, AIza…),
  JSON Web Tokens, PEM private keys.

Redaction is for what gets into results by accident. A backend that wants to hide something can: it spells it out,
or sends a picture.

The built-in ones are written for Python's `re` so that they take linear time: runs are possessive and are entered
only at their beginning, everything else has a bounded length. A policy file's own are RE2's, which cannot
backtrack; as RE2 may still read on to the end of the text for each match, a repetition without an end is refused.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from toolward.errors import ConfigurationError

Span = tuple[int, int]

MAX_LENGTH = 1_000
"""Characters of a pattern in a policy file."""

_RE2_MEMORY = 8 * 1024 * 1024  # bytes for one compiled pattern; RE2's own default


class Pattern(NamedTuple):
    """`find` gives the spans of a text that are to be redacted, which may overlap; `text` is the definition, for
    digests."""

    name: str
    text: str
    find: Callable[[str], Iterable[Span]]


def own_pattern(name: str, text: str) -> Pattern:
    """A pattern of a policy file. Raises ConfigurationError when RE2 does not take it, when it finds the empty
    text, or when a repetition has no end."""
    import re2  # only where a policy has patterns of its own

    engine: Any = re2  # it comes without types
    if len(text) > MAX_LENGTH:
        raise ConfigurationError(f"The pattern {name} has {len(text):,} characters; at most {MAX_LENGTH:,}.")
    if endless := _endless(text):
        raise ConfigurationError(
            f"The pattern {name} repeats without an end ({endless}).", hint="Say how often at most: {1,100}."
        )
    options = engine.Options()
    options.log_errors = False
    options.max_mem = _RE2_MEMORY
    try:
        compiled = engine.compile(text, options)
        empty = compiled.search("") is not None
    except engine.error as error:
        said = error.args[0].decode(errors="replace") if error.args else "it cannot be read"
        raise ConfigurationError(f"The pattern {name} is not RE2's: {said}.") from None
    if empty:
        raise ConfigurationError(f"The pattern {name} finds the empty text, so it finds everything.")

    def find(value: str) -> Iterator[Span]:
        return (match.span() for match in compiled.finditer(value) if match.end() > match.start())

    return Pattern(name, text, find)


def whole_match(expression: str) -> Callable[[str], bool]:
    """Whether a whole text, line breaks and all, is one that the expression describes: by RE2, so in linear time
    whoever wrote it. Raises ConfigurationError when RE2 does not take it."""
    import re2  # only where somebody has a template

    engine: Any = re2
    options = engine.Options()
    options.log_errors, options.dot_nl, options.max_mem = False, True, _RE2_MEMORY
    try:
        compiled = engine.compile(expression, options)
    except engine.error:
        raise ConfigurationError("it cannot be made into a pattern") from None
    return lambda text: compiled.fullmatch(text) is not None


_TOKEN = re.compile(r"\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\{\d+,\}|[*+]|.", re.DOTALL)


def _endless(text: str) -> str:
    """The first repetition without an end, or nothing."""
    for token in _TOKEN.findall(text):
        if token in ("*", "+") or token.endswith(",}"):
            return token
    return ""


# --- the built-in ones ----------------------------------------------------------------------------------

_EMAIL = re.compile(r"(?<![\w.%+'-])[\w.%+'-]++@[\w-]++(?:\.[\w-]++)++")

_SEPARATOR = r"[ .\-\u00a0]"
_CARDS = tuple(
    re.compile(rf"(?<![0-9]){digits}(?![0-9])")
    for digits in (
        r"[2-6][0-9]{12,18}",
        rf"[2-6][0-9]{{3}}(?:{_SEPARATOR}[0-9]{{4}}){{3}}",
        rf"[2-6][0-9]{{3}}(?:{_SEPARATOR}[0-9]{{4}}){{3}}{_SEPARATOR}[0-9]{{3}}",
        rf"[2-6][0-9]{{3}}(?:{_SEPARATOR}[0-9]{{4}}){{2}}{_SEPARATOR}[0-9]",
        rf"[2-6][0-9]{{3}}{_SEPARATOR}[0-9]{{6}}{_SEPARATOR}[0-9]{{4,5}}",
    )
)

# The lengths of the SWIFT IBAN registry.
_IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO",
        "16": "BE",
        "18": "DK FI FK FO GL NL SD",
        "19": "MK SI",
        "20": "AT BA EE KZ LT LU MN XK",
        "21": "CH HR LI LV",
        "22": "BG BH CR DE GB GE IE ME RS VA",
        "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG",
        "25": "LY PT ST",
        "26": "IS TR",
        "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HN HU LB NI PL SV",
        "29": "BR EG PS QA UA",
        "30": "JO KW MU YE",
        "31": "MT SC",
        "32": "LC",
        "33": "RU",
    }.items()
    for country in countries.split()
}
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}")

_PHONES = (
    re.compile(r"(?<![0-9+])\+[0-9](?:[ ().\-/\u00a0]{0,2}[0-9]){7,14}(?![0-9])"),
    re.compile(r"(?<![0-9])(?:\([0-9]{3}\) ?|[0-9]{3}[ .\-])[0-9]{3}[ .\-][0-9]{4}(?![0-9])"),
)

_SECRETS = (
    re.compile(
        r"""(?<![A-Za-z0-9_-])(?:
            sk-[A-Za-z0-9_-]{20,}+
            | [sr]k_(?:live|test)_[A-Za-z0-9]{16,}+
            | gh[pousr]_[A-Za-z0-9]{36,}+
            | github_pat_[A-Za-z0-9_]{22,}+
            | glpat-[A-Za-z0-9_-]{20,}+
            | xox[abeoprs]-[A-Za-z0-9-]{10,}+
            | (?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])
            | AIza[A-Za-z0-9_-]{35}
            | eyJ[A-Za-z0-9_-]{8,}+\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+
        )""",
        re.VERBOSE,
    ),
    re.compile(
        r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----"
        r"(?:[^-]|-(?!----)){0,20000}+(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----)?"
    ),
)


def _emails(text: str) -> Iterator[Span]:
    return (match.span() for match in _EMAIL.finditer(text)) if "@" in text else iter(())


def _cards(text: str) -> Iterator[Span]:
    for expression in _CARDS:
        for start, end in _each(expression, text):
            digits = "".join(filter(str.isdigit, text[start:end]))
            if _luhn(digits):
                yield start, end


def _ibans(text: str) -> Iterator[Span]:
    for start, end in _each(_IBAN, text):
        length = _IBAN_LENGTHS.get(text[start : start + 2].upper(), 0)
        if (stop := _after(text, start, end, length)) and _iban_checks(text[start:stop]):
            yield start, stop


def _phones(text: str) -> Iterator[Span]:
    return (match.span() for expression in _PHONES for match in expression.finditer(text))


def _secrets(text: str) -> Iterator[Span]:
    return (match.span() for expression in _SECRETS for match in expression.finditer(text))


def _each(expression: re.Pattern[str], text: str) -> Iterator[Span]:
    """Every match, those that overlap too: one that fails its checksum must not hide the next."""
    position = 0
    while (match := expression.search(text, position)) is not None:
        yield match.span()
        position = match.start() + 1


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    total = sum(map(int, digits[-1::-2])) + sum(twice - 9 if twice > 9 else twice for twice in doubled)
    return total % 10 == 0


def _after(text: str, start: int, end: int, length: int) -> int:
    """Where a piece with that many letters and digits ends; 0 when there are not so many."""
    seen = 0
    for position in range(start, end):
        seen += text[position].isalnum()
        if length and seen == length:
            return position + 1
    return 0


def _iban_checks(text: str) -> bool:
    plain = "".join(filter(str.isalnum, text)).upper()
    moved = plain[4:] + plain[:4]
    return int("".join(str(int(letter, 36)) for letter in moved)) % 97 == 1


BUILT_IN: dict[str, Pattern] = {
    pattern.name: pattern
    for pattern in (
        Pattern("email", "built-in", _emails),
        Pattern("card", "built-in", _cards),
        Pattern("iban", "built-in", _ibans),
        Pattern("phone", "built-in", _phones),
        Pattern("secret", "built-in", _secrets),
    )
}
