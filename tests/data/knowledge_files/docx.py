"""A DOCX with headings, paragraphs and tables, as a word processor would save it, without anything else."""

import io
import zipfile
from html import escape

from tests.data.knowledge_files.source import Block, Source

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_STYLES = {"title": "Heading1", "heading": "Heading2", "paragraph": "Normal"}


def made(source: Source) -> bytes:
    parts = {
        "[Content_Types].xml": (
            f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{_TYPES}.document.main+xml"/>'
            f'<Override PartName="/word/styles.xml" ContentType="{_TYPES}.styles+xml"/>'
            '<Override PartName="/docProps/core.xml"'
            ' ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>'
        ),
        "_rels/.rels": _relations(
            (f"{_OFFICE}/officeDocument", "word/document.xml"),
            (f"{_PACKAGE}/relationships/metadata/core-properties", "docProps/core.xml"),
        ),
        "word/_rels/document.xml.rels": _relations((f"{_OFFICE}/styles", "styles.xml")),
        "word/document.xml": f"<w:document {_WORD}><w:body>{_body(source)}</w:body></w:document>",
        "word/styles.xml": f"<w:styles {_WORD}>{''.join(map(_style, _STYLES.values()))}</w:styles>",
        "docProps/core.xml": (
            f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties"'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
            f"<dc:title>{escape(source.title)}</dc:title><cp:category>{source.category}</cp:category>"
            f'<dcterms:modified xsi:type="dcterms:W3CDTF">{source.updated}T09:00:00Z</dcterms:modified>'
            "</cp:coreProperties>"
        ),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), _XML + content)
    return file.getvalue()


def _relations(*targets: tuple[str, str]) -> str:
    rows = (
        f'<Relationship Id="rId{number}" Type="{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(rows)}</Relationships>'


def _style(name: str) -> str:
    shown = name.replace("Heading", "heading ")
    return f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="{shown}"/></w:style>'


def _body(source: Source) -> str:
    return "".join(_table(block) if block.kind == "table" else _text(block) for block in source.blocks)


def _text(block: Block) -> str:
    return _paragraph(" ".join(block.lines), _STYLES[block.kind])


def _paragraph(text: str, style: str) -> str:
    """`**bold**` becomes a run of its own."""
    runs = "".join(
        f"<w:r>{'<w:rPr><w:b/></w:rPr>' if place % 2 else ''}"
        f'<w:t xml:space="preserve">{escape(part)}</w:t></w:r>'
        for place, part in enumerate(text.split("**"))
        if part
    )
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr>{runs}</w:p>'


def _table(block: Block) -> str:
    grid = "<w:gridCol/>" * len(block.rows[0])
    rows = "".join(f"<w:tr>{''.join(map(_cell, row))}</w:tr>" for row in block.rows)
    return f"<w:tbl><w:tblPr/><w:tblGrid>{grid}</w:tblGrid>{rows}</w:tbl>"


def _cell(text: str) -> str:
    return f"<w:tc>{_paragraph(text, 'Normal')}</w:tc>"
