"""Documents that say the same: by the digest of their text, or nearly so by a sketch of their words.

The sketch is MinHash by one permutation (Li, Owen, Zhang 2012) with empty bins filled by rotation (Shrivastava,
Li 2014), over runs of three words: how many bins of two sketches agree tells how many runs two texts share. They
meet by hashes of eight bins each (bands): the cost of a comparison does not grow with the number of documents.

Two texts that differ in a number, a date or an identifier are never taken for one: `within 14 days` is not `within
30 days`, and the forms of two orders are alike but for what matters.
"""

import hashlib
import re
import struct
from operator import eq
from typing import NamedTuple
from zlib import crc32

from toolservers.search.ingestion.keeping import KeptVectors
from toolservers.search.storage.records import ADDED, Likeness, NewDocument
from toolservers.search.storage.scripts import spaced
from toolservers.search.storage.writing import Writer
from toolward.errors import Conflict

ALIKE = 0.9
"""The share of runs of words from which on two texts are near duplicates."""

_BINS = 64
_ROWS = 8  # bins in a band
_EMPTY = 0xFFFFFFFF
_MASK = 0xFFFFFFFFFFFFFFFF
_FEWEST = 20  # runs of words; a shorter text is compared by its digest alone
_LONGEST = 1_000_000  # characters; so is a longer one, whose sketch would take too much memory
_COMPARED = 64  # documents that are looked at
_WORD = re.compile(r"\w+(?:[-._/]\w+)*")
_NUMBER = re.compile(r"\d")
_SKETCH = struct.Struct(f"<{_BINS}I")


class Signature(NamedTuple):
    value: bytes
    """8 bytes that stand for the numbers and identifiers in the text, then the sketch. Empty where the text is very
    short or very long."""
    bands: tuple[int, ...]


def signature_of(text: str) -> Signature:
    if len(text) > _LONGEST:
        return Signature(b"", ())
    words = _WORD.findall(spaced(text).casefold())
    codes = [crc32(word.encode()) for word in words]
    runs = {(one * 3 ^ two) * 5 ^ three for one, two, three in zip(codes, codes[1:], codes[2:], strict=False)}
    if len(runs) < _FEWEST:
        return Signature(b"", ())
    bins = [_EMPTY] * _BINS
    for run in runs:
        # By the golden ratio, as Knuth has it, and folded once: the CRC alone is linear in its bits.
        mixed = run * 0x9E3779B97F4A7C15 & _MASK
        mixed = (mixed ^ mixed >> 32) * 0x9E3779B97F4A7C15 & _MASK
        number, value = mixed >> 58, mixed >> 24 & _EMPTY
        if value < bins[number]:  # noqa: PLR1730 -- the call of min costs as much as all the rest
            bins[number] = value
    numbers = sorted(word for word in set(words) if _NUMBER.search(word))
    told = _digest("\n".join(numbers).encode())
    sketch = _SKETCH.pack(*_filled(bins))
    width = 4 * _ROWS
    bands = (_digest(told + bytes([at]) + sketch[at : at + width]) for at in range(0, len(sketch), width))
    return Signature(told + sketch, tuple(int.from_bytes(band, "little", signed=True) for band in bands))


def are_alike(one: bytes, other: bytes) -> bool:
    if not one or one[:8] != other[:8]:
        return False
    return sum(map(eq, _SKETCH.unpack(one[8:]), _SKETCH.unpack(other[8:]))) >= ALIKE * _BINS


def placed(writer: Writer, document: NewDocument) -> int:
    """Writes it, in the place of the document of the same file or id, and says what it is a duplicate of; gives its
    key.

    Of documents with one text the first is the original. Of near ones it is that with the later date, so that what
    is out of date does not hide what replaced it; but a document that came by a tool never hides one of the
    operator's.

    Passages that say what they said before, or what an exact duplicate's say, keep its vectors. Raises Conflict
    where the id belongs to another file or source."""
    former = _former(writer, document)
    kept: list[KeptVectors] = []
    if former is not None:
        kept.append(KeptVectors(writer, former))
        writer.delete([former])
    twin = writer.same_text(hashlib.sha256(document.text.encode()).hexdigest())
    if twin is not None:
        kept.append(KeptVectors(writer, twin.key))
    key = _put(writer, document, twin)
    for vectors in kept:
        vectors.give(writer, key)
    return key


def _put(writer: Writer, document: NewDocument, twin: Likeness | None) -> int:
    original = _near(writer, document) if twin is None else writer.likeness(twin.original)
    if original is None:
        return writer.put(document)
    by_date = twin is None or twin.key != original.key
    if _rank(document, by_date) <= _rank(original, by_date):
        return writer.put(document, original.key)
    key = writer.put(document)
    writer.fold(original.key, key)
    return key


def _former(writer: Writer, document: NewDocument) -> int | None:
    if document.file is not None:
        known = writer.file(document.source, document.file.path)
        return None if known is None else known[0]
    row = writer.document(document.id)
    if row is not None and (row.source != document.source or row.file is not None):
        raise Conflict(f"{document.id} is the id of another document already.")
    return None if row is None else row.key


def _near(writer: Writer, document: NewDocument) -> Likeness | None:
    """The original that the text is nearly the same as."""
    seen: set[int] = set()
    for found in writer.alike(document.bands, _COMPARED) if document.bands else ():
        if found.original in seen:
            continue
        seen.add(found.original)
        original = found if found.original == found.key else writer.likeness(found.original)
        if original is not None and are_alike(document.signature, original.signature):
            return original
    return None


def _rank(document: NewDocument | Likeness, by_date: bool) -> tuple[bool, str]:
    return document.source != ADDED, document.updated if by_date else ""


def _filled(bins: list[int]) -> list[int]:
    """An empty bin takes the value of the next that is not, changed by how far away that is."""
    filled: list[int] = []
    value, distance = next(value for value in bins if value != _EMPTY), 0
    for number in reversed(range(2 * len(bins))):
        found = bins[number % len(bins)]
        value, distance = (found, 0) if found != _EMPTY else (value, distance + 1)
        if number < len(bins):
            filled.append((value + distance * 0x9E3779B1) & _EMPTY)
    return filled[::-1]


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=8).digest()
