"""The one egress rule: a request goes to an origin that the configuration names, or it does not go.

Redirects are followed nowhere, so an origin that was allowed cannot send us on to one that was not. Where a name
may lead is the other half of the rule: `reach`.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from toolward.errors import ConfigurationError, Denied

_DEFAULT_PORT = {"http": 80, "https": 443}
# What a URL must not hold as it stands. Parsers disagree about these, and that is how filters are passed.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")
_CREDENTIALS = re.compile(r"//[^/?#]*@")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label that makes of a host an address (WHATWG's rule)
_CHECKED = 64  # URLs that were allowed
_SHOWN = 200  # characters of a URL in a message


class Origin(NamedTuple):
    """Scheme, host, port, in one spelling: lower case, IDNA, the port always there."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, base_url: str) -> "Origin":
        """The origin of a configured URL. Raises ConfigurationError for what is no plain http(s) URL, and for
        credentials in it: those belong into a header, where no log repeats them."""
        try:
            return _parse(base_url)
        except ValueError as error:
            raise ConfigurationError(
                f"{shown(base_url)!r} cannot be used as a base URL: {error}.",
                hint="Write it like http://127.0.0.1:8710 or https://host.example/path.",
            ) from None

    @property
    def authority(self) -> str:
        """As the Host header wants it: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORT[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Origins:
    """The origins that requests may go to. Immutable."""

    __slots__ = ("_allowed", "_checked")

    def __init__(self, base_urls: Iterable[str]) -> None:
        """Raises ConfigurationError, as `Origin.of` does."""
        self._allowed = frozenset(Origin.of(url) for url in base_urls)
        self._checked: dict[str, Origin] = {}  # a program asks for few URLs, again and again

    def __iter__(self) -> Iterator[Origin]:
        return iter(sorted(self._allowed))

    def check(self, url: str) -> Origin:
        """The origin of `url`. Raises Denied where it is not one of these, or is not plain."""
        if (known := self._checked.get(url)) is not None:
            return known
        try:
            origin = _parse(url)
        except ValueError as error:
            raise Denied(f"No request may go to {shown(url)!r}: {error}.") from None
        if origin not in self._allowed:
            raise Denied(
                f"No request may go to {origin}: the configuration does not name it.",
                hint="Only base URLs in the configuration are reached; redirects are not followed.",
            )
        if len(self._checked) >= _CHECKED:
            self._checked.clear()
        self._checked[url] = origin
        return origin


def shown(url: str) -> str:
    """A URL as messages may show it: no credentials, no query."""
    bare = _CREDENTIALS.sub("//…@", url).partition("?")[0].partition("#")[0]
    return bare if len(bare) <= _SHOWN else f"{bare[:_SHOWN]}…"


def _parse(url: str) -> Origin:
    """Raises ValueError with a reason that repeats no part of the URL."""
    if _AMBIGUOUS.search(url):
        raise ValueError("it holds spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("its host or port cannot be read") from None
    if parts.scheme not in _DEFAULT_PORT:
        raise ValueError("its scheme is not http or https")
    if "@" in parts.netloc:
        raise ValueError("it holds credentials")
    if not parts.hostname or port == 0:
        raise ValueError("it names no host, or port 0")
    return Origin(parts.scheme, _host(parts.hostname), port or _DEFAULT_PORT[parts.scheme])


def _host(host: str) -> str:
    if ":" in host:
        return _ipv6(host)
    try:
        name = host.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError("its host is not a valid name") from None
    if _NUMERIC.fullmatch(name.rpartition(".")[2]):
        _check_ipv4(name)
    return name


def _check_ipv4(host: str) -> None:
    """Octal, hexadecimal, short and decimal spellings are read differently by different parsers."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        raise ValueError("its host is a number, and no plain IPv4 address") from None


def _ipv6(host: str) -> str:
    try:
        return ipaddress.IPv6Address(host).compressed
    except ValueError:
        raise ValueError("its host is not a valid address") from None
