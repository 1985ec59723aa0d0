"""Text that callers give with a change, by the rules that all texts are held to."""

from toolservers.crm.rules.cards import without_cards
from toolservers.crm.rules.text import plain
from toolward.errors import ToolError


def clean(text: str, name: str, longest: int, *, lines: bool = False) -> str:
    """`text` without blanks around it; `lines` allows newlines and tabs. Raises ToolError, naming the argument."""
    stripped = text.strip()
    for refusal in plain(name, stripped, longest, lines=lines):
        raise ToolError(refusal.text)
    return stripped


def refuse_card_number(text: str, name: str) -> None:
    """Raises ToolError, without repeating it, for what could be the number of a card."""
    for refusal in without_cards(name, text):
        raise ToolError(refusal.text)
