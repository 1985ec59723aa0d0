"""What people write to a run, checked."""

from gateway.core.agent_tools import MAX_TEXT
from toolward.errors import InvalidRequest, TooLarge

MAX_KEY = 200
"""Characters of an idempotency key."""


def check_text(text: str, what: str) -> None:
    """Raises InvalidRequest, TooLarge. `what` is the word for it: input, message."""
    if not text.strip():
        raise InvalidRequest(f"The {what} cannot be empty.", hint="Say what the agent shall do.")
    if len(text) > MAX_TEXT:
        raise TooLarge(
            f"The {what} has {len(text):,} characters; at most {MAX_TEXT:,} are taken.",
            hint="Put long documents where a tool can read them.",
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(
            f"The {what} has half of a surrogate pair, which is no character.", hint="Send proper Unicode."
        ) from None


def check_key(key: str) -> None:
    """Raises InvalidRequest."""
    if len(key) > MAX_KEY:
        raise InvalidRequest(f"The idempotency key is longer than {MAX_KEY} characters.")
