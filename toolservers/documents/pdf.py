"""PDF as text, page by page. Runs in a worker process: a hostile file can take any time and memory."""

import logging
import re
import time
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from toolservers.documents.composing import MAX_METADATA, Composer, clean, one_line
from toolservers.documents.dates import iso
from toolservers.documents.extracted import Extracted
from toolservers.documents.pdf_annotations import annotated_text
from toolservers.documents.pdf_headings import Letters, from_outline
from toolservers.documents.unreadable import Unreadable

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

MAX_PAGES = 10_000
MAX_SECONDS = 240.0
"""For the pages; those that come later are left out, and that is said. A page takes some 10 to 100 ms."""

_METADATA = {"/Author": "author", "/Subject": "subject", "/Keywords": "keywords"}
_DATES = {"/CreationDate": "date", "/ModDate": "updated"}
_DATE = re.compile(r"D:(\d{4})(\d\d)(\d\d)")
_LIGATURES = {
    0xFB00: "ff",
    0xFB01: "fi",
    0xFB02: "fl",
    0xFB03: "ffi",
    0xFB04: "ffl",
    0xFB05: "st",
    0xFB06: "st",
}


class _Lost(NamedTuple):
    """Numbers of pages whose text is not there, by reason."""

    images: list[int]
    damaged: list[int]
    late: list[int]
    fields: list[int]
    """Pages that are there but for what lies over them."""

    @property
    def pages(self) -> set[int]:
        return {*self.images, *self.damaged, *self.late}

    def said(self) -> tuple[str, ...]:
        return (
            *_sentence(self.images, "is an image without text", "are images without text"),
            *_sentence(self.damaged, "is damaged and could not be read", "are damaged and could not be read"),
            *_sentence(
                self.late,
                f"was not read: the pages before took {MAX_SECONDS:g} s, which is the limit",
                f"were not read: the pages before took {MAX_SECONDS:g} s, which is the limit",
            ),
            *_sentence(
                self.fields,
                "has form fields or text boxes that are damaged and could not be read",
                "have form fields or text boxes that are damaged and could not be read",
            ),
        )


def extract(data: bytes, name: str) -> Extracted:
    """Raises Unreadable."""
    reader, count = _opened(data)
    composer, lost, letters = Composer(), _Lost([], [], [], []), Letters()
    end = time.monotonic() + MAX_SECONDS
    for number in range(1, count + 1):
        composer.apart(2)
        composer.page(number)
        if time.monotonic() > end:
            lost.late.append(number)
        else:
            _read_page(reader, number, composer, lost, letters)
    text = composer.text()
    if not text.strip():
        raise _without_text(lost)
    pages = composer.pages
    headings = from_outline(reader, text, pages) or letters.headings(text)
    missing = len(lost.pages)
    return Extracted(
        text=text,
        format="pdf",
        title=_property(reader, "/Title"),
        metadata=_metadata(reader),
        pages=pages,
        headings=headings,
        left_out=lost.said(),
        share=1 - missing / count,
    )


def _opened(data: bytes) -> tuple["PdfReader", int]:
    """A reader that has the key, and how many pages there are. Raises Unreadable."""
    from pypdf import PdfReader, overwrite_configuration
    from pypdf.errors import DependencyError, LimitReachedError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it says of each damaged object is no news
    overwrite_configuration(disable_legacy_handling=True, jbig2dec_binary=None)
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise _encrypted()
        count = len(reader.pages)
    except (Unreadable, MemoryError):
        raise
    except (DependencyError, NotImplementedError):
        raise _encrypted() from None
    except LimitReachedError as error:
        raise Unreadable(
            "too_dense", f"This PDF unpacks to more than is taken: {one_line(str(error))}"
        ) from None
    except Exception as error:  # whatever a library stumbles over in bytes that anybody made
        raise Unreadable(
            "damaged", f"This PDF is damaged ({one_line(str(error))[:200]}); export or print it once more."
        ) from None
    if not count:
        raise Unreadable("no_text", "This PDF has no pages.")
    if count > MAX_PAGES:
        raise Unreadable(
            "too_large", f"This PDF has {count:,} pages, and at most {MAX_PAGES:,} are taken; split it."
        )
    return reader, count


def _read_page(reader: "PdfReader", number: int, composer: Composer, lost: _Lost, letters: Letters) -> None:
    try:
        page = reader.pages[number - 1]
        text = clean(_page_text(page, composer, letters).translate(_LIGATURES)).strip()
        text = f"{text}\n{_annotated(page, number, lost)}".strip()
        shows = bool(text) or _shows_something(page)
    except (Unreadable, MemoryError):
        raise
    except Exception:  # as above; the other pages may be sound
        lost.damaged.append(number)
        return
    if text:
        composer.add("\n".join(line.rstrip() for line in text.split("\n")))
    elif shows:
        lost.images.append(number)


def _annotated(page: "PageObject", number: int, lost: _Lost) -> str:
    try:
        return annotated_text(page)
    except MemoryError:
        raise
    except Exception:  # as above; what the page itself says is there
        lost.fields.append(number)
        return ""


def _page_text(page: "PageObject", composer: Composer, letters: Letters) -> str:
    start = composer.length

    def saw(text: str, matrix: list[float], own: list[float], _font: object, size: float) -> None:
        letters.saw(text, round(abs(size * own[3] * matrix[3]), 1), start)

    return page.extract_text(visitor_text=saw)


def _shows_something(page: "PageObject") -> bool:
    """Also where it is no text: an image, or a drawing."""
    contents = page.get_contents()
    return contents is not None and bool(contents.get_data().strip())


def _without_text(lost: _Lost) -> Unreadable:
    if lost.late:
        return Unreadable(
            "too_slow", f"No page of this PDF could be read within {MAX_SECONDS:g} s; split it."
        )
    if lost.damaged:
        return Unreadable("damaged", "No page of this PDF can be read; export or print it once more.")
    if lost.images:
        return Unreadable(
            "no_text",
            "This PDF holds images alone, as a scan does, and no text; run character recognition (OCR) over it, "
            "for example with ocrmypdf, and give that file.",
        )
    return Unreadable("no_text", "All pages of this PDF are empty.")


def _encrypted() -> Unreadable:
    return Unreadable(
        "encrypted",
        "This PDF is encrypted and opens with a password only; save it without one and give that file.",
    )


def _metadata(reader: "PdfReader") -> dict[str, str]:
    found = {called: _property(reader, key) for key, called in _METADATA.items()}
    for key, called in _DATES.items():
        date = _DATE.match(_property(reader, key))
        if date is not None:
            found[called] = iso("-".join(date.groups()))
    return {called: value for called, value in found.items() if value}


def _property(reader: "PdfReader", key: str) -> str:
    try:
        properties = reader.metadata
        value = None if properties is None else properties.get(key)
        return "" if value is None else one_line(str(value))[:MAX_METADATA]
    except Exception:  # as above; the text is there
        return ""


def _sentence(numbers: list[int], one: str, several: str) -> tuple[str, ...]:
    """`Pages 1 to 3 and 7 are …`; empty where there is no number."""
    if not numbers:
        return ()
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    told = [str(first) if first == last else f"{first} to {last}" for first, last in runs]
    if len(told) > 20:
        told = [*told[:20], f"{len(told) - 20} more"]
    listed = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return (f"Page {listed} {one}." if len(numbers) == 1 else f"Pages {listed} {several}.",)
