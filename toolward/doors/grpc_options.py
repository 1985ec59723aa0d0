"""How a gRPC server of ours deals with connections: gRPC's own settings, from our limits."""

from toolward.doors.limits import Limits

MAX_RPCS = 4096
"""RPCs at once, those that only watch among them; far above what the limit on calls lets work."""

STREAMS = 1024
"""RPCs at once on one connection; a client keeps the rest until there is room."""

PING = 60
"""Seconds of silence on a connection with RPCs after which the other end is asked whether it is there, and at least
which lie between two pings of a client that sends nothing else: one that asks more often is cut off."""

PONG = 20
"""Seconds that it has to say so."""


def server_options(limits: Limits, *, shared: bool = False) -> list[tuple[str, int]]:
    """No connection is ended for its age: a call may take an hour, and a watch has no end. Clients hear of new
    replicas by names (`dns:///`), not by broken connections. Only where it is wanted is a port `shared`: else two
    servers would share one unseen, and each get half of the calls."""
    return [
        ("grpc.max_receive_message_length", limits.body_bytes),  # also of what is unpacked
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", limits.header_bytes),
        ("grpc.absolute_max_metadata_size", limits.header_bytes),  # without it some are refused by chance
        ("grpc.max_allowed_incoming_connections", limits.connections),
        ("grpc.max_concurrent_streams", STREAMS),
        ("grpc.server_handshake_timeout_ms", round(limits.head_seconds * 1000)),
        ("grpc.max_connection_idle_ms", round(limits.idle_seconds * 1000)),
        ("grpc.keepalive_time_ms", PING * 1000),
        ("grpc.keepalive_timeout_ms", PONG * 1000),
        ("grpc.http2.min_ping_interval_without_data_ms", PING * 1000),
        ("grpc.http2.max_ping_strikes", 2),
        ("grpc.so_reuseport", int(shared)),
    ]
