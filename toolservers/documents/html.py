"""HTML as text: blocks as paragraphs, cells of a row side by side, headings known."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from toolservers.documents.composing import MAX_METADATA, Composer, clean, one_line
from toolservers.documents.dates import iso
from toolservers.documents.encodings import decoded
from toolservers.documents.extracted import Extracted
from toolservers.documents.unreadable import Unreadable

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_PARAGRAPHS = {
    *("address", "article", "aside", "blockquote", "body", "details", "dialog", "dl", "fieldset", "figure"),
    *("footer", "form", "header", "hgroup", "hr", "main", "ol", "p", "pre", "section", "table", "ul"),
}
_LINES = {
    *("caption", "center", "dd", "div", "dt", "figcaption", "legend", "li", "option", "optgroup"),
    *("search", "summary", "tr"),
}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_NOT_TEXT = {
    *("audio", "canvas", "embed", "iframe", "object", "script", "style", "svg", "template", "textarea"),
    "video",
}
_NO_DATA_TABLE = (
    "table, ul, ol, dl, pre, h1, h2, h3, h4, h5, h6"  # with one of these in it, it arranges a page
)
_HIDING = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_SPACES = re.compile(" {2,}")
_BLANKS = re.compile("[\t\r\n\f][ \t\r\n\f]*| [ \t\r\n\f]+")  # all but single blanks
_META = {
    "author": "author",
    "description": "description",
    "keywords": "keywords",
    "date": "date",
    "article:published_time": "date",
    "article:modified_time": "updated",
    "last-modified": "updated",
}
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_HEAD = 4096  # bytes in which the encoding must be said; the standard has 1024


def extract(data: bytes, name: str) -> Extracted:
    """Raises Unreadable."""
    said = _CHARSET.search(data[:_HEAD])
    found = decoded(data, said[1].decode() if said else "")
    page = extract_text(found.text, name, found.encoding)
    return replace(
        page,
        left_out=(*found.left_out, *page.left_out),
        share=page.share * found.share,
    )


def extract_text(html: str, name: str, encoding: str = "") -> Extracted:
    """Of HTML that is characters already, as a part of an e-mail is. Raises Unreadable."""
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        tree = LexborHTMLParser(html.encode("utf-8", "replace"))
    except (SelectolaxError, ValueError) as error:
        raise Unreadable("damaged", f"This is no HTML that can be read ({one_line(str(error))}).") from None
    page = _Page()
    if tree.root is not None:
        page.read(tree.root)
    composer = page.composer
    text = composer.text()
    if not text.strip():
        raise Unreadable("no_text", " ".join(("This page has no text between its tags.", *page.left_out)))
    kept = len(text)
    lost = sum(page.lost.values())
    return Extracted(
        text=text,
        format="html",
        encoding=encoding,
        title=page.title,
        metadata=page.metadata,
        headings=tuple(composer.headings),
        left_out=page.left_out,
        share=kept / (kept + lost) if kept + lost else 1.0,
    )


class _Page:
    """Reads a tree from its first node to its last; not by recursion: no page may choose how deep that goes."""

    def __init__(self) -> None:
        self.composer = Composer()
        self.title = ""
        self.metadata: dict[str, str] = {}
        self.lost = {"hidden": 0, "navigation": 0}
        self._line: list[str] = []
        self._bullet = False
        self._lists = 0
        self._preformatted = 0
        self._heading = 0
        self._data_tables: list[bool] = []
        self._cells = 0

    @property
    def left_out(self) -> tuple[str, ...]:
        said = {
            "hidden": "Text that the page hides ({:,} characters) is left out.",
            "navigation": "The navigation ({:,} characters) is left out.",
        }
        return tuple(said[what].format(count) for what, count in self.lost.items() if count)

    def read(self, root: "LexborNode") -> None:
        node: LexborNode | None = root
        while node is not None:
            inner = node.first_child if self._enter(node) else None
            if inner is not None:
                node = inner
                continue
            while node is not None:  # up, until there is something beside
                self._leave(node.tag or "")
                if node.mem_id == root.mem_id:
                    node = None
                    break
                beside = node.next
                if beside is not None:
                    node = beside
                    break
                node = node.parent
        self._flush()

    def _enter(self, node: "LexborNode") -> bool:
        """Whether what is in it is wanted."""
        tag = node.tag or ""
        if tag == "-text":
            self._text(node.text_content or "")
            return False
        if tag == "head":
            self._head(node)
            return False
        if tag in _NOT_TEXT or tag.startswith("-") or self._is_left_out(node, tag):
            return False
        if tag == "br":
            self._line.append(" " if self._within_a_line else "\n")
        elif tag == "img":
            self._line.append(f" {node.attributes.get('alt') or ''} ")
        elif tag in ("td", "th"):
            self._cell()
        elif tag == "table":
            self._break(2)
            self._data_tables.append(_has_data(node))
        else:
            self._begin(tag)
        return True

    def _begin(self, tag: str) -> None:
        if tag in _HEADINGS and not self._within_a_line:
            self._break(2)
            self._heading = _HEADINGS[tag]
        elif tag in ("ul", "ol", "dl"):
            self._break(1 if self._lists else 2)
            self._lists += 1
        elif tag in _PARAGRAPHS:
            self._break(2)
        elif tag in _LINES or tag in _HEADINGS:
            self._break(1)
        if tag == "pre":
            self._preformatted += 1
        elif tag == "li":
            self._bullet = True
        elif tag in ("tr", "caption"):
            self._flush()
            self._cells = 0

    def _leave(self, tag: str) -> None:
        if tag in _HEADINGS and self._heading == _HEADINGS[tag]:
            self.composer.heading(self._heading, "".join(self._line))
            self._line.clear()
            self._heading = 0
        elif tag == "table" and self._data_tables:
            self._flush()
            self._data_tables.pop()
            self.composer.apart(2)
        elif tag in ("tr", "caption"):
            self._flush()
        elif tag in ("ul", "ol", "dl"):
            self._lists = max(0, self._lists - 1)
            self._break(1 if self._lists else 2)
        elif tag in _PARAGRAPHS:
            self._break(2)
        elif tag in _LINES:
            self._break(1)
        if tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)

    @property
    def _within_a_line(self) -> bool:
        """In a heading, and in a row of data, a block begins no line."""
        return self._heading > 0 or (bool(self._data_tables) and self._data_tables[-1])

    def _break(self, lines: int) -> None:
        if self._within_a_line:
            self._line.append(" ")
            return
        self._flush()
        self.composer.apart(lines)

    def _cell(self) -> None:
        if self._data_tables and self._data_tables[-1] and self._cells:
            self._line.append(" | ")
        elif not self._within_a_line:
            self._break(1)
        self._cells += 1

    def _text(self, text: str) -> None:
        self._line.append(text if self._preformatted else _BLANKS.sub(" ", text))

    def _flush(self) -> None:
        """What stands in the line goes to the text."""
        if not self._line:
            return
        text = clean("".join(self._line))
        self._line.clear()
        if self._preformatted:
            text = text.strip("\n").rstrip()
        else:
            text = "\n".join(filter(None, (_SPACES.sub(" ", line).strip() for line in text.split("\n"))))
        if not text.strip(" |\n\t"):
            return
        self.composer.apart(1)
        self.composer.add(("- " if self._bullet else "") + text)
        self._bullet = False

    def _is_left_out(self, node: "LexborNode", tag: str) -> bool:
        attributes = node.attributes
        hidden = "hidden" in attributes or _HIDING.search(attributes.get("style") or "") is not None
        if not hidden and tag != "nav" and attributes.get("role") != "navigation":
            return False
        text = " ".join(
            (part.text_content or "") for part in node.traverse(include_text=True) if part.tag == "-text"
        )
        self.lost["hidden" if hidden else "navigation"] += len(" ".join(text.split()))
        return True

    def _head(self, head: "LexborNode") -> None:
        for node in head.css("title, meta"):
            if node.tag == "title":
                self.title = self.title or one_line(node.text())[:MAX_METADATA]
                continue
            attributes = node.attributes
            said = attributes.get("name") or attributes.get("property") or attributes.get("http-equiv") or ""
            key = _META.get(said.lower())
            value = one_line(attributes.get("content") or "")[:MAX_METADATA]
            if key in ("date", "updated"):
                value = iso(value)
            if key and value:
                self.metadata.setdefault(key, value)


def _has_data(table: "LexborNode") -> bool:
    """Or else it only arranges what stands in it on the page."""
    part = table.first_child
    while part is not None:
        if part.tag != "-text" and part.css_first(_NO_DATA_TABLE) is not None:
            return False
        part = part.next
    return True
