"""Which styles of a Word document are headings, and what its elements are called."""

from collections.abc import Iterator
from dataclasses import dataclass

from toolservers.documents.archives import Target

WORD = (
    "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}",
    "{http://purl.oclc.org/ooxml/wordprocessingml/main}",  # of the strict variant
)
_MAX_BASES = 20  # styles that a style stands on
_NO_HEADING = 9  # an outline level that says body text


def word_name(tag: str) -> str:
    """Of an element of WordprocessingML, without its namespace; empty for all others."""
    return next((tag[len(space) :] for space in WORD if tag.startswith(space)), "")


def attribute(attributes: dict[str, str], name: str) -> str:
    return next((attributes[space + name] for space in WORD if space + name in attributes), "")


def level_of(outline: str) -> int | None:
    """1 for the highest; None where it is the level of body text."""
    return (
        int(outline) + 1 if outline.isdecimal() and len(outline) == 1 and int(outline) < _NO_HEADING else None
    )


@dataclass
class _Style:
    name: str = ""
    base: str = ""
    level: int | None = None
    in_list: bool | None = None


class Styles(Target):
    def __init__(self) -> None:
        self._styles: dict[str, _Style] = {}
        self._style = _Style()

    def start(self, tag: str, attrs: dict[str, str], /) -> None:
        name = word_name(tag)
        if name == "style":
            self._style = self._styles.setdefault(attribute(attrs, "styleId"), _Style())
        elif name == "name":
            self._style.name = attribute(attrs, "val").lower()
        elif name == "basedOn":
            self._style.base = attribute(attrs, "val")
        elif name == "outlineLvl":
            self._style.level = level_of(attribute(attrs, "val"))
        elif name == "numId":
            self._style.in_list = attribute(attrs, "val") != "0"

    def level(self, key: str) -> int | None:
        """Of a style that is a heading, 1 for the highest. Their names are English in any language's Word."""
        if self.is_title(key):
            return 1
        for style in self._bases(key):
            kind, _, number = style.name.rpartition(" ")
            if kind == "heading" and number.isdecimal():
                return int(number)
            if style.level is not None:
                return style.level
        return None

    def is_title(self, key: str) -> bool:
        return any(style.name == "title" for style in self._bases(key))

    def is_list(self, key: str) -> bool:
        return next((style.in_list for style in self._bases(key) if style.in_list is not None), False)

    def _bases(self, key: str) -> Iterator[_Style]:
        """A style and those that it stands on."""
        for _ in range(_MAX_BASES):
            style = self._styles.get(key)
            if style is None:
                return
            yield style
            key = style.base
