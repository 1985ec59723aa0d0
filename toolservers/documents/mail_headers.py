"""Header fields of e-mail as people read them (RFC 2047, 2231), bounded; what is damaged is shown as it is."""

import re
from binascii import Error
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from typing import TYPE_CHECKING

from toolservers.documents import dates
from toolservers.documents.encodings import decoded
from toolservers.documents.unreadable import Unreadable

if TYPE_CHECKING:
    Part = Message[str, str]
else:  # generic for type checkers alone
    Part = Message

LONGEST = 5_000
"""Characters of a field that are read."""

LONGEST_KEPT = 1_000
"""Characters of a field that are metadata."""

MOST_FIELDS = 1_000

_TYPE = re.compile(r"[\w!#$&^.+-]{1,60}/[\w!#$&^.+-]{1,100}", re.ASCII)
_SHOWN = ("Subject", "From", "To", "Cc", "Date")
_KEPT = ("subject", "from", "to", "cc", "message-id", "in-reply-to", "list-id")


def shown(message: Part) -> dict[str, str]:
    """What stands above a message: subject, from, to, cc and date, those that it has."""
    found = _first_of_each(message)
    return {name: found[name.lower()] for name in _SHOWN if found.get(name.lower())}


def fields(message: Part) -> dict[str, str]:
    """For metadata; `updated` is when it was written, in UTC (ISO 8601)."""
    found = _first_of_each(message)
    kept = {name: found[name][:LONGEST_KEPT] for name in _KEPT if found.get(name)}
    moment = dates.iso(found.get("date", ""))
    return {**kept, "updated": moment} if moment else kept


def block(message: Part) -> str:
    """All fields, a line each: a delivery status is made of them."""
    return "\n".join(f"{name}: {value}" for name, value in _items(message))


def kind(part: Part) -> str:
    """Its media type in lower case, such as `text/plain`; what is none is `application/octet-stream`."""
    said = part.get_content_type()
    return said if _TYPE.fullmatch(said) else "application/octet-stream"


def file_name(part: Part) -> str:
    """The name that an attachment came with, without folders; empty for none."""
    try:
        name = part.get_filename("")
    except (ValueError, LookupError, TypeError):  # a name whose encoding is damaged
        return ""
    return _readable(str(name)).replace("\\", "/").rpartition("/")[2][:200]


def _first_of_each(message: Part) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _items(message):
        found.setdefault(name.lower(), value)
    return found


def _items(message: Part) -> list[tuple[str, str]]:
    raw = [(name, str(value)) for name, value in message.raw_items()][:MOST_FIELDS]
    return [(name[:100], _readable(value)) for name, value in raw]


def _readable(value: str) -> str:
    """One line. Bytes beyond ASCII, which the parser keeps as surrogates, are UTF-8 or guessed."""
    value = value[:LONGEST]
    if not value.isascii():
        try:
            value = decoded(value.encode("utf-8", "surrogateescape")).text
        except (Unreadable, UnicodeEncodeError):
            value = value.encode("ascii", "replace").decode()
    if "=?" in value:
        value = _decoded_words(value)
    return " ".join(value.replace("\0", " ").split())


def _decoded_words(value: str) -> str:
    """`=?utf-8?q?Gr=C3=BC=C3=9Fe?=` is `Grüße`."""
    try:
        pieces = decode_header(value)
    except (HeaderParseError, Error, ValueError):
        return value
    text = ""
    for piece, charset in pieces:
        if isinstance(piece, str):
            text += piece
            continue
        try:
            text += decoded(piece, charset or "").text
        except Unreadable:
            text += piece.decode("ascii", "replace")
    return text
