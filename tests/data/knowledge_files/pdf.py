"""A PDF with selectable text: one font, pages, an outline of its headings, and its title and date."""

import textwrap

from tests.data.knowledge_files.source import Source

_LEFT, _TOP, _COLUMNS = 56, 780, 88
_SIZES = {"title": (18, 30), "heading": (13, 24), "paragraph": (10, 14), "table": (10, 14)}
"""Size of the letters and height of a line, in points."""


def made(source: Source) -> bytes:
    pages, outline = _pages(source)
    first = 5 + len(outline)  # objects: 1 catalog, 2 pages, 3 fonts, 4 outline, its entries, then two a page
    numbers = [first + 2 * place for place in range(len(pages))]
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R /Lang (en) >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{number} 0 R' for number in numbers)}] >>",
        "<< /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
        " /F2 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >> >>",
        f"<< /Type /Outlines /First 5 0 R /Last {4 + len(outline)} 0 R /Count {len(outline)} >>",
    ]
    for place, (title, page, height) in enumerate(outline):
        near = f" /Prev {4 + place} 0 R" if place else ""
        near += f" /Next {6 + place} 0 R" if place + 1 < len(outline) else ""
        where = f"[{numbers[page]} 0 R /XYZ {_LEFT} {height + 20} 0]"
        objects.append(f"<< /Title ({_escaped(title)}) /Parent 4 0 R /Dest {where}{near} >>")
    for number, content in zip(numbers, pages, strict=True):
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font 3 0 R >>"
            f" /Contents {number + 1} 0 R >>"
        )
        objects.append(f"<< /Length {len(content.encode('cp1252'))} >>\nstream\n{content}\nendstream")
    day = source.updated.replace("-", "")
    objects.append(
        f"<< /Title ({_escaped(source.title)}) /Subject ({source.category}) /ModDate (D:{day}090000Z) >>"
    )
    return _file(objects)


def _pages(source: Source) -> tuple[list[str], list[tuple[str, int, int]]]:
    """The content of each page, and the headings: title, page from 0, height."""
    pages, outline, height = [""], list[tuple[str, int, int]](), _TOP
    for block in source.blocks:
        if block.kind == "page":
            pages, height = [*pages, ""], _TOP
            continue
        size, step = _SIZES[block.kind]
        font = "F1" if block.kind in ("paragraph", "table") else "F2"
        if block.kind in ("title", "heading"):
            outline.append((block.lines[0], len(pages) - 1, height))
        for line in (part for text in block.lines for part in textwrap.wrap(text, _COLUMNS * 10 // size)):
            pages[-1] += f"BT /{font} {size} Tf 1 0 0 1 {_LEFT} {height} Tm ({_escaped(line)}) Tj ET\n"
            height -= step
        height -= 8
        if height < _LEFT:
            raise ValueError(f"Page {len(pages)} of {source.title!r} is too long; begin another one.")
    return pages, outline


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _file(objects: list[str]) -> bytes:
    """The last object is the document's information."""
    data, offsets = b"%PDF-1.4\n", list[int]()
    for number, content in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode("cp1252")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\n"
    start = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    return data + f"{start}{end}startxref\n{len(data)}\n%%EOF\n".encode("ascii")
