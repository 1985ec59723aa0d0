"""Word documents (DOCX) as text. The parts are read as streams: neither depth nor size takes memory.

Office Open XML, ECMA-376 part 1: paragraphs (`w:p`, 17.3.1.22), text (`w:t`), tables (17.4), headings by their
style's name or outline level (17.7.4.9, 17.3.1.20). Insertions, content controls, links and text boxes are text;
deletions and the codes of fields are not.
"""

from toolservers.documents.archives import Archive, Target
from toolservers.documents.composing import MAX_METADATA, one_line
from toolservers.documents.dates import iso
from toolservers.documents.docx_body import Body
from toolservers.documents.docx_styles import Styles, word_name
from toolservers.documents.extracted import Extracted
from toolservers.documents.unreadable import Unreadable

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PROPERTIES = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "description": "description",
    "created": "date",
    "modified": "updated",
}


def extract(data: bytes, name: str) -> Extracted:
    """Raises Unreadable."""
    if data.startswith(_OLE):
        raise _old_or_encrypted(data)
    archive = Archive(data)
    main = _main_part(archive)
    folder = main.rpartition("/")[0]
    styles, properties = Styles(), _Properties()
    for part, target in ((f"{folder}/styles.xml", styles), ("docProps/core.xml", properties)):
        if part in archive:
            archive.parse(part, target)
    body = Body(styles)
    archive.parse(main, body)
    for notes in ("footnotes", "endnotes"):
        if f"{folder}/{notes}.xml" in archive:
            archive.parse(f"{folder}/{notes}.xml", body)
    return _extracted(archive, folder, body, properties.found)


def _extracted(archive: Archive, folder: str, body: Body, found: dict[str, str]) -> Extracted:
    composer = body.composer
    text = composer.text()
    aside = _Aside()
    for part in archive.names():
        if _is_aside(part, folder):
            archive.parse(part, aside)
    if not text.strip():
        pictures = " but pictures" if body.pictures else ""
        raise Unreadable("no_text", f"This document has no text{pictures}.")
    left_out: list[str] = []
    if body.pictures:
        left_out.append(f"Pictures ({body.pictures:,}) are left out.")
    if body.hidden:
        left_out.append(f"Text that the document hides ({body.hidden:,} characters) is left out.")
    if aside.characters:
        left_out.append(f"Headers, footers and comments ({aside.characters:,} characters) are left out.")
    for date in ("date", "updated"):
        found[date] = iso(found.get(date, ""))
    title = found.pop("title", "") or body.title
    return Extracted(
        text=text,
        format="docx",
        title=title,
        metadata={key: value for key, value in found.items() if value},
        pages=body.pages(),
        headings=tuple(composer.headings),
        left_out=tuple(left_out),
        share=len(text) / (len(text) + aside.characters + body.hidden),
    )


def _is_aside(part: str, folder: str) -> bool:
    within, _, name = part.rpartition("/")
    return within == folder and name.endswith(".xml") and name.startswith(("header", "footer", "comments"))


def _main_part(archive: Archive) -> str:
    """As the package's relationships say."""
    if "_rels/.rels" not in archive:
        raise Unreadable(
            "unknown_format",
            "This is a ZIP archive and no Word document; unpack it and give the files that are in it.",
        )
    relations = _Relations()
    archive.parse("_rels/.rels", relations)
    main = relations.main or "word/document.xml"
    if not main.endswith(".xml") or main not in archive or not main.startswith("word/"):
        raise Unreadable(
            "unknown_format", "This is an Office file and no Word document; save it as PDF, CSV or DOCX."
        )
    return main


def _old_or_encrypted(data: bytes) -> Unreadable:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return Unreadable(
            "encrypted", "This document is encrypted; save it without a password and give that file."
        )
    return Unreadable(
        "unknown_format", "This is an Office document of before 2007 (doc, xls, ppt); save it as DOCX or PDF."
    )


class _Relations(Target):
    main = ""

    def start(self, tag: str, attrs: dict[str, str], /) -> None:
        if attrs.get("Type", "").endswith("/officeDocument"):
            self.main = attrs.get("Target", "").lstrip("/")


class _Properties(Target):
    """Title, author and dates of a document."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._key = ""

    def start(self, tag: str, attrs: dict[str, str], /) -> None:
        self._key = _PROPERTIES.get(tag.rpartition("}")[2], "")

    def data(self, data: str, /) -> None:
        if self._key:
            value = one_line(self.found.get(self._key, "") + data)[:MAX_METADATA]
            if value:
                self.found[self._key] = value

    def end(self, tag: str, /) -> None:
        self._key = ""


class _Aside(Target):
    """Counts the characters of what is not read."""

    def __init__(self) -> None:
        self.characters = 0
        self._is_text = False

    def start(self, tag: str, attrs: dict[str, str], /) -> None:
        self._is_text = word_name(tag) == "t"

    def data(self, data: str, /) -> None:
        self.characters += len(data) if self._is_text else 0

    def end(self, tag: str, /) -> None:
        self._is_text = False
