"""What stands in a Word document: its paragraphs and tables, as their elements come."""

from dataclasses import dataclass, field

from toolservers.documents.archives import Target
from toolservers.documents.composing import Composer, one_line
from toolservers.documents.docx_styles import Styles, attribute, level_of, word_name
from toolservers.documents.extracted import Page
from toolservers.documents.unreadable import Unreadable

_MATH_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"  # says the same once more
_PICTURE = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"
_NOT_HERE = ("moveFrom", "del", "tblPr")  # it was moved or deleted; the description of a table
_SIGNS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_OFF = ("0", "false", "off")
_MAX_DEPTH = 100  # tables in tables


@dataclass
class _Paragraph:
    parts: list[str] = field(default_factory=list[str])
    style: str = ""
    level: int | None = None
    in_list: bool | None = None
    ends_section: bool = False
    breaks: list[tuple[list[int], int]] = field(default_factory=list[tuple[list[int], int]])
    """Where pages begin in it: the list that wants to know, and after how many parts."""


@dataclass
class _Table:
    cells: list[str] = field(default_factory=list[str])
    cell: list[str] = field(default_factory=list[str])


class Body(Target):
    """What stands in a document, in its order."""

    def __init__(self, styles: Styles) -> None:
        self.composer = Composer()
        self.title = ""
        self.pictures = 0
        self.hidden = 0
        """Characters that the document hides."""
        self._styles = styles
        self._paragraphs: list[_Paragraph] = []
        self._tables: list[_Table] = []
        self._is_text = False
        self._skipped = 0
        self._in_properties = False
        self._in_list = False
        self._hidden = False
        self._mark = ""
        self._rendered: list[int] = []
        self._forced: list[int] = []

    def pages(self) -> tuple[Page, ...]:
        """As Word showed them when it saved the document, or else as the author broke them; none where nothing says
        where a page ends."""
        starts = self._rendered or self._forced
        end = len(self.composer.text())
        if not starts:
            return ()
        return (Page(1, 0), *(Page(number, min(start, end)) for number, start in enumerate(starts, 2)))

    def start(self, tag: str, attrs: dict[str, str], /) -> None:
        name = word_name(tag)
        if self._skipped or tag == _FALLBACK or name in _NOT_HERE:
            self._skipped += 1
        elif tag == _PICTURE:
            self.pictures += 1
        elif tag == _MATH_TEXT or name == "t":
            self._is_text = True
        elif name == "p":
            self._paragraphs.append(_Paragraph())
        elif name in ("footnote", "endnote"):
            self._begin_note(name, attrs)
        elif name in ("tbl", "tr", "tc"):
            self._begin_table(name)
        elif name and self._paragraphs:
            self._within(name, attrs, self._paragraphs[-1])

    def data(self, data: str, /) -> None:
        if not self._is_text or not self._paragraphs:
            return
        if self._hidden:
            self.hidden += len(data)
        else:
            self._paragraphs[-1].parts.append(data)

    def end(self, tag: str, /) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        name = word_name(tag)
        if tag == _MATH_TEXT or name == "t":
            self._is_text = False
        elif name == "pPr":
            self._in_properties = False
        elif name == "p" and self._paragraphs:
            self._end_paragraph(self._paragraphs.pop())
        elif name in ("tbl", "tr", "tc") and self._tables:
            self._end_table(name)

    def _within(self, name: str, attrs: dict[str, str], paragraph: _Paragraph) -> None:
        """Of an element in a paragraph."""
        if name == "pPr":
            self._in_properties = True
        elif self._in_properties:
            self._property(name, attrs, paragraph)
        elif name == "r":
            self._hidden = False
        elif name == "vanish":
            self._hidden = attribute(attrs, "val") not in _OFF
        elif name == "lastRenderedPageBreak":
            paragraph.breaks.append((self._rendered, len(paragraph.parts)))
        elif name == "br" and attribute(attrs, "type") == "page":
            paragraph.breaks.append((self._forced, len(paragraph.parts)))
        elif name in ("footnoteReference", "endnoteReference"):
            paragraph.parts.append(_mark(name, attrs))
        elif name in _SIGNS:
            paragraph.parts.append(_SIGNS[name])

    def _property(self, name: str, attrs: dict[str, str], paragraph: _Paragraph) -> None:
        value = attribute(attrs, "val")
        if name == "pStyle":
            paragraph.style = value
        elif name == "outlineLvl":
            paragraph.level = level_of(value)
        elif name == "numId":
            paragraph.in_list = value != "0"
        elif name == "pageBreakBefore" and value not in _OFF:
            paragraph.breaks.append((self._forced, 0))
        elif name == "sectPr":
            paragraph.ends_section = True
        elif name == "type" and value == "continuous":
            paragraph.ends_section = False

    def _end_paragraph(self, paragraph: _Paragraph) -> None:
        text = "".join(paragraph.parts)
        if self._mark and text.strip():
            text, self._mark = self._mark + text.lstrip(), ""
        start = self.composer.length
        if self._tables:
            self._tables[-1].cell.append(one_line(text))
        elif text.strip():
            start = self._add(paragraph, text.lstrip("\n").rstrip())
        for pages, part in paragraph.breaks:
            before = sum(len(one) for one in paragraph.parts[:part])
            pages.append(max(min(start + before, self.composer.length), pages[-1] if pages else 0))
        if paragraph.ends_section:
            self._forced.append(self.composer.length)

    def _add(self, paragraph: _Paragraph, text: str) -> int:
        """Where its text begins."""
        level = paragraph.level or self._styles.level(paragraph.style)
        in_list = self._styles.is_list(paragraph.style) if paragraph.in_list is None else paragraph.in_list
        in_list = in_list and level is None
        self.composer.apart(1 if in_list and self._in_list else 2)
        self._in_list = in_list
        start = self.composer.length
        if level is None:
            self.composer.add(f"- {text}" if in_list else text)
        else:
            self.composer.heading(level, text)
            self.title = self.title or (one_line(text) if self._styles.is_title(paragraph.style) else "")
        self.composer.apart(1)
        return start + 2 * in_list

    def _begin_note(self, name: str, attrs: dict[str, str]) -> None:
        if attribute(attrs, "type"):  # a line between text and notes
            self._mark = ""
        else:
            self._mark = f"{_mark(name, attrs)} "

    def _begin_table(self, name: str) -> None:
        if name == "tbl":
            if len(self._tables) == _MAX_DEPTH:
                raise Unreadable(
                    "too_dense", f"It has tables in tables more than {_MAX_DEPTH} deep; split it."
                )
            if not self._tables:
                self.composer.apart(2)
            self._tables.append(_Table())
        elif self._tables and name == "tr":
            self._tables[-1].cells = []
        elif self._tables:
            self._tables[-1].cell = []

    def _end_table(self, name: str) -> None:
        table = self._tables[-1]
        if name == "tbl":
            self._tables.pop()
            if not self._tables:
                self.composer.apart(2)
        elif name == "tc":
            table.cells.append("\n".join(filter(None, table.cell)))
        else:
            row = _row(table.cells)
            if row and len(self._tables) > 1:
                self._tables[-2].cell.append(row)
            elif row:
                self.composer.apart(1)
                self.composer.add(row)


def _row(cells: list[str]) -> str:
    """A row of one cell arranges a page, and keeps its lines."""
    if len(cells) == 1:
        return cells[0]
    return " | ".join(cell.replace("\n", " ") for cell in cells) if any(cells) else ""


def _mark(name: str, attrs: dict[str, str]) -> str:
    """Of a note: in the text and before the note itself."""
    return f"[{'e' if name.startswith('endnote') else ''}{attribute(attrs, 'id')[:10]}]"
