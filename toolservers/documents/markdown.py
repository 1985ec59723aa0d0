"""Markdown: the text as it is, without its front matter, which is metadata; headings as CommonMark knows them."""

import re
from collections.abc import Iterator
from itertools import islice

from toolservers.documents import front_matter
from toolservers.documents.composing import MAX_HEADINGS
from toolservers.documents.encodings import decoded
from toolservers.documents.extracted import Extracted, Heading

LONGEST_TITLE = 200
"""Characters of a heading that its title has."""

_BLANK_LINES = re.compile(r"\A(?:[ \t]*\n)+")
_MARKED_LINE = re.compile(r"^ {0,3}(?:#{1,6}(?:[ \t].*)?|`{3}.*|~{3}.*|=+[ \t]*|-+[ \t]*)$", re.MULTILINE)
_NO_PARAGRAPH = re.compile(r" {0,3}(?:[-+*>|]|\d{1,9}[.)]|<)| {4}|\t")
_LINK = re.compile(r"!?\[([^\[\]]{0,200})\](?:\([^()]{0,500}\)|\[[^\[\]]{0,100}\])")
_EMPHASIS = re.compile(r"(\*\*|__|\*|`+)(\S(?:[^*`]{0,200}\S)?)\1")
_ANCHOR = re.compile(r"\{#[^{}]{0,100}\}$")


def extract(data: bytes, name: str) -> Extracted:
    """The title is the front matter's, else the first heading of level 1. Raises Unreadable where it is no text."""
    found = decoded(data)
    matter = front_matter.parted(found.text)
    text = _BLANK_LINES.sub("", matter.rest).rstrip()
    headings = tuple(islice((heading for heading in _headings(text) if heading.title), MAX_HEADINGS))
    first = next((heading.title for heading in headings if heading.level == 1), "")
    return Extracted(
        text,
        "markdown",
        title=matter.fields.get("title") or first,
        encoding=found.encoding,
        metadata={key: value for key, value in matter.fields.items() if key != "title"},
        headings=headings,
        left_out=(*found.left_out, *matter.not_understood),
        share=found.share,
    )


def _headings(text: str) -> Iterator[Heading]:
    """Not those in fenced code. A paragraph of more than one line that is underlined is none, unlike in CommonMark:
    mostly a rule was meant."""
    fence = ""
    taken = 0
    for found in _MARKED_LINE.finditer(text):
        line = found[0]
        mark = line.lstrip(" ")[0]
        if mark in "`~":
            signs, rest = _fence(line)
            if not fence and not (mark == "`" and "`" in rest):
                fence = signs
            elif fence and signs.startswith(fence) and not rest.strip():
                fence = ""
                taken = found.end()
        elif fence:
            continue
        elif mark == "#":
            level, title = _marked_by_signs(line)
            yield Heading(level, _plain(title), found.start(), found.end())
            taken = found.end()
        else:
            start = _line_above(text, found.start(), taken)
            if start is not None:
                title = text[start : found.start()].strip()
                yield Heading(1 if mark == "=" else 2, _plain(title), start, found.end())
            taken = found.end()


def _fence(line: str) -> tuple[str, str]:
    """The signs that begin or end code, and what stands after them."""
    line = line.lstrip(" ")
    rest = line.lstrip(line[0])
    return line[: len(line) - len(rest)], rest


def _line_above(text: str, underline: int, taken: int) -> int | None:
    """Where the line above an underline begins, if it is a paragraph of its own; `taken` is where the last heading,
    rule or code ended."""
    start = text.rfind("\n", 0, max(0, underline - 1)) + 1
    if start < taken or start >= underline - 1 or not text[start:underline].strip():
        return None
    above = text[text.rfind("\n", 0, max(0, start - 1)) + 1 : start]
    if (above.strip() and start > taken + 1) or _NO_PARAGRAPH.match(text, start):
        return None
    return start


def _marked_by_signs(line: str) -> tuple[int, str]:
    """`## Title ##` is (2, `Title`)."""
    rest = line.lstrip(" ")
    level = len(rest) - len(rest.lstrip("#"))
    title = rest[level:].strip()
    closing = title.rstrip("#")
    return level, closing.rstrip() if not closing or closing[-1].isspace() else title


def _plain(title: str) -> str:
    """A heading without its marks, for a person to read."""
    if len(title) > LONGEST_TITLE:
        title = title[:LONGEST_TITLE] + "…"
    title = _ANCHOR.sub("", _LINK.sub(r"\1", title))
    return _EMPHASIS.sub(r"\2", title).strip()
