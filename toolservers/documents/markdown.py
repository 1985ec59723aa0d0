"""Markdown: the text as it is, without its front matter, which is metadata; headings as CommonMark knows them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from toolservers.documents import front_matter
from toolservers.documents.encodings import decoded
from toolservers.documents.extracted import Extracted, Heading

LONGEST_TITLE = 200
"""Characters of a heading that its title has."""

_BLANK_LINES = re.compile(r"\A(?:[ \t]*\n)+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)", re.DOTALL)
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*", re.DOTALL)
_NO_PARAGRAPH = re.compile(r" {0,3}(?:[-+*>|]|\d{1,9}[.)]|<)| {4}|\t")
_LINK = re.compile(r"!?\[([^\[\]]{0,200})\](?:\([^()]{0,500}\)|\[[^\[\]]{0,100}\])")
_EMPHASIS = re.compile(r"(\*\*|__|\*|`+)(\S(?:[^*`]{0,200}\S)?)\1")
_ANCHOR = re.compile(r"\{#[^{}]{0,100}\}$")


def extract(data: bytes, name: str) -> Extracted:
    """The title is the front matter's, else the first heading of level 1. Raises Unreadable where it is no text."""
    found = decoded(data)
    matter = front_matter.parted(found.text)
    text = _BLANK_LINES.sub("", matter.rest).rstrip()
    headings = tuple(_headings(text))
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


@dataclass(slots=True)
class _Line:
    start: int
    text: str
    begins_paragraph: bool


def _headings(text: str) -> Iterator[Heading]:
    """Not those in fenced code. A paragraph of more than one line that is underlined is none, unlike in CommonMark:
    mostly a rule was meant."""
    fence = ""
    before = _Line(0, "", begins_paragraph=False)
    offset = 0
    for line in text.split("\n"):
        start, offset = offset, offset + len(line) + 1
        marked = _FENCE.match(line)
        if fence:
            closes = marked and marked[1].startswith(fence) and not marked[2].strip()
            fence = "" if closes else fence
            before = _Line(start, "", begins_paragraph=False)
            continue
        if marked and not ("`" in marked[2] and marked[1][0] == "`"):
            fence = marked[1]
            before = _Line(start, "", begins_paragraph=False)
            continue
        level, title = _marked_by_signs(line)
        if level:
            yield Heading(level, _plain(title), start, start + len(line))
            before = _Line(start, "", begins_paragraph=False)
            continue
        if before.begins_paragraph and _UNDERLINE.fullmatch(line):
            level = 1 if "=" in line else 2
            yield Heading(level, _plain(before.text.strip()), before.start, start + len(line))
            before = _Line(start, "", begins_paragraph=False)
            continue
        begins = bool(line.strip()) and not before.text.strip() and not _NO_PARAGRAPH.match(line)
        before = _Line(start, line, begins)


def _marked_by_signs(line: str) -> tuple[int, str]:
    """`## Title ##` is (2, `Title`); (0, ``) where the line is no heading."""
    indent = len(line) - len(line.lstrip(" "))
    rest = line[indent:]
    level = len(rest) - len(rest.lstrip("#")) if indent < 4 else 0
    if not 1 <= level <= 6 or rest[level : level + 1] not in ("", " ", "\t"):
        return 0, ""
    title = rest[level:].strip()
    closing = title.rstrip("#")
    return level, closing.rstrip() if not closing or closing[-1].isspace() else title


def _plain(title: str) -> str:
    """A heading without its marks, for a person to read."""
    if len(title) > LONGEST_TITLE:
        title = title[:LONGEST_TITLE] + "…"
    title = _ANCHOR.sub("", _LINK.sub(r"\1", title))
    return _EMPHASIS.sub(r"\2", title).strip()
