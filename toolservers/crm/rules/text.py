"""What a text may hold. Texts are data, whoever wrote them: they are stored and shown as they came, or refused."""

import unicodedata

from toolservers.crm.rules.rule import Refusal, Rule

PLAIN = Rule(
    "plain-text", "Texts are bounded and hold no control characters but line feeds and tabs.", always=True
)

LINE = 200
"""Characters at most of a text of one line: a title, a name, an agenda point."""


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
