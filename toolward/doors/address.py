"""Where a door listens, and for which hosts it answers there."""

import ipaddress
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

from toolward.doors.origin import LOOPBACK, Origins
from toolward.errors import ConfigurationError


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(text: str) -> Address:
    """`127.0.0.1:8710`, `[::1]:8710`, `8710`. Raises ConfigurationError."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdigit() or int(port) > 65535:
        raise ConfigurationError(
            f"{text!r} is not an address.", hint="Write HOST:PORT, for example 127.0.0.1:8710."
        )
    return Address(host, int(port))


def listening_socket(address: Address, *, shared: bool = False) -> socket.socket:
    """Bound and listening, so that a port in use is told before anything starts. With `shared`, other processes of
    this user may listen there too (SO_REUSEPORT): the kernel gives each new connection to one of them. Raises
    ConfigurationError."""
    listener = _bound(address, shared=shared, listens=True)
    listener.setblocking(False)
    return listener


@contextmanager
def reserved(address: Address) -> Generator[Address]:
    """While this is open, the port is ours, and processes of ours may listen there with `shared`; no connection
    comes here. Gives the address with the port that was chosen where 0 was asked for. Raises ConfigurationError
    where anybody listens there, with `shared` or without."""
    with _bound(address, shared=False, listens=True) as alone:
        address = address._replace(port=int(alone.getsockname()[1]))
    with _bound(address, shared=True, listens=False):
        yield address


def _bound(address: Address, *, shared: bool, listens: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # The protocol is named, because asyncio switches Nagle off only where it is: 40 ms a call.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        if listens:
            listener.listen(1024)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"Cannot listen on {address}: {error.strerror or error}.",
            hint="Stop what uses the port, or choose another one.",
        ) from None
    return listener


def allowed_names(address: Address, hosts: tuple[str, ...] = ()) -> Origins:
    """A door on loopback answers for loopback's names; another one for its own address too; both for `hosts`. One
    that listens everywhere, and was not told its names, answers for any."""
    if address.host in ("0.0.0.0", "::") and not hosts:  # noqa: S104 -- compared with, not bound to
        return Origins(None)
    host = f"[{address.host}]" if ":" in address.host else address.host
    own = () if address.is_loopback else (host,)
    return Origins((*LOOPBACK, *own, *map(str.lower, hosts)))
