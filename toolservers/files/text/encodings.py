"""Bytes as text and back without loss: encodings, ends of lines, and the etag that names a version.

What is not valid in the encoding that a byte order mark or UTF-8 gives is read as ISO-8859-1 or windows-1252, in
which every byte is one character: a guess, and said to be one, but what is not touched goes back as it came.
"""

import codecs
import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from toolservers.documents.encodings import BOMS, is_utf8, seems_binary, windows_or_latin
from toolservers.documents.kinds import binary_kind
from toolservers.files.paths.refusals import shown
from toolward.errors import ToolError

MAX_FILE = 10_000_000
"""Bytes in the largest file that goes through memory: that is edited, overwritten, or has an etag of its bytes."""

HEAD = 65_536
"""Bytes by which the encoding and the ends of lines of a larger file are judged."""

EndOfLine = Literal["\n", "\r\n", "\r", "mixed", ""]
"""`mixed` is `\\n` and `\\r\\n` in one file. A lone `\\r` ends a line only where there is no `\\n` at all."""


class NotText(ToolError):
    """`seems` says what the file seems to be instead, such as `a PDF document`."""

    def __init__(self, path: str, seems: str) -> None:
        self.seems = seems
        super().__init__(
            f"{shown(path)} is not text: it seems to be {seems}. `read_file` gives text and images (png, jpeg, "
            "gif, webp); `copy_path`, `move_path` and `delete_path` take any file."
        )


@dataclass(frozen=True)
class Encoding:
    """`guessed` where nothing in the file proves it."""

    name: str
    codec: str
    bom: bytes = b""
    guessed: bool = False

    def __str__(self) -> str:
        if self.guessed:
            return f"{self.name} (a guess: not UTF-8)"
        return f"{self.name} with BOM" if self.bom and self.codec == "utf-8" else self.name

    @property
    def unit(self) -> int:
        """Bytes of the smallest piece of a character."""
        return {"utf-16": 2, "utf-32": 4}.get(self.codec[:6], 1)

    def encode(self, text: str) -> bytes:
        """Without the BOM. Raises ToolError where it has not all characters of the text."""
        try:
            return text.encode(self.codec)
        except UnicodeEncodeError:
            missing = sorted({character for character in text if not self._has(character)})
            names = ", ".join(f"{_named(character)}" for character in missing[:10])
            more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
            raise ToolError(
                f"The file is in {self}, which has no {names}{more}; write it without, or save the text as a new "
                "file, which is UTF-8."
            ) from None

    def _has(self, character: str) -> bool:
        try:
            character.encode(self.codec)
        except UnicodeEncodeError:
            return False
        return True


UTF8 = Encoding("UTF-8", "utf-8")
_LATIN_1 = Encoding("ISO-8859-1", "iso-8859-1", guessed=True)
_WINDOWS = Encoding("windows-1252", "cp1252", guessed=True)


@dataclass(frozen=True)
class Text:
    """A file's text, without its BOM, with its ends of lines as they are in the file."""

    text: str
    encoding: Encoding

    @cached_property
    def end_of_line(self) -> EndOfLine:
        return end_of_line(self.text)

    @property
    def terminator(self) -> str:
        return terminator(self.end_of_line)

    def encode(self, text: str) -> bytes:
        """Another text as the bytes of this file. Raises ToolError where the encoding has not all characters."""
        return self.encoding.bom + self.encoding.encode(text)

    def with_ends(self, text: str) -> str:
        """A caller's text, whose lines end with `\\n`, with the ends that this file has; of a mixed file, the first
        end."""
        end = self.end_of_line
        if end == "mixed":
            end = "\r\n" if self.text[: self.text.index("\n")].endswith("\r") else "\n"
        return text if end in ("", "\n") else text.replace("\r\n", "\n").replace("\n", end)


def etag_of(data: bytes) -> str:
    """Names a version of a file's bytes: 16 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()[:16]


def weak_etag(status: os.stat_result) -> str:
    """Of a file beyond MAX_FILE: `w` and 15 hexadecimal digits of what the system says of it. Weak: a change of the
    same size within one tick of the clock could keep it."""
    facts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return "w" + hashlib.sha256(repr(facts).encode()).hexdigest()[:15]


def etag_of_file(descriptor: int) -> str:
    """Of an opened regular file, whatever its size; its position stays. Raises OSError."""
    data = read_whole(descriptor)
    return weak_etag(os.fstat(descriptor)) if data is None else etag_of(data)


def read_whole(descriptor: int, most: int = MAX_FILE) -> bytes | None:
    """All bytes of an opened file, by its descriptor; its position stays. None where it has more than `most`.
    Raises OSError."""
    pieces: list[bytes] = []
    size = 0
    if os.fstat(descriptor).st_size > most:
        return None
    while size <= most:  # it may grow
        piece = os.pread(descriptor, min(1 << 20, most + 1 - size), size)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
    return None


def decode(data: bytes, path: str) -> Text:
    """A whole file; `path` is for the refusal. Raises NotText."""
    encoding = encoding_of(data, path)
    try:
        text = data[len(encoding.bom) :].decode(encoding.codec)
    except UnicodeDecodeError:
        raise NotText(path, f"damaged {encoding.name} text") from None
    if encoding.unit > 1 and "\0" in text:
        raise NotText(path, binary_kind(data))
    return Text(text, encoding)


def encoding_of(data: bytes, path: str, *, whole: bool = True) -> Encoding:
    """Judged by the first bytes of a file; `whole` says that they are all, so that a cut character at their end is
    no excuse. Raises NotText."""
    for bom, name, codec in BOMS:
        if data.startswith(bom) and not (bom == codecs.BOM_UTF32_LE and len(data) % 4 and whole):
            if codec == "utf-8":
                _refuse_binary(data, path, sure=is_utf8(data, whole=whole))
            return Encoding(name, codec, bom)
    sure = is_utf8(data, whole=whole)
    _refuse_binary(data, path, sure=sure)
    if sure:
        return UTF8
    return _WINDOWS if windows_or_latin(data) == "cp1252" else _LATIN_1


def _refuse_binary(data: bytes, path: str, *, sure: bool) -> None:
    if seems_binary(data, sure=sure):
        raise NotText(path, binary_kind(data[:512]))


def end_of_line(text: str) -> EndOfLine:
    """Empty where no line ends."""
    feeds = text.count("\n")
    if not feeds:
        return "\r" if "\r" in text else ""
    pairs = text.count("\r\n")
    return "\n" if not pairs else "\r\n" if pairs == feeds else "mixed"


def terminator(end: EndOfLine) -> str:
    """The character with which lines end, by which they are counted."""
    return "\r" if end == "\r" else "\n"


def end_name(end: EndOfLine) -> str:
    """For a reader, who cannot see them."""
    return {"\n": r"\n", "\r\n": r"\r\n", "\r": r"\r", "mixed": r"mixed \n and \r\n", "": "none"}[end]


def _named(character: str) -> str:
    name = unicodedata.name(character, "")
    sign = character if character.isprintable() else ""
    return (
        f"{sign!r} (U+{ord(character):04X}{', ' + name if name else ''})"
        if sign
        else f"U+{ord(character):04X}"
    )


def require_characters(text: str, what: str) -> None:
    """Raises ToolError for what no file can hold: half of a surrogate pair, which JSON can say."""
    found = re.search("[\ud800-\udfff]", text)
    if found:
        raise ToolError(
            f"{what} has a lone surrogate (U+{ord(found[0]):04X}) at character {found.start() + 1:,}."
        )
