"""What people write to a run, checked."""

from collections.abc import Sequence

from gateway.core.agent_tools import MAX_TEXT
from toolward.errors import InvalidRequest, TooLarge
from toolward.types import Said

MAX_BEFORE = 400_000
"""Characters of the conversation that a run goes on with, all messages together."""

MOST_BEFORE = 1_000
"""Messages of it."""

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
    _check_unicode(text, what)


def check_before(before: Sequence[Said]) -> None:
    """Raises InvalidRequest, TooLarge."""
    size = sum(len(said.text) for said in before)
    if size > MAX_BEFORE or len(before) > MOST_BEFORE:
        raise TooLarge(
            f"The conversation before it has {len(before):,} messages and {size:,} characters; at most"
            f" {MOST_BEFORE:,} and {MAX_BEFORE:,} are taken.",
            hint="Leave the oldest messages out, or go on with a run by its id.",
        )
    for said in before:
        if not said.text.strip():
            raise InvalidRequest("A message before it is empty.", hint="Leave it out.")
        _check_unicode(said.text, "conversation before it")


def _check_unicode(text: str, what: str) -> None:
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
