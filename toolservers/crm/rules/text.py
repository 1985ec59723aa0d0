"""What a text may hold. Texts are data, whoever wrote them: they are stored and shown as they came, or refused."""

import unicodedata

from toolservers.crm.rules.cards import without_cards
from toolservers.crm.rules.rule import Refusal, Rule

PLAIN = Rule(
    "plain-text", "Texts are bounded and hold no control characters but line feeds and tabs.", always=True
)

LINE = 200
"""Characters at most of a text of one line: a title, a name, an agenda point."""

REASON = 500
"""Characters at most of a reason, which the customer sees."""


def plain(name: str, text: str, at_most: int, *, lines: bool = True) -> list[Refusal]:
    """`name` is the argument's. Without `lines`, no line feeds or tabs either."""
    if len(text) > at_most:
        said = f"`{name}` has {len(text):,} characters; at most {at_most:,} are taken."
        return [Refusal(PLAIN, said, "Shorten it, or say the rest in another message.")]
    allowed = "\n\t\u2028\u2029" if lines else ""
    for at, sign in enumerate(text):
        if sign not in allowed and unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp"):
            said = f"`{name}` holds U+{ord(sign):04X} at character {at + 1}."
            return [Refusal(PLAIN, said, "Leave it out, and end lines with a line feed alone.")]
    return []


def written(name: str, text: str, at_most: int, *, lines: bool = True) -> list[Refusal]:
    """As `plain`, and more than blanks."""
    if not text.strip():
        return [Refusal(PLAIN, f"`{name}` has no text.", f"Say in `{name}` what it shall say.")]
    return plain(name, text, at_most, lines=lines)


def spoken(name: str, text: str, at_most: int, *, lines: bool = True, needed: bool = False) -> list[Refusal]:
    """What somebody says in their own words, by all that such a text is held to: plain, without a card number, and,
    where it is `needed`, more than blanks."""
    wrong = written(name, text, at_most, lines=lines) if needed else plain(name, text, at_most, lines=lines)
    return wrong or without_cards(name, text)


def tidy(text: str) -> str:
    """Without blanks around it, and with line feeds alone where lines end."""
    return text.replace("\r\n", "\n").strip()
