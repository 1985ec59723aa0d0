"""Callers by their labels, as policy writes them: `user:ada,role:support`."""

from toolward.errors import InvalidRequest
from toolward.types import Principal

EXAMPLE = "user:ada,role:support"
NOBODY = "nobody"
"""The id of a caller of whom only roles are said."""


def principal_of(text: str) -> Principal:
    """Raises InvalidRequest for what is no list of labels."""
    found: dict[str, list[str]] = {"user": [], "role": [], "tenant": []}
    for label in text.split(","):
        kind, _, value = label.strip().partition(":")
        if kind not in found or not value:
            raise InvalidRequest(f"{text[:128]!r} is no principal.", hint=f"Write its labels: {EXAMPLE}.")
        found[kind].append(value)
    if len(found["user"]) > 1 or len(found["tenant"]) > 1:
        raise InvalidRequest(f"{text[:128]!r} is no principal.", hint="It has one user and one tenant.")
    return Principal(
        (found["user"] or [NOBODY])[0], tuple(found["role"]), (found["tenant"] or ["default"])[0]
    )
