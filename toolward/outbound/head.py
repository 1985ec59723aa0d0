"""The bytes of a request, and the proof that they are one request only."""

import re
from collections.abc import Mapping

from toolward.errors import InvalidRequest

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, so that a repeat does no harm (RFC 9110, 9.2.1)."""

OWN = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
"""Headers that describe the connection or the framing: written here, never a caller's to set."""

# Each part by itself: a line break that one of them smuggled in would make two well-formed lines of one.
_START = re.compile(r"[A-Z]+ /[!-~]*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~]*")


def compose(method: str, path: str, host: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """A whole request. Raises InvalidRequest for what cannot be sent, or is not the caller's to set."""
    head = begin(method, path, host, headers)
    return framed(head, body) if body or method not in SAFE else head + b"\r\n"


def framed(head: bytes, body: bytes) -> bytes:
    """A whole request, of what `begin` gave."""
    return b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body)


def begin(method: str, path: str, host: str, headers: Mapping[str, str]) -> bytes:
    """Of a request, all before its framing: the same for every body. Raises as `compose`."""
    start = f"{method} {path}"
    if not _START.fullmatch(start):
        raise InvalidRequest(
            "The request's method or path cannot be sent.",
            hint="A path starts with / and holds no spaces, control or non-ASCII characters: escape them.",
        )
    lines = [f"{start} HTTP/1.1\r\nhost: {host}\r\n"]
    for name, value in headers.items():
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):  # the value is not shown: a secret, maybe
            raise InvalidRequest(f"The header {name[:80]!r} holds characters that no header may.")
        if name.lower() in OWN:
            raise InvalidRequest(f"The header {name!r} is the connection's own and cannot be set.")
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode("ascii")
