"""The head of a plain request to `/mcp`, read at once where there is no doubt about what it says.

Everything else is left to the HTTP parser, which gets the very same bytes: what is read here is a subset of what
that reads alike (RFC 9112, 2.2 to 6.3), so that nobody can be told two things by one request.
"""

import re
from collections.abc import Mapping

MAX_HEAD = 16 * 1024
"""Bytes; a longer one is the parser's to read, or to refuse."""

_PLAIN = re.compile(rb"POST /mcp/? HTTP/1\.1(?:\r\n[A-Za-z0-9-]+:[ \t]*[!-~](?:[ -~\t]*[!-~])?){1,60}")
# A space behind a value is the parser's: it counts it as part of the value (RFC 9112, 5.1, does not).
_LENGTH = re.compile(r"0|[1-9][0-9]{0,8}")

_FRAMING = frozenset(
    {"transfer-encoding", "upgrade", "expect", "te", "trailer", "http2-settings", "proxy-connection"}
)
"""Headers that say how to read the request, or to go on otherwise after it; to the parser the last one is
`connection` by another name."""

NOTHING: Mapping[str, str] = {}


class PlainHead:
    """`headers` by lower-case name, each there once; `length` of the body in bytes. `cleared` is the door's:
    whatever it has found out that follows from these headers alone."""

    __slots__ = ("cleared", "headers", "length")

    def __init__(self, headers: Mapping[str, str], length: int) -> None:
        self.headers = headers
        self.length = length
        self.cleared: object = None


def read_head(raw: bytes, beside: Mapping[str, str] = NOTHING) -> PlainHead | None:
    """`raw` is what stands before the empty line, without its last line break; `beside` are headers of our own,
    with names that no client's can have. None = the parser's."""
    if len(raw) > MAX_HEAD or _PLAIN.fullmatch(raw) is None:
        return None
    lines = raw.decode("ascii").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" \t")
    length = headers.get("content-length", "")
    if len(headers) != len(lines) - 1 or "host" not in headers or _LENGTH.fullmatch(length) is None:
        return None
    if not _FRAMING.isdisjoint(headers):
        return None
    if headers.get("connection", "keep-alive").lower() != "keep-alive":
        return None
    return PlainHead({**headers, **beside}, int(length))
