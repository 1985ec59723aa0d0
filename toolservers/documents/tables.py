"""Tables of separated values: each row a paragraph that says its columns' names, so that it can be read alone.

Columns: sku; name; price

sku: FG-1; name: Kettle; price: 39.90
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from toolservers.documents.encodings import decoded
from toolservers.documents.extracted import Extracted
from toolservers.documents.paragraphs import Paragraphs

SAMPLE_ROWS = 100
SAMPLE = 65_536
"""Rows and characters by which the separator and the header are judged."""

WIDE = 800
"""Characters of a row from which on each of its cells has a line."""

LONGEST_NAME = 100
"""Characters of a column's name."""

_SEPARATORS = ",;\t|"
_NONE = "\x1f"
_VALUE = re.compile(r"[-+(]?[^\w\s]?\s?\d[\d\s.,:/%()-]*(?:\s?\w{1,3})?|\S+@\S+|https?://\S+")
_YEAR = re.compile(r"(?:19|20|21)\d\d")

csv.field_size_limit(1 << 31)  # of all this process: a cell may be as long as its file


def extract(data: bytes, name: str) -> Extracted:
    """Raises Unreadable where it is no text."""
    found = decoded(data)
    text, separator = _said_by_excel(found.text)
    separator = separator or separator_of(text[:SAMPLE], tabs=name.lower().endswith((".tsv", ".tab")))
    rows = _rows(text, separator)
    first = list(islice(rows, SAMPLE_ROWS))
    at = _header(first)
    written = Paragraphs()
    for row in first if at is None else first[:at]:
        _add(written, row, ())
    if at is not None:
        columns = _names(first[at])
        written.add("Columns: " + "; ".join(columns))
        for row in first[at + 1 :]:
            _add(written, row, columns)
    else:
        columns = ()
    for row in rows:
        _add(written, row, columns)
    return Extracted(
        written.text,
        "csv",
        encoding=found.encoding,
        left_out=(*found.left_out, *written.left_out("rows")),
        share=found.share * written.share,
    )


def separator_of(sample: str, *, tabs: bool = False) -> str:
    """The one by which most rows get the same number of cells; `tabs` where the file's name speaks for it."""
    best, best_score = _NONE, (0.3, 0)
    for separator in "\t" if tabs else _SEPARATORS:
        widths = [len(row) for row in islice(_rows(sample, separator), SAMPLE_ROWS)]
        counted = Counter(widths).most_common(1)
        if counted and counted[0][0] > 1:
            score = (counted[0][1] / len(widths), counted[0][0])
            if score > best_score:
                best, best_score = separator, score
    return best


def _said_by_excel(text: str) -> tuple[str, str]:
    """Some files of Excel begin with a line `sep=;`."""
    if text[:4].lower() == "sep=" and text[5:6] == "\n":
        return text[6:], text[4]
    return text, ""


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    """Rows with something in them, their cells without blanks around and without ends of lines."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    line = 0
    for row in reader:
        cells = [cell.strip() for cell in row]
        if reader.line_num > line + 1:
            cells = [" ".join(cell.split()) if "\n" in cell else cell for cell in cells]
        line = reader.line_num
        if any(cells):
            yield cells


def _header(rows: list[list[str]]) -> int | None:
    """The number of the row that names the columns: the first that is as wide as most. None where it holds values,
    or nothing follows it."""
    if len(rows) < 2:
        return None
    width = Counter(map(len, rows)).most_common(1)[0][0]
    at = next(number for number, row in enumerate(rows) if len(row) == width)
    named = [cell for cell in rows[at] if cell]
    speaks = len(named) * 2 >= width and len(set(named)) == len(named) and at + 1 < len(rows)
    return at if speaks and not any(map(_is_value, named)) else None


def _is_value(cell: str) -> bool:
    """A number, date, amount or address, which names no column; a year may."""
    return len(cell) > LONGEST_NAME or bool(_VALUE.fullmatch(cell) and not _YEAR.fullmatch(cell))


def _names(header: list[str]) -> tuple[str, ...]:
    return tuple(cell or f"column {number}" for number, cell in enumerate(header, 1))


def _add(written: Paragraphs, row: list[str], columns: tuple[str, ...]) -> None:
    if not columns:
        written.add(" | ".join(cell for cell in row if cell))
        return
    cells = [f"{name}: {cell}" for name, cell in zip(columns, row, strict=False) if cell]
    for number, cell in enumerate(row[len(columns) :], len(columns) + 1):
        if cell:
            cells.append(f"column {number}: {cell}")
    text = "; ".join(cells)
    written.add("\n".join(cells) if len(text) > WIDE else text)
