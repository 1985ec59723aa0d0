"""Why a file gives no text."""

from typing import Literal

from toolward.errors import ToolError

Why = Literal[
    "encrypted",
    "no_text",
    "too_large",
    "too_dense",
    "damaged",
    "unknown_format",
    "too_slow",
    "gone",
    "denied",
]
"""`too_dense`: it unpacks to more than is taken (a zip bomb, XML entities); `no_text`: a scan, an empty file."""


class Unreadable(ToolError):
    """`message` is whole sentences that name what was wrong and what to do; it names no path."""

    def __init__(self, why: Why, message: str) -> None:
        self.why: Why = why
        super().__init__(message)
