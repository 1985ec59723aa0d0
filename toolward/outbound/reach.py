"""Which addresses a configured host may lead to; the second half of the egress rule.

A name is no promise of a place: whoever answers for it can let it lead into this computer or its network (DNS
rebinding). So a name leads to public addresses only, and to others where the configuration says so; an address that
the configuration spells out, and `localhost`, say it themselves. The names are resolved here, and whoever connects,
connects to the address that was checked: nobody resolves a second time.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

from toolward.errors import ConfigurationError, Denied

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""A name and a port -> its addresses, in the order in which they shall be tried. Raises OSError."""

PRIVATE = "private"
"""What a configuration may write for the networks of RFC 1918 and RFC 4193, all of them."""

_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
# Where cloud providers answer any process of a machine with its credentials: reached only where the configuration
# writes the very address, never because a network happens to hold it.
_METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254"))
)
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_MAX_ADDRESSES = 32  # of one name


async def by_system(host: str, port: int) -> Sequence[str]:
    """As this computer resolves names: its hosts file, its DNS."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Reach:
    """The networks that names may lead to beside the public one. Immutable."""

    __slots__ = ("_networks", "_resolve")

    def __init__(self, networks: Iterable[str] = (), resolve: Resolve = by_system) -> None:
        """`networks` are like `10.0.0.0/8`, one address, or `private`. Raises ConfigurationError."""
        self._networks = tuple(network for text in networks for network in parse_networks(text))
        self._resolve = resolve

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Where to connect to, each of them checked: all must be allowed, or none is. Raises Denied, and OSError
        where the name cannot be resolved."""
        if (literal := _literal(host)) is not None:
            if _nowhere(literal):
                raise Denied(f"No request may go to {host}: it is no address of one computer.")
            return (host,)
        found = tuple(dict.fromkeys(await self._resolve(host, port)))[:_MAX_ADDRESSES]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        for address in found:
            self._check(host, address)
        return found

    def _check(self, host: str, text: str) -> None:
        address = ipaddress.ip_address(text)
        if is_public(address) or (is_localhost(host) and _inner(address).is_loopback):
            return
        inner = _inner(address)
        if not _nowhere(inner) and any(_holds(network, address, inner) for network in self._networks):
            return
        raise Denied(
            f"No request may go to {host}: the name leads to {text}, which is no public address.",
            hint=f"If it is meant to, write networks: [{inner}] (or the network it is in) beside its address.",
        )


PUBLIC = Reach()
"""No name leads anywhere but to public addresses."""


def parse_networks(text: str) -> tuple[Network, ...]:
    """Raises ConfigurationError for what is no network."""
    try:
        return tuple(ipaddress.ip_network(one) for one in (_PRIVATE if text == PRIVATE else (text,)))
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is no network.", hint=f"Write it like 10.0.0.0/8, 10.1.2.3, fd12::/64 or {PRIVATE}."
        ) from None


def is_public(address: IpAddress) -> bool:
    """Whether anybody on the internet means the same computer by it."""
    inner = _inner(address)
    if inner in _METADATA or inner.is_multicast or inner.is_reserved or not inner.is_global:
        return False
    if isinstance(inner, ipaddress.IPv4Address):
        return True
    # 6to4 and Teredo carry an IPv4 address that some relay would unpack.
    return inner in _PUBLIC_V6 and inner.sixtofour is None and inner.teredo is None


def is_literal(host: str) -> bool:
    """Whether it is an address, and no name."""
    return _literal(host) is not None


def is_localhost(host: str) -> bool:
    """RFC 6761: these names mean this computer, whoever resolves them."""
    return host == "localhost" or host.endswith(".localhost")


def _inner(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 one stands for: what is connected to in the end."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address


def _holds(network: Network, address: IpAddress, inner: IpAddress) -> bool:
    if inner in _METADATA and network.num_addresses > 1:
        return False
    return address in network or inner in network


def _nowhere(address: IpAddress) -> bool:
    inner = _inner(address)
    return inner.is_unspecified or inner.is_multicast or inner == ipaddress.IPv4Address("255.255.255.255")


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
