"""What an identity provider publishes, fetched by our own egress: rarely, so no connection is kept."""

import ssl
from functools import cache
from urllib.parse import urlsplit

from toolward.errors import ConfigurationError, Unavailable
from toolward.outbound.egress import Origin, shown
from toolward.outbound.pool import Pool
from toolward.outbound.reach import PUBLIC, Reach

MAX_BYTES = 1024 * 1024
TIMEOUT = 10.0
"""Seconds for one document."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Missing(Unavailable):
    """The provider answers, and there is no such document."""


def check_address(url: str, what: str) -> Origin:
    """https, or http on loopback. Raises ConfigurationError; `what` begins its sentence."""
    origin = Origin.of(url)
    if origin.scheme == "http" and origin.host not in LOOPBACK:
        raise ConfigurationError(
            f"{what} {shown(url)} would come over plain http, where anybody on the way can change them.",
            hint="Use https.",
        )
    return origin


async def get(url: str, reach: Reach = PUBLIC) -> bytes:
    """The document at `url`. Raises Missing, Unavailable and whatever else a Pool raises."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    async with Pool(url, limit=1, max_body=MAX_BYTES, reach=reach, tls=_tls()) as pool:
        reply = await pool.request("GET", path, {"accept": "application/json"}, timeout=TIMEOUT)
    if reply.status == 200:
        return reply.body
    said = f"it answers with HTTP {reply.status}"
    raise Missing(said) if reply.status in (404, 410) else Unavailable(said)


@cache
def _tls() -> ssl.SSLContext:
    """Made once: it takes 13 ms."""
    return ssl.create_default_context()
