"""Text that callers give: bounded, without control characters, and never a card's number. It is data, whatever it
says."""

import re
import unicodedata

from toolservers.crm.records import Address
from toolward.errors import ToolError

_LONGEST = {"street": 120, "postcode": 20, "city": 80, "country": 60}
_LONG_NUMBER = re.compile(r"\d(?:[ .-]?\d){11}")


def clean(text: str, name: str, longest: int, *, lines: bool = False) -> str:
    """`text` without blanks around it; `lines` allows newlines and tabs. Raises ToolError, naming the argument."""
    stripped = text.replace("\r\n", "\n").strip()
    if len(stripped) > longest:
        raise ToolError(
            f"`{name}` has {len(stripped)} characters, and {longest} are allowed. Make it shorter."
        )
    allowed = "\n\t" if lines else ""
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in allowed for sign in stripped):
        raise ToolError(f"`{name}` has control characters in it. Give plain text.")
    return stripped


def clean_address(address: Address) -> dict[str, str]:
    """Its four columns. Raises ToolError for a part that is missing, too long or no text."""
    place = {name: clean(getattr(address, name), name, longest) for name, longest in _LONGEST.items()}
    if missing := [name for name, text in place.items() if not text]:
        raise ToolError(
            f"The address has no {' and no '.join(missing)}. Ask the customer, and give all of it."
        )
    return place


def refuse_card_number(text: str, name: str) -> None:
    """Raises ToolError, without repeating it, for what could be the number of a card or an account."""
    if _LONG_NUMBER.search(text):
        raise ToolError(
            f"`{name}` has a long number in it, as cards and accounts have. Never ask for one or write one down"
            " (kb://fernhill/payment-methods): name only the method, such as Visa. If the customer sent it in a"
            " message, have that message removed: create_ticket with team privacy."
        )
