"""Small pieces of Markdown, for the pages that are written by code."""

import re
from collections.abc import Iterable, Sequence


def cell(text: str) -> str:
    """A text as it may stand in a cell of a table."""
    return " ".join(text.replace("|", "\\|").split())


def prose(text: str) -> str:
    """A text that is no Markdown but for `code`, with its paragraphs: nothing else in it takes effect."""
    pieces = re.split(r"(`[^`\n]+`)", text)
    return "".join(
        piece if at % 2 else re.sub(r"([\\*_<>\[\]#])", r"\\\1", piece) for at, piece in enumerate(pieces)
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, or nothing where there are no rows."""
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines])


def fenced(language: str, text: str) -> str:
    """A block of code, whatever fences it holds."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def code(text: str) -> str:
    return f"`{text}`"


def page(title: str, *parts: str) -> str:
    """A page of these parts, without the empty ones."""
    return "\n\n".join([f"# {title}", *(part.strip("\n") for part in parts if part.strip())]) + "\n"
