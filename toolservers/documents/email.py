"""E-mail (RFC 5322, MIME) as text: who wrote it and when, the body, and what is attached, each under a heading."""

import re
from collections.abc import Iterator
from email.errors import MessageError
from email.parser import BytesParser
from itertools import pairwise
from typing import cast

from toolservers.documents import html, mail_headers, opening
from toolservers.documents.encodings import decoded
from toolservers.documents.extracted import Extracted, Heading
from toolservers.documents.mail_headers import Part
from toolservers.documents.paragraphs import Paragraphs
from toolservers.documents.unreadable import Unreadable

DEEPEST_MESSAGE = 3
"""Messages in messages, as forwarding makes them."""

DEEPEST_PART = 20
"""Parts in parts of one message."""

MOST_PARTS = 500
MOST_MESSAGES = 20_000
"""Of one file of type mbox."""

LARGEST_HEADER = 250_000
"""Bytes. The library's time grows with the square of a field's length."""

MOST_MARKS = 20_000
"""Lines that begin like a boundary of parts."""

MOST_SAID = 50
"""Sentences about what is left out."""

STUB = 4
"""How many times longer than the plain text HTML must be to be taken instead: then that may just refer to it."""

_SUFFIXES = {
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "message/rfc822": ".eml",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/tab-separated-values": ".tsv",
}
_SIGNATURES = {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
_SECURED = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")
_BETWEEN = re.compile(rb"^From \S.*\r?\n", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


def extract(data: bytes, name: str) -> Extracted:
    """The title is the subject. Pages of what is attached are not known any more. Raises Unreadable."""
    reading = _Reading()
    if data.startswith(b"From ") or name.lower().endswith(".mbox"):
        fields: dict[str, str] = {}
        reading.mailbox(data)
    else:
        message = _parsed(data)
        fields = mail_headers.fields(message)
        reading.message(message)
    if not reading.written.given and reading.left_out:
        raise Unreadable("no_text", f"Nothing in it can be read. {' '.join(reading.left_out[:3])}")
    return Extracted(
        reading.written.text,
        "email",
        title=fields.pop("subject", ""),
        metadata=fields,
        headings=tuple(reading.headings),
        left_out=reading.left_out,
        share=reading.share,
    )


def _parsed(data: bytes) -> Part:
    end = _HEAD_ENDS.search(data)
    header = end.start() if end else len(data)
    marks = data.count(b"\n--")
    if header > LARGEST_HEADER or marks > MOST_MARKS:
        raise Unreadable(
            "too_dense",
            f"Its header has {header:,} bytes, and {marks:,} lines may part it; at most {LARGEST_HEADER:,} and "
            f"{MOST_MARKS:,} are taken. Save its text as a file.",
        )
    try:
        return BytesParser().parsebytes(data)
    except (
        MessageError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
    ) as error:  # the library's own slips
        raise Unreadable("damaged", f"It cannot be read as e-mail ({type(error).__name__}).") from None


class _Reading:
    """Of one file: what is written so far. Levels are those of headings."""

    def __init__(self) -> None:
        self.written = Paragraphs()
        self.headings: list[Heading] = []
        self._left_out: list[str] = []
        self._parts = 0
        self._missing = 0.0

    @property
    def left_out(self) -> tuple[str, ...]:
        said = self._left_out[:MOST_SAID]
        more = len(self._left_out) - len(said)
        if more:
            said.append(f"{more:,} more are left out.")
        return (*said, *self.written.left_out("parts"))

    @property
    def share(self) -> float:
        return self.written.share / (1 + self._missing / max(1, self.written.length))

    def mailbox(self, data: bytes) -> None:
        """A file of messages, each after a line `From …` (RFC 4155)."""
        begins = [0, *(found.start() for found in _BETWEEN.finditer(data)), len(data)]
        messages = [data[start:end] for start, end in pairwise(begins) if data[start:end].strip()]
        for raw in messages[:MOST_MESSAGES]:
            self._parts = 0
            self.message(_parsed(_QUOTED_FROM.sub(rb"\1", _BETWEEN.sub(b"", raw, count=1))))
        if len(messages) > MOST_MESSAGES:
            self._left_out.append(
                f"Of {len(messages):,} messages the first {MOST_MESSAGES:,} are read; split it."
            )

    def message(self, message: Part, depth: int = 0) -> None:
        fields = mail_headers.shown(message)
        subject = fields.pop("Subject", "")
        if subject or depth:
            self._heading(depth + 1, subject or "Message without a subject")
        if fields:
            self.written.add("\n".join(f"{name}: {value}" for name, value in fields.items()))
        self._part(message, depth, 0)

    def _part(self, part: Part, depth: int, inside: int) -> None:
        """Any part of a message; `inside` counts the parts that it is in."""
        self._parts += 1
        kind = mail_headers.kind(part)
        if self._parts > MOST_PARTS or inside > DEEPEST_PART:
            if self._parts == MOST_PARTS + 1 or inside > DEEPEST_PART:
                self._left_out.append(
                    f"Parts after the first {MOST_PARTS}, or inside of {DEEPEST_PART} others."
                )
        elif part.is_multipart() or kind.startswith("message/"):
            self._parts_in(part, depth, inside)
        elif kind in _SECURED:
            self._left_out.append(f"A part that is encrypted, or signed in one piece with its text ({kind}).")
        elif kind in ("text/plain", "text/html") and not _is_attached(part):
            self._body(part, depth)
        elif kind not in _SIGNATURES:
            self._attachment(part, depth)

    def _parts_in(self, part: Part, depth: int, inside: int) -> None:
        kind = mail_headers.kind(part)
        if kind == "multipart/encrypted":
            self._left_out.append("An encrypted part: it can be read only where its key is.")
        elif kind == "multipart/alternative":
            self._alternative(list(_parts_of(part)), depth, inside)
        elif kind == "message/delivery-status":
            self.written.add("\n\n".join(map(mail_headers.block, _parts_of(part))))
        elif kind.startswith("message/"):
            self._forwarded(part, depth)
        else:
            for inner in _parts_of(part):
                self._part(inner, depth, inside + 1)

    def _alternative(self, parts: list[Part], depth: int, inside: int) -> None:
        """One of several forms of the same: the plain text, or HTML that is longer by far; and what is attached."""
        leaves = [leaf for part in parts for leaf in part.walk() if not leaf.is_multipart()]
        forms = [leaf for leaf in leaves if not _is_attached(leaf)]
        plain = next((leaf for leaf in forms if mail_headers.kind(leaf) == "text/plain"), None)
        rich = next((leaf for leaf in reversed(forms) if mail_headers.kind(leaf) == "text/html"), None)
        if not plain and not rich:
            for part in parts[-1:]:
                self._part(part, depth, inside + 1)
            return
        text = _text_of(plain).text.strip() if plain else ""
        found = _text_of(rich) if rich else None
        if found and len(found.text) > STUB * len(text):
            self._add(found, depth + 1)
        else:
            self._body(plain or cast(Part, rich), depth)
        for leaf in leaves:
            if _is_attached(leaf):
                self._part(leaf, depth, inside + 1)

    def _body(self, part: Part, depth: int) -> None:
        try:
            self._add(_text_of(part, strict=True), depth + 1)
        except Unreadable as refusal:
            self._left_out.append(f"The text ({mail_headers.kind(part)}): {refusal}")

    def _forwarded(self, part: Part, depth: int) -> None:
        for inner in _parts_of(part):
            if depth >= DEEPEST_MESSAGE:
                self._left_out.append(f"A message inside of {DEEPEST_MESSAGE} others.")
            else:
                self.message(inner, depth + 1)

    def _attachment(self, part: Part, depth: int) -> None:
        kind = mail_headers.kind(part)
        name = mail_headers.file_name(part) or f"{kind.replace('/', ' ')}{_SUFFIXES.get(kind, '')}"
        data = _bytes_of(part)
        try:
            if opening.format_of(data[: opening.HEAD], name).name == "email" and data.strip():
                if depth >= DEEPEST_MESSAGE:
                    raise Unreadable("too_dense", f"It is a message inside of {DEEPEST_MESSAGE} others.")
                self._heading(depth + 2, f"Attachment: {name}")
                self.message(_parsed(data), depth + 1)
                return
            found = opening.extract(data, name)
        except Unreadable as refusal:
            self._left_out.append(f"Attachment {name}: {refusal}")
            return
        self._heading(depth + 2, f"Attachment: {name}")
        self._add(found, depth + 2, f"Attachment {name}: ")

    def _heading(self, level: int, title: str) -> None:
        start = self.written.add(title)
        if start is not None:
            self.headings.append(Heading(level, title, start, start + len(title)))

    def _add(self, found: Extracted, level: int, of: str = "") -> None:
        """Its headings come under that of `level`."""
        if not found.text.strip():
            return
        start = self.written.add(found.text)
        if start is None:
            return
        self.headings += [
            Heading(heading.level + level, heading.title, start + heading.start, start + heading.end)
            for heading in found.headings
        ]
        self._left_out += [of + sentence for sentence in found.left_out]
        self._missing += len(found.text) * (1 / max(found.share, 0.001) - 1)


def _parts_of(part: Part) -> Iterator[Part]:
    inner = part.get_payload()
    if isinstance(inner, list):
        yield from cast(list[Part], inner)


def _bytes_of(part: Part) -> bytes:
    """Without base64 or quoted-printable; where these are damaged, what could be read."""
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError):
        return b""
    return data if isinstance(data, bytes) else b""


def _is_attached(part: Part) -> bool:
    return part.get_content_disposition() == "attachment" or bool(mail_headers.file_name(part))


def _text_of(part: Part, *, strict: bool = False) -> Extracted:
    """Of a part of text or HTML. Where it cannot be read: Unreadable if `strict`, else an empty text."""
    kind = mail_headers.kind(part)
    charset = part.get_param("charset")
    try:
        found = decoded(_bytes_of(part), charset if isinstance(charset, str) else "")
        if kind == "text/html" and found.text.strip():
            return html.extract_text(found.text, "")
    except Unreadable:
        if strict:
            raise
        return Extracted("", "email")
    text = found.text.strip("\n")
    if str(part.get_param("format")).lower() == "flowed":
        text = _unflowed(text, "" if str(part.get_param("delsp")).lower() == "yes" else " ")
    return Extracted(text, "text", left_out=found.left_out, share=found.share)


def _unflowed(text: str, blank: str) -> str:
    """A line that ends with a blank goes on in the next one (RFC 3676), but for the mark above a signature."""
    lines = [""]
    depth = 0
    goes_on = False
    for line in text.split("\n"):
        content = line.lstrip(">")
        quoted = len(line) - len(content)
        content = content.removeprefix(" ")
        if goes_on and quoted == depth and content != "-- ":
            lines[-1] = f"{lines[-1].removesuffix(' ')}{blank}{content}"
        else:
            lines.append(f"{'>' * quoted}{' ' if quoted else ''}{content}")
        depth, goes_on = quoted, content.endswith(" ") and content != "-- "
    return "\n".join(lines[1:])
