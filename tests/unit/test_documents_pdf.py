"""PDF as text: pages, headings, and what is said where there is none."""

import random
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter

from tests.examples import examples
from tests.written_documents import SCAN, pdf, shown
from toolservers.documents import pdf as reading
from toolservers.documents.extracted import Extracted
from toolservers.documents.opening import extract
from toolservers.documents.unreadable import Unreadable

MANUAL = pdf(
    [
        shown("Kettle KT-200\nRead this first."),
        shown("Descaling\nUse vinegar, 100 ml.\nSafety"),
        shown("Index"),
    ],
    outline=[("Kettle KT-200", 0), ("Descaling", 1), ("Not there", 1), ("Safety", 1), ("Index", 2)],
    info="/Title (Manual) /Author (Ann Lee) /ModDate (D:20260131120000Z)",
)


def read(data: bytes) -> Extracted:
    """What can be relied on holds for all of them."""
    found = extract(data, "some.pdf")
    assert [page.start for page in found.pages] == sorted(page.start for page in found.pages)
    for heading in found.headings:
        assert found.text[heading.start : heading.end].split() == heading.title.split()
    assert 0 <= found.share <= 1
    assert found.share == 1 or found.left_out
    return found


def test_pages_outline_and_properties() -> None:
    found = read(MANUAL)
    assert found.text == (
        "Kettle KT-200\nRead this first.\n\nDescaling\nUse vinegar, 100 ml.\nSafety\n\nIndex"
    )
    assert [(heading.title, found.page_at(heading.start)) for heading in found.headings] == [
        ("Kettle KT-200", 1),
        ("Descaling", 2),
        ("Safety", 2),
        ("Index", 3),
    ]
    assert found.heading_path(found.text.index("vinegar")) == ("Descaling",)
    assert (found.title, found.metadata) == ("Manual", {"author": "Ann Lee", "updated": "2026-01-31"})


def test_without_an_outline_large_letters_are_headings() -> None:
    small = "Text goes on and on, as it does.\n" * 8
    pages = [
        shown("Returns", size=24) + shown(small, top=690),
        shown("Within 30 days", size=16) + shown(small, top=690),
        shown("Contents . . . . . 2", size=16) + shown(small, top=690),
    ]
    found = read(pdf(pages))
    assert [(heading.level, heading.title) for heading in found.headings] == [
        (1, "Returns"),
        (2, "Within 30 days"),
    ]


def test_pages_without_text_are_told() -> None:
    found = read(pdf([shown("one"), SCAN, SCAN, shown("two"), "", SCAN]))
    assert found.left_out == ("Pages 2 to 3 and 6 are images without text.",)
    assert found.share == 0.5
    assert [page.start for page in found.pages] == [0, 5, 5, 5, 8, 8]


def test_forms_that_are_filled_in_and_text_boxes_are_text() -> None:
    annotations = (
        "<< /Subtype /Widget /T (Order) /Parent << /FT /Tx /V (E-1042) >> >>"
        " << /Subtype /Widget /FT /Btn /V (no) >>"
        " << /Subtype /FreeText /Contents (Paid\nin full) >> << /Subtype /Widget /FT /Tx /T (Empty) >> null"
    )
    assert read(pdf([shown("Form"), shown("two")], annotations=annotations)).text == (
        "Form\nOrder: E-1042\nPaid in full\n\ntwo"
    )
    found = read(pdf([shown("Form")], annotations="<< /Subtype /Widget /FT /Tx /V 1 >> 5 << /Parent 7 >>"))
    assert (found.text, found.left_out, found.share) == ("Form", (), 1)
    found = read(pdf([shown("Form")], annotations="<< /Subtype /Widget /Parent 7 >>"))
    assert (found.text, found.share) == ("Form", 1)
    assert found.left_out == ("Page 1 has form fields or text boxes that are damaged and could not be read.",)


def encrypted(password: str) -> bytes:
    writer = PdfWriter(BytesIO(MANUAL))
    writer.encrypt(password, "owner", algorithm="AES-256")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def test_what_opens_without_a_password_is_read() -> None:
    assert read(encrypted("")).pages == read(MANUAL).pages


@pytest.mark.parametrize(
    ("data", "why", "said"),
    [
        (pdf([SCAN, ""]), "no_text", "OCR"),
        (pdf(["", ""]), "no_text", "empty"),
        (encrypted("secret"), "encrypted", "without one"),
        (MANUAL[: len(MANUAL) // 3], "damaged", "once more"),
        (b"%PDF-1.7\nnothing", "damaged", "once more"),
        (pdf([" " * 80_000_000]), "damaged", "No page"),
    ],
    ids=["scan", "blank", "encrypted", "cut", "nothing", "bomb"],
)
def test_refusals_say_why_and_what_to_do(data: bytes, why: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said) as told:
        extract(data, "some.pdf")
    assert told.value.why == why


def test_what_is_too_late_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr(reading.time, "monotonic", lambda: next(now))
    monkeypatch.setattr(reading, "MAX_SECONDS", 2)
    found = read(pdf([shown("one"), shown("two"), shown("three"), shown("four")]))
    assert found.text == "one\n\ntwo"
    assert found.left_out == ("Pages 3 to 4 were not read: the pages before took 2 s, which is the limit.",)


@settings(max_examples=examples(15), deadline=None)
@given(st.integers(0, 2**32))
def test_bytes_that_anybody_made_are_read_or_refused(seed: int) -> None:
    dice, data = random.Random(seed), bytearray(MANUAL)
    for _ in range(dice.randint(1, 20)):
        data[dice.randrange(9, len(data))] = dice.randrange(256)
    with suppress(Unreadable):
        read(bytes(data))
