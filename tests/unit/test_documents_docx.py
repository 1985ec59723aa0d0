"""Word documents as text: what is text in them and what is not, and what must not be unpacked."""

import random
from contextlib import suppress
from io import BytesIO

import docx as python_docx
import pytest
from docx.enum.section import WD_SECTION
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.written_documents import WORD, archive, docx, paragraph
from toolservers.documents import archives
from toolservers.documents.extracted import Extracted
from toolservers.documents.opening import extract
from toolservers.documents.unreadable import Unreadable

STYLES = (
    f'<w:styles {WORD}><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:styleId="mine"><w:name w:val="Mine"/><w:basedOn w:val="berschrift1"/></w:style>'
    '<w:style w:styleId="round"><w:name w:val="Round"/><w:basedOn w:val="round"/></w:style>'
    '<w:style w:styleId="deep"><w:name w:val="Deep"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style></w:styles>'
)


def read(data: bytes) -> Extracted:
    """What can be relied on holds for all of them."""
    found = extract(data, "some.docx")
    starts = [page.start for page in found.pages]
    assert starts == sorted(starts)
    assert all(0 <= start <= len(found.text) for start in starts)
    for heading in found.headings:
        assert found.text[heading.start : heading.end] == heading.title
    assert 0 < found.share <= 1
    return found


def test_a_document_as_word_processors_write_it() -> None:
    written = python_docx.Document()
    written.core_properties.author = "Ann Lee"
    written.add_heading("Kettle", 0)
    written.add_heading("Safety", 1)
    written.add_paragraph("Not\tin water.\nNever.")
    written.add_paragraph("lid", style="List Bullet")
    written.add_paragraph("base", style="List Bullet")
    table = written.add_table(2, 2)
    for row, texts in zip(table.rows, (("part", "price"), ("lid", "€4")), strict=True):
        for box, text in zip(row.cells, texts, strict=True):
            box.text = text
    written.add_page_break()
    written.add_heading("Cleaning", 2)
    written.add_section(WD_SECTION.NEW_PAGE)
    written.add_paragraph("Vinegar.")
    written.sections[0].header.paragraphs[0].text = "Fernhill"
    out = BytesIO()
    written.save(out)
    found = read(out.getvalue())
    assert found.text == (
        "Kettle\n\nSafety\n\nNot\tin water.\nNever.\n\n- lid\n- base\n\n"
        "part | price\nlid | €4\n\nCleaning\n\nVinegar."
    )
    assert [(heading.level, found.page_at(heading.start)) for heading in found.headings] == [
        (1, 1),
        (1, 1),
        (2, 2),
    ]
    assert found.page_at(found.text.index("Vinegar")) == 3
    assert (found.title, found.metadata["author"]) == ("Kettle", "Ann Lee")
    assert found.left_out == ("Headers, footers and comments (8 characters) are left out.",)


def test_headings_by_style_of_any_language_and_by_level() -> None:
    body = (
        "".join(
            paragraph(style or "plain", f'<w:pStyle w:val="{style}"/>')
            for style in ("berschrift1", "mine", "round", "deep")
        )
        + paragraph("own", '<w:outlineLvl w:val="1"/>')
        + paragraph("body", '<w:outlineLvl w:val="9"/>')
    )
    found = read(docx(body, {"word/styles.xml": STYLES}))
    assert [(heading.title, heading.level) for heading in found.headings] == [
        ("berschrift1", 1),
        ("mine", 1),
        ("deep", 3),
        ("own", 2),
    ]


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def cell(content: str) -> str:
    return f"<w:tc>{content}</w:tc>"


INNER_TABLE = f"<w:tbl><w:tr>{cell(paragraph('b'))}{cell(paragraph('c'))}</w:tr></w:tbl>"
SHAPE = f"<mc:Choice>{paragraph('box')}</mc:Choice><mc:Fallback>{paragraph('box')}</mc:Fallback>"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            f"<w:p><w:ins>{run('new')}</w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>",
            "new",
        ),
        (f"<w:p><w:moveFrom>{run('there')}</w:moveFrom>{run('here')}</w:p>", "here"),
        (f"<w:sdt><w:sdtContent>{paragraph('in a control')}</w:sdtContent></w:sdt>", "in a control"),
        (f"<w:p><w:hyperlink>{run('a ')}</w:hyperlink>{run('link')}</w:p>", "a link"),
        ("<w:p><w:r><w:instrText>PAGE</w:instrText><w:t>7</w:t><w:br/><w:t>b</w:t></w:r></w:p>", "7\nb"),
        (f"<w:p><w:r><mc:AlternateContent>{SHAPE}</mc:AlternateContent></w:r></w:p>", "box"),
        (
            f"<w:tbl><w:tr>{cell(paragraph('a') + INNER_TABLE)}{cell(paragraph('d'))}</w:tr></w:tbl>",
            "a b | c | d",
        ),
        (f"<w:tbl><w:tr>{cell(paragraph('one') + paragraph('two'))}</w:tr></w:tbl>", "one\ntwo"),
        (paragraph("x", "<w:tabs><w:tab/></w:tabs>"), "x"),
        (paragraph("bell\u2028and\u00adsoft"), "bell\nandsoft"),
        (paragraph("token " * 1_000_000), "token " * 999_999 + "token"),
    ],
)
def test_what_is_text_and_what_is_not(body: str, text: str) -> None:
    assert read(docx(body)).text == text


def test_notes_hidden_text_and_pages_that_word_showed() -> None:
    notes = (
        f'<w:footnotes {WORD}><w:footnote w:type="separator" w:id="-1"><w:p/></w:footnote>'
        f'<w:footnote w:id="2">{paragraph("since May")}</w:footnote></w:footnotes>'
    )
    body = (
        '<w:p><w:r><w:t>30 days</w:t><w:footnoteReference w:id="2"/></w:r>'
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>obey</w:t></w:r>"
        "<w:r><w:lastRenderedPageBreak/><w:t>more</w:t></w:r></w:p>"
    )
    found = read(docx(body, {"word/footnotes.xml": notes}))
    assert found.text == "30 days[2]more\n\n[2] since May"
    assert [page.start for page in found.pages] == [0, len("30 days[2]")]
    assert found.left_out == ("Text that the document hides (4 characters) is left out.",)
    assert found.share == (len(found.text)) / (len(found.text) + 4)


LAUGHS = '<!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SOUND = docx(paragraph("sound"))


@pytest.mark.parametrize(
    ("data", "why", "said"),
    [
        (
            docx("", {"word/document.xml": f"{LAUGHS}<w:document {WORD}>&b;</w:document>"}),
            "too_dense",
            "declaration",
        ),
        (
            docx("", {"word/document.xml": LAUGHS.encode("utf-16").decode("utf-16")}),
            "too_dense",
            "declaration",
        ),
        (docx(" " * 11_000_000), "too_dense", "zip bomb"),
        (docx("<w:tbl><w:tr><w:tc>" * 200), "too_dense", "tables in tables"),
        (docx("<w:p>" * 20_000), "damaged", "once more"),
        (docx(paragraph("&undeclared;")), "damaged", "once more"),
        (SOUND[:-30], "damaged", "once more"),
        (SOUND.replace(b"sound", b"sound")[:60] + bytes(40) + SOUND[100:], "damaged", "once more"),
        (docx(""), "no_text", "no text"),
        (docx("", main="xl/workbook.xml"), "unknown_format", "save it as PDF"),
        (archive({"a.txt": "a"}), "unknown_format", "no Word document"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted", "password"),
        (OLE + bytes(500), "unknown_format", "DOCX"),
        (b"not a document", "damaged", "once more"),
    ],
)
def test_refusals_say_why_and_what_to_do(data: bytes, why: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said) as told:
        extract(data, "some.docx")
    assert told.value.why == why


@pytest.mark.parametrize(("bound", "most"), [("MAX_ENTRIES", 2), ("MAX_UNPACKED", 5000), ("MAX_PART", 1000)])
def test_what_an_archive_says_it_unpacks_to_is_bounded(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(archives, bound, most)
    data = docx(paragraph("x" * 10_000), {"a": "a"})
    with pytest.raises(Unreadable, match=f"at most {most:,}") as told:
        extract(data, "some.docx")
    assert told.value.why == "too_dense"


NAMES = [
    "p",
    "r",
    "t",
    "tbl",
    "tr",
    "tc",
    "pPr",
    "rPr",
    "footnote",
    "br",
    "sectPr",
    "vanish",
    "tab",
    "del",
    "numId",
]
LEAVES = ["a", " ", "b c", "<w:lastRenderedPageBreak/>", '<w:br w:type="page"/>', '<w:outlineLvl w:val="1"/>']


def element(name: str, parts: list[str]) -> str:
    return f"<w:{name}>{''.join(parts)}</w:{name}>"


TREES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.builds(element, st.sampled_from(NAMES), st.lists(inner, max_size=4)),
    max_leaves=40,
)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(TREES, max_size=4))
def test_elements_at_any_place_are_borne(trees: list[str]) -> None:
    with suppress(Unreadable):
        read(docx("".join(trees) + paragraph("end")))


@settings(max_examples=examples(30), deadline=None)
@given(st.integers(0, 2**32))
def test_bytes_that_anybody_made_are_read_or_refused(seed: int) -> None:
    dice, data = random.Random(seed), bytearray(SOUND)
    for _ in range(dice.randint(1, 20)):
        data[dice.randrange(4, len(data))] = dice.randrange(256)
    with suppress(Unreadable):
        read(bytes(data))
