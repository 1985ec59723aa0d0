"""Which hosts and origins a door on HTTP answers: the guard against DNS rebinding (spec 2026-07-28,
basic/transports/streamable-http, *Security Warning*)."""

import re

from toolward.errors import Denied
from toolward.types import Headers

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Origins:
    """Requests must name one of `names` (with any port) as their Host, and as their Origin where they have one.

    Without names, for a door that listens on every address and knows its callers by tokens, any Host will do, and
    a page may call only the host that it came from.
    """

    def __init__(self, names: tuple[str, ...] | None = LOOPBACK) -> None:
        self._names = None if names is None else frozenset(names)

    def check(self, headers: Headers) -> None:
        """Raises Denied."""
        host = _name(headers.get("host", ""))
        allowed = {host} if self._names is None else self._names
        if not host or host not in allowed:
            raise Denied(
                f"This server does not answer for the host {host[:100]!r}.", hint="Call it by its address."
            )
        origin = headers.get("origin")
        if origin is None:
            return
        scheme, _, rest = origin.partition("://")
        if scheme not in ("http", "https") or _name(rest) not in allowed:
            raise Denied(
                f"Pages of {origin[:100]!r} may not call this server.", hint="Call it from a program instead."
            )


_HOST = re.compile(r"(\[[^\]@/]*\]|[^:@/\[\]]*)(?::[0-9]{0,5})?")


def _name(host: str) -> str:
    """`localhost:8700` -> `localhost`; `[::1]:8700` -> `[::1]`; of what is no host with its port, nothing."""
    found = _HOST.fullmatch(host)
    return found[1].lower() if found else ""
