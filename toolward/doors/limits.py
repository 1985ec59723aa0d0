"""How much the doors of one process take, of everybody together, of one caller, of one address."""

import msgspec

CONNECTIONS = 4096
PER_PEER = 1024
HEADERS = 100
HEADER_BYTES = 32 * 1024
BODY_BYTES = 8 * 1024 * 1024
CALLS = 256


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Counts, bytes and seconds; 0 for what is per principal or per address = no bound of its own.

    `connections` are those of each door, `connections_per_peer` those from one address over HTTP (a reverse proxy
    is one, and so is this computer). A request's head must be there within `head_seconds` of its first byte, the
    whole of it within `request_seconds`; a connection that asks nothing is closed after `idle_seconds`, one that
    takes nothing of its answer after `unread_seconds`.

    `calls` are those in work at once at all doors together. Of one principal: `calls_per_principal` of these, and
    `requests_per_second` of any kind, `burst` of them at once after a quiet time. `failures_per_minute` is how
    often one address may fail to prove who it is.
    """

    connections: int = CONNECTIONS
    connections_per_peer: int = PER_PEER
    headers: int = HEADERS
    header_bytes: int = HEADER_BYTES
    body_bytes: int = BODY_BYTES
    """Of a request or a message; above our own bound on arguments, so that its error answers."""
    head_seconds: float = 10
    request_seconds: float = 60
    idle_seconds: float = 75
    unread_seconds: float = 30
    calls: int = CALLS
    calls_per_principal: int = 0
    requests_per_second: float = 0
    burst: int = 0
    """0 = what comes in a second."""
    failures_per_minute: int = 60


DEFAULT = Limits()
