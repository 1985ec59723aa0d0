"""ZIP archives that documents are: what they unpack to is judged before anything is unpacked."""

import zlib
from io import BytesIO
from typing import IO
from xml.etree.ElementTree import ParseError, XMLParser
from zipfile import BadZipFile, LargeZipFile, ZipFile, ZipInfo

from toolservers.documents.unreadable import Unreadable

MAX_ENTRIES = 20_000
MAX_UNPACKED = 1_000_000_000
"""Bytes of all that is in an archive, as its directory says; none of it is unpacked but the parts with text."""

MAX_PART = 100_000_000
"""Bytes of one part that is read."""

MAX_RATIO = 500
"""Bytes that one byte of a part with text may unpack to. XML of documents has 5 to 30, one form that is repeated
200; the most that there can be is 1,030."""

SMALL = 10_000_000
"""Bytes of a part up to which nobody asks for the ratio."""

_PIECE = 1 << 16
_ENCRYPTED = 1  # a flag of an entry


class Archive:
    """An opened archive, whose parts are read by their names."""

    def __init__(self, data: bytes) -> None:
        """Raises Unreadable."""
        try:
            self._zip = ZipFile(BytesIO(data))
        except (BadZipFile, LargeZipFile, ValueError, OSError, NotImplementedError, UnicodeError):
            raise damaged() from None
        entries = self._zip.infolist()
        unpacked = sum(entry.file_size for entry in entries)
        if len(entries) > MAX_ENTRIES:
            raise Unreadable(
                "too_dense", f"It holds {len(entries):,} files, and at most {MAX_ENTRIES:,} are taken."
            )
        if unpacked > MAX_UNPACKED:
            raise _too_dense(unpacked, MAX_UNPACKED)
        self._entries = {entry.filename.lower(): entry for entry in entries}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._entries

    def names(self) -> list[str]:
        return [entry.filename for entry in self._entries.values()]

    def parse(self, name: str, target: "Target") -> None:
        """Tell `target` of each element of a part, which is read once and never in memory as a whole. Raises
        Unreadable, also where the part is not there."""
        entry = self._entries.get(name.lower())
        if entry is None:
            raise damaged()
        _require_ordinary(entry)
        parser = XMLParser(target=target)  # noqa: S314 -- `Target` refuses declarations, where entities are made
        try:
            with self._zip.open(entry) as part:
                _feed(part, parser)
        except (BadZipFile, ParseError, ValueError, LookupError, OSError, zlib.error, EOFError, RuntimeError):
            raise damaged() from None  # a way of packing that is not known here is a RuntimeError


class Target:
    """Told of the elements of a part: `start`, `data` and `end`, as XMLParser calls them."""

    def start(self, tag: str, attrs: dict[str, str], /) -> None:
        pass

    def data(self, data: str, /) -> None:
        pass

    def end(self, tag: str, /) -> None:
        pass

    def close(self) -> None:
        pass

    def doctype(self, name: str, public: str | None, system: str | None, /) -> None:
        raise Unreadable(
            "too_dense",
            "It has a document type declaration, with which entities can make any size of text; no word processor "
            "writes one. Save it once more in one.",
        )


def damaged() -> Unreadable:
    return Unreadable("damaged", "It is damaged: open it in the program that made it and save it once more.")


def _feed(part: IO[bytes], parser: XMLParser) -> None:
    while piece := part.read(_PIECE):
        parser.feed(piece)
    parser.close()


def _require_ordinary(entry: ZipInfo) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise Unreadable("encrypted", "It is encrypted; save it without a password.")
    if entry.file_size > MAX_PART:
        raise _too_dense(entry.file_size, MAX_PART)
    if entry.file_size > SMALL and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        raise Unreadable(
            "too_dense",
            f"{entry.compress_size:,} bytes of it unpack to {entry.file_size:,}, as in a zip bomb and in no "
            "document; save it once more, or split it.",
        )


def _too_dense(size: int, most: int) -> Unreadable:
    return Unreadable("too_dense", f"It unpacks to {size:,} bytes, and at most {most:,} are taken; split it.")
