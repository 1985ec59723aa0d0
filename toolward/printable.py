"""Text of somebody else's, shown to a person: no character of it moves a cursor, turns the direction of writing, or
hides a part of itself."""


def printable(text: str) -> str:
    """One line, with control and bidirectional characters as escapes."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines; a tab becomes four spaces."""
    return "\n".join(printable(line.replace("\t", "    ")) for line in text.split("\n"))


def _escaped(char: str) -> str:
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char) or f"\\u{ord(char):04x}"
