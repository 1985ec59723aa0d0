"""Texts of the configuration as values. Each raises ValueError where the text is none, but `networks` notes it."""

from urllib.parse import urlsplit

from gateway.config.reader import Section
from toolward.doors.address import Address, parse_address
from toolward.errors import ConfigurationError
from toolward.outbound.reach import parse_networks


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


def networks(at: Section) -> tuple[str, ...]:
    """Where a name in the address beside it may lead: `10.0.0.0/8`, one address, `private`."""
    found = at.texts("networks")
    for index, text in enumerate(found):
        try:
            parse_networks(text)
        except ConfigurationError as error:
            at.wrong_item(
                "networks", index, f"is no network; {error.hint[:1].lower()}{error.hint[1:].rstrip('.')}"
            )
    return found
