"""Texts of the configuration as values. Each raises ValueError where the text is none."""

from urllib.parse import urlsplit

from toolward.doors.address import Address, parse_address
from toolward.errors import ConfigurationError


def url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError(text)
    _ = parts.port  # raises where it is none
    return text


def address(text: str) -> Address:
    try:
        return parse_address(text)
    except ConfigurationError:
        raise ValueError(text) from None


BY_NAME = "dns:///"
"""What a gRPC target starts with whose name may stand for several replicas, all of which are used."""


def target(text: str) -> str:
    at = text.removeprefix(BY_NAME)
    host = at.rpartition(":")[0]
    if not host or "/" in host or address(at).port == 0:
        raise ValueError(text)
    return text
