"""The section `limits` of `toolward.yaml`: how much the gateway's doors take."""

import msgspec

from gateway.config.reader import Section
from toolward.doors.limits import Limits

DRAIN = 10
"""Seconds that what is in work has to end, once the gateway is to stop."""

DEFAULT = Limits(calls_per_principal=192)
"""Nobody takes all places, however slow their calls are."""

_LEAST_HEADERS = (
    64  # what the short way of a plain request takes without counting (`toolward.doors.plain_head`)
)
_LEAST_HEADER_BYTES = 16 * 1024  # likewise
_MOST_BODY_BYTES = 1024**3
_DAY = 86_400


class DoorLimits(msgspec.Struct, frozen=True):
    of_doors: Limits = DEFAULT
    drain: int = DRAIN


def read_limits(root: Section) -> DoorLimits:
    at = root.section("limits")
    at.only(*(field for field in Limits.__struct_fields__), "drain")
    limits = Limits(
        connections=at.count("connections", DEFAULT.connections, least=1, most=1_000_000),
        connections_per_peer=at.count(
            "connections_per_peer", DEFAULT.connections_per_peer, least=0, most=1_000_000
        ),
        headers=at.count("headers", DEFAULT.headers, least=_LEAST_HEADERS, most=10_000),
        header_bytes=at.count(
            "header_bytes", DEFAULT.header_bytes, least=_LEAST_HEADER_BYTES, most=1024 * 1024
        ),
        body_bytes=at.count("body_bytes", DEFAULT.body_bytes, least=1024, most=_MOST_BODY_BYTES),
        head_seconds=at.seconds("head_seconds", DEFAULT.head_seconds),
        request_seconds=at.seconds("request_seconds", DEFAULT.request_seconds, most=_DAY),
        idle_seconds=at.seconds("idle_seconds", DEFAULT.idle_seconds, most=_DAY),
        unread_seconds=at.seconds("unread_seconds", DEFAULT.unread_seconds),
        calls=at.count("calls", DEFAULT.calls, least=1, most=100_000),
        calls_per_principal=at.count(
            "calls_per_principal", DEFAULT.calls_per_principal, least=0, most=100_000
        ),
        requests_per_second=at.number("requests_per_second", DEFAULT.requests_per_second, most=1_000_000),
        burst=at.count("burst", DEFAULT.burst, least=0, most=1_000_000),
        failures_per_minute=at.count(
            "failures_per_minute", DEFAULT.failures_per_minute, least=0, most=1_000_000
        ),
    )
    if limits.burst and "requests_per_second" not in at:
        at.wrong("burst", "means nothing without requests_per_second; write both")
    return DoorLimits(limits, at.count("drain", DRAIN, least=0, most=3600))
