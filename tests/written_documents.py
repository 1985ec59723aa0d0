"""PDF and Word documents as tests need them, written here so that what is in them can be read."""

import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

SCAN = "/Im0 Do"
"""A page's content that is an image."""


def shown(text: str, *, size: int = 12, top: int = 720) -> str:
    """A page's content: lines of text below each other."""
    lines = "".join(f"({line}) Tj T* " for line in text.split("\n"))
    return f"BT /F1 {size} Tf {size} TL 72 {top} Td {lines} ET "


def pdf(
    pages: Sequence[str], *, outline: Sequence[tuple[str, int]] = (), info: str = "", annotations: str = ""
) -> bytes:
    """Of contents, as `shown` writes them; `outline` has titles and indexes of pages; `info` entries such as
    `/Title (Manual)`; `annotations` dictionaries that lie over the first page."""
    kids = " ".join(f"{10 + 2 * number} 0 R" for number in range(len(pages)))
    first_entry = 10 + 2 * len(pages)
    objects = {
        1: "<< /Type /Catalog /Pages 2 0 R" + (" /Outlines 5 0 R >>" if outline else " >>"),
        2: f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>",
        3: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: _stream(
            "\0",
            "/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8",
        ),
        6: f"<< {info} >>",
    }
    if outline:
        last = first_entry + len(outline) - 1
        objects[5] = f"<< /Type /Outlines /First {first_entry} 0 R /Last {last} 0 R /Count {len(outline)} >>"
    for number, (title, page) in enumerate(outline, first_entry):
        beside = f"/Next {number + 1} 0 R" if number < first_entry + len(outline) - 1 else ""
        objects[number] = f"<< /Title ({title}) /Parent 5 0 R {beside} /Dest [{10 + 2 * page} 0 R /Fit] >>"
    for number, content in enumerate(pages):
        objects[10 + 2 * number] = (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> "
            f"/XObject << /Im0 4 0 R >> >> /Contents {11 + 2 * number} 0 R "
            f"/Annots [{'' if number else annotations}] >>"
        )
        objects[11 + 2 * number] = _stream(content)
    return _file(objects)


def _stream(content: str, entries: str = "") -> str:
    data = zlib.compress(content.encode("latin-1"), 9)
    return f"<< /Length {len(data)} /Filter /FlateDecode {entries} >>\nstream\n{data.decode('latin-1')}\nendstream"


def _file(objects: Mapping[int, str]) -> bytes:
    out = BytesIO()
    out.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = dict[int, int]()
    for number, text in sorted(objects.items()):
        places[number] = out.tell()
        out.write(f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1"))
    size = max(objects) + 1
    start = out.tell()
    out.write(f"xref\n0 {size}\n0000000000 65535 f \n".encode())
    for number in range(1, size):
        place = places.get(number)
        out.write(f"{place or 0:010} {0 if place else 65535:05} {'n' if place else 'f'} \n".encode())
    out.write(f"trailer\n<< /Size {size} /Root 1 0 R /Info 6 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" Type='
    '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="{}"/>'
    "</Relationships>"
)


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def docx(body: str, parts: Mapping[str, str] | None = None, main: str = "word/document.xml") -> bytes:
    """A Word document with this body; `parts` are further files of it, or others in place of those."""
    space = f'{WORD} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    written = {
        "_rels/.rels": _RELATIONS.format(main),
        main: f"<w:document {space}><w:body>{body}</w:body></w:document>",
        **(parts or {}),
    }
    return archive(written)


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return out.getvalue()
