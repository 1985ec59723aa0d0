"""Halves of characters in JSON: some servers cut a reply between the two `\\u` escapes of one character, and no
UTF-8 has either half."""

import re

_ESCAPES = re.compile(
    rb"\\(?:[^u]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(?![dD][89a-fA-F])"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2}))"
)


def whole_characters(raw: bytes) -> bytes:
    """JSON text with a replacement character for each half that stands alone."""
    if b"\\ud" not in raw and b"\\uD" not in raw:
        return raw
    return _ESCAPES.sub(lambda found: b"\\ufffd" if found[1] else found[0], raw)
