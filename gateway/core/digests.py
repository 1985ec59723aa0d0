"""Digests: one JSON value, one text, one digest, whatever the order of its keys."""

import base64
import hashlib
from typing import Any

import msgspec

SHORT = 12
"""Hexadecimal digits of a digest that people are shown; enough to tell two versions of a file apart."""


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces. Integers keep every digit; `5` and `5.0` are two values."""
    return msgspec.json.encode(value, order="sorted")


def digest(value: Any) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def arguments_digest(arguments: dict[str, Any]) -> str:
    """What an approval is bound to: the same for the same arguments, however they were written."""
    return digest(arguments)


def text_digest(body: bytes) -> str:
    """What a run's log keeps a text by: see `short_digest`."""
    return short_digest(hashlib.sha256(body).digest())


def short_digest(hashed: bytes) -> str:
    """The first 24 bytes of a SHA-256, as 32 characters of base64url."""
    return base64.urlsafe_b64encode(hashed[:24]).decode()
