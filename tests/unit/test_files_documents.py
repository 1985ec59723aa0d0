"""`read_file` of PDF and Word documents: their text in windows, pages marked."""

from pathlib import Path

import pytest

from tests.unit.files_calls import call, pieces, refused
from tests.written_documents import SCAN, archive, docx, paragraph, pdf, shown
from toolservers.documents import opening
from toolservers.documents.extracted import Extracted
from toolservers.files.settings import Settings
from toolservers.files.text import documents
from toolservers.files.text.documents import Documents
from toolservers.files.tools import server


async def test_documents_are_read_in_windows_and_what_is_none_is_told(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.pdf").write_bytes(pdf([shown("one\nmore"), SCAN, shown("three")]))
    (root / "b.docx").write_bytes(docx(paragraph("Kettle") + paragraph("lid")))
    (root / "scan.pdf").write_bytes(pdf([SCAN]))
    (root / "text.pdf").write_text("no PDF at all")
    (root / "data.zip").write_bytes(archive({"a": "a"}))
    with (root / "large.pdf").open("wb") as large:
        large.write(b"%PDF-1.7")
        large.truncate(60_000_000)
    async with server.running(Settings(root, state=tmp_path / "state")):
        text, facts = pieces(await call("read_file", path="a.pdf"))
        assert text == "[page 1]\none\nmore\n\n[page 2]\n\n\n[page 3]\nthree\n"
        assert "text out of a PDF of 3 pages" in facts
        assert "Page 2 is an image without text." in facts
        text, facts = pieces(await call("read_file", path="a.pdf", page=3))
        assert text == "[page 3]\nthree\n"
        assert "lines 8 to 9 of 9" in facts
        text, facts = pieces(await call("read_file", path="a.pdf", count=2))
        assert (text, facts.rpartition("; ")[2]) == ("[page 1]\none\n", "next line=3]")
        text, facts = pieces(await call("read_file", path="b.docx", line=-1))
        assert text == "lid\n"
        assert "text out of a Word document, etag" in facts
        assert pieces(await call("read_file", path="text.pdf"))[0] == "no PDF at all"
        assert "3 pages, and no page 4" in await refused("read_file", path="a.pdf", page=4)
        assert "does not say where its pages end" in await refused("read_file", path="b.docx", page=1)
        assert "has no pages" in await refused("read_file", path="text.pdf", page=1)
        assert "not both" in await refused("read_file", path="a.pdf", page=1, line=2)
        assert "'scan.pdf' cannot be read as text. This PDF holds images alone" in await refused(
            "read_file", path="scan.pdf"
        )
        assert "at most 50,000,000 are read" in await refused("read_file", path="large.pdf")
        assert "a ZIP archive" in await refused("read_file", path="data.zip")


class Counting:
    """Reads in this process, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def extract(self, source: bytes, name: str, /) -> Extracted:
        self.asked.append(name)
        return opening.extract(source, name)


async def test_the_last_documents_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_KEPT", 50)  # characters of two of them
    data, extractor = pdf([shown("x" * 10)]), Counting()
    kept = Documents(extractor)
    for name in ("a.pdf", "b.pdf", "a.pdf", "c.pdf", "a.pdf", "b.pdf"):
        assert (await kept.read(data, name, name)).text.text == "[page 1]\nxxxxxxxxxx\n"
    assert extractor.asked == ["a.pdf", "b.pdf", "c.pdf", "b.pdf"]
