"""Of a JSON-RPC text that is no message, or too large or deep to be read: whose it is. All else is passed over."""

import re

import msgspec

_LONGEST = 128  # characters of a tool's name


class Head(msgspec.Struct, frozen=True):
    """`name` is of the tool that is called; empty where there is none."""

    id: str | int | None = None
    name: str = ""


class _Outer(msgspec.Struct):
    id: str | int | None = None
    params: msgspec.Raw = msgspec.Raw(b"{}")


class _Named(msgspec.Struct):
    name: str = ""


_UNREAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def head_of(raw: bytes) -> Head:
    try:
        outer = msgspec.json.decode(raw, type=_Outer)
    except _UNREAD:
        return Head()
    try:
        return Head(outer.id, msgspec.json.decode(outer.params, type=_Named).name[:_LONGEST])
    except _UNREAD:
        return Head(outer.id)


_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]|[^"\[\]{}]+', re.DOTALL)


def shallow(raw: bytes, keep: int = 3) -> bytes:
    """The text with everything inside the `keep`-th level of brackets and deeper left out."""
    depth = 0
    kept: list[bytes] = []
    for match in _TOKEN.finditer(raw):
        token = match[0]
        if token in (b"]", b"}"):
            depth -= 1
            if depth < keep:
                kept.append(token)
        elif token in (b"[", b"{"):
            depth += 1
            if depth <= keep:
                kept.append(token)
        elif depth < keep:
            kept.append(token)
    return b"".join(kept)
