"""Text of somebody else's, shown to a person: no character of it moves a cursor, turns the direction of writing, or
hides a part of itself."""

from functools import lru_cache


def printable(text: str) -> str:
    """One line, with control and bidirectional characters as escapes."""
    return text if text.isprintable() else "".join(map(_shown, text))


def printable_lines(text: str) -> str:
    """The same for a text of several lines; a tab becomes four spaces."""
    return "\n".join(printable(line.replace("\t", "    ")) for line in text.split("\n"))


@lru_cache(4096)  # of a megabyte of such characters nearly all are one and the same
def _shown(char: str) -> str:
    if char.isprintable():
        return char
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char) or f"\\u{ord(char):04x}"
