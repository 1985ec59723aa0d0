"""Colours where a terminal shows them; nothing else is loaded for it."""

import os
import sys
from typing import TextIO

_COLOURS = {"allow": "32", "ask": "33", "deny": "31", "ok": "32", "failed": "31", "dim": "2", "bold": "1"}


def coloured(text: str, colour: str, stream: TextIO | None = None) -> str:
    """`text` in a colour where `stream` (stderr) is a terminal and NO_COLOR is not set."""
    if not (stream or sys.stderr).isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"
