"""Bytes of a document as text whose lines end with `\\n`: byte order mark, what is declared, UTF-8, then a guess.

The files server, which writes files back as they came, keeps encodings of its own (`files/text/encodings.py`); the
table of byte order marks and what tells text from other data are here for both.
"""

import codecs
import re
from dataclasses import dataclass

from toolservers.documents.kinds import binary_kind, image_type
from toolservers.documents.unreadable import Unreadable

BOMS = (  # UTF-32 LE begins with what UTF-16 LE is
    (codecs.BOM_UTF8, "UTF-8", "utf-8"),
    (codecs.BOM_UTF32_LE, "UTF-32 LE", "utf-32-le"),
    (codecs.BOM_UTF32_BE, "UTF-32 BE", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "UTF-16 LE", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "UTF-16 BE", "utf-16-be"),
)
"""(mark, name as people call it, Python's codec)."""

SAMPLE = 32_768
"""Bytes by which an encoding is guessed."""

_TEXT_CONTROLS = b"\a\b\t\n\v\f\r\x1a\x1b"
_NO_CONTROLS = bytes(sorted({*range(0x20, 0x7F), *range(0x80, 0x100), *_TEXT_CONTROLS}))
_C1 = bytes(range(0x80, 0xA0))
_NOT_IN_1252 = b"\x81\x8d\x8f\x90\x9d"

_NAMES = {
    "cp1252": "windows-1252",
    "cp1250": "windows-1250",
    "cp1251": "windows-1251",
    "cp1253": "windows-1253",
    "cp1254": "windows-1254",
    "cp1255": "windows-1255",
    "cp1256": "windows-1256",
    "cp1257": "windows-1257",
    "koi8_r": "KOI8-R",
    "cp932": "Shift_JIS",
    "euc_jp": "EUC-JP",
    "iso2022_jp": "ISO-2022-JP",
    "gb18030": "GB18030",
    "big5": "Big5",
    "cp949": "EUC-KR",
}
"""What is guessed: Python's codec, and its name as people call it. More would be guessed wrongly more often."""

_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
"""Encodings that files declare while they use more than these have; browsers read them so, too."""

_NOT_OF_DOCUMENTS = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7", "undefined"}


@dataclass(frozen=True, slots=True)
class Decoded:
    """`encoding` says it where it is a guess; `replaced` counts the places of which no character could be read, and
    for which U+FFFD stands."""

    text: str
    encoding: str
    replaced: int = 0

    @property
    def left_out(self) -> tuple[str, ...]:
        if not self.replaced:
            return ()
        places = "place is" if self.replaced == 1 else "places are"
        return (f"{self.replaced:,} {places} not valid {self.encoding}; U+FFFD stands there.",)

    @property
    def share(self) -> float:
        return 1 - self.replaced / len(self.text) if self.replaced else 1.0


def decoded(data: bytes, declared: str = "") -> Decoded:
    """All of a file. `declared` is the name of an encoding that the document, or what it came in, says of it.

    Raises Unreadable (`unknown_format`) where it is no text.
    """
    for bom, name, codec in BOMS:
        if data.startswith(bom) and not (bom == codecs.BOM_UTF32_LE and len(data) % 4):
            return _lossy(data[len(bom) :], codec, name)
    sure = is_utf8(data)
    codec = _codec(declared)
    if codec and not (sure and _is_of_single_bytes(codec)):  # many declare one of these and write UTF-8
        found = _strict(data, codec, _name(codec))
        if found is not None:
            return found
    if sure and b"\x1b$B" in data:  # a shift to kanji, all in ASCII
        found = _strict(data, "iso2022_jp", "ISO-2022-JP")
        if found is not None:
            return found
    if sure and b"\0" not in data:
        return Decoded(storable(data.decode()), "UTF-8")
    wide = _unmarked_utf16(data)
    if wide is not None:
        return wide
    if seems_binary(data, sure=sure):
        raise Unreadable(
            "unknown_format", f"It is not text: it seems to be {binary_kind(data[:512])}, which is not read."
        )
    return _mended_utf8(data) or _guessed(data)


def is_utf8(data: bytes, *, whole: bool = True) -> bool:
    """Where `data` is not whole, a cut character at its end is no fault."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def seems_binary(data: bytes, *, sure: bool) -> bool:
    """`sure` where all of it is valid UTF-8: then only NUL speaks against text."""
    marked = data.translate(None, _NO_CONTROLS) or image_type(data) or data.startswith(b"%PDF-")
    return b"\0" in data or bool(marked and not sure)


def windows_or_latin(data: bytes) -> str:
    """`cp1252` or `iso-8859-1`. Where only windows-1252 has printable characters at the bytes 80 to 9f, and has all
    of them, it is meant."""
    controls = set(data) & set(_C1)
    return "cp1252" if controls and not controls & set(_NOT_IN_1252) else "iso-8859-1"


def storable(text: str) -> str:
    """With `\\n` as the only end of line; U+FFFD for what UTF-8 or a database cannot hold: NUL, lone surrogates."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text)


def _lossy(data: bytes, codec: str, name: str) -> Decoded:
    text = data.decode(codec, "replace")
    if "\0" in text:
        raise Unreadable(
            "unknown_format", f"It is not text: it begins like {name}, but holds NUL characters."
        )
    written = data.count(
        "\ufffd".encode(codec)
    )  # it may be meant; of UTF-16 half of one and half of another, too
    return Decoded(storable(text), name, max(0, text.count("\ufffd") - written))


def _strict(data: bytes, codec: str, name: str) -> Decoded | None:
    try:
        text = data.decode(codec)
    except UnicodeError:
        return None
    return None if "\0" in text else Decoded(storable(text), name)


def _codec(declared: str) -> str:
    """Empty for a name that is not known, or is no encoding of documents."""
    try:
        found = codecs.lookup(declared.strip()[:40]) if declared.strip() else None
        "".encode(found.name if found else "undefined")
    except (LookupError, UnicodeError, ValueError):
        return ""
    name = found.name if found else ""
    return "" if name in _NOT_OF_DOCUMENTS else _WIDER.get(name, name)


def _is_of_single_bytes(codec: str) -> bool:
    return codec.startswith(("cp12", "iso8859", "koi8", "mac"))


def _name(codec: str) -> str:
    return _NAMES.get(codec.replace("-", "_"), codec.upper().replace("ISO8859", "ISO-8859"))


def _unmarked_utf16(data: bytes) -> Decoded | None:
    """Windows programs write it: of blanks, digits and Latin letters every second byte is NUL."""
    sample = data[:SAMPLE]
    if len(data) < 4 or len(data) % 2 or b"\0" not in sample:
        return None
    for codec, name, high in (("utf-16-le", "UTF-16 LE", 1), ("utf-16-be", "UTF-16 BE", 0)):
        zeros = sample[high::2].count(0)
        if zeros * 10 >= len(sample) // 2 and not sample[1 - high :: 2].count(0):
            found = _strict(data, codec, f"{name} (a guess)")
            if found is not None and not re.search("[\x01-\x06\x0e-\x19\x1c-\x1f\x7f-\x9f]", found.text):
                return found
    return None


def _mended_utf8(data: bytes) -> Decoded | None:
    """UTF-8 with a few damaged places: more sequences of bytes beyond ASCII are right than wrong, by far."""
    text = data.decode("utf-8", "replace")
    wrong = text.count("\ufffd") - data.count("\ufffd".encode())
    right = sum(map(len, re.findall("[\x80-\ufffc\U00010000-\U0010ffff]+", text)))
    return Decoded(storable(text), "UTF-8", wrong) if right > 4 * wrong else None


def _guessed(data: bytes) -> Decoded:
    from charset_normalizer import from_bytes  # slow to import, and seldom needed

    beyond_ascii = re.search(rb"[\x80-\xff]", data)
    start = max(0, beyond_ascii.start() - 200) if beyond_ascii else 0
    matches = from_bytes(data[start : start + SAMPLE], cp_isolation=list(_NAMES))
    best = matches.best()
    codec = best.encoding if best else ""
    if best and any(
        "cp1252" in match.could_be_from_charset
        for match in matches
        if (match.chaos, match.coherence) == (best.chaos, best.coherence)
    ):
        codec = "cp1252"  # as good as any other, and by far the most frequent
    found = _strict(data, codec, f"{_NAMES[codec]} (a guess)") if codec in _NAMES else None
    if found is not None:
        return found
    codec = windows_or_latin(data)
    name = "windows-1252" if codec == "cp1252" else "ISO-8859-1"
    return Decoded(storable(data.decode(codec)), f"{name} (a guess)")
