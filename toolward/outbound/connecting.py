"""From an origin to a connection: resolve, check, connect to what was checked."""

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar

from toolward.outbound.egress import Origin
from toolward.outbound.reach import Reach

_TLS_CLOSE = 1.0  # seconds for the far end's goodbye
_TRIED = 2.0  # seconds for one address while there are others: a dead one must not use up the time

ProtocolT = TypeVar("ProtocolT", bound=asyncio.Protocol)


async def connected(
    new_protocol: Callable[[], ProtocolT],
    origin: Origin,
    reach: Reach,
    *,
    tls: ssl.SSLContext | None,
    seconds: float,
) -> ProtocolT:
    """Over the first address that answers, in the resolver's order; by TLS it proves to be the origin's host.

    Raises Denied, TimeoutError after `seconds`, OSError."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    async with asyncio.timeout_at(until):
        addresses = await reach.addresses(origin.host, origin.port)
        for others, address in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
            mine = min(_TRIED, (until - loop.time()) / (others + 1)) if others else None
            try:
                async with asyncio.timeout(mine):
                    _, protocol = await loop.create_connection(
                        new_protocol,
                        address,
                        origin.port,
                        ssl=tls,
                        server_hostname=None if tls is None else origin.host,
                        ssl_shutdown_timeout=None if tls is None else _TLS_CLOSE,
                    )
                return protocol
            except OSError:  # TimeoutError is one
                if not others:
                    raise
    raise TimeoutError  # not reached: the last address returns or raises
