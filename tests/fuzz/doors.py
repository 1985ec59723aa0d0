"""What is fuzzed, and which share of all inputs each gets."""

from collections.abc import Callable, Mapping

from tests.fuzz import grpc_messages, mcp, raw, rest
from tests.fuzz.house import House

DOORS: Mapping[str, tuple[Callable[[House, int, int], None], float]] = {
    "raw": (raw.fuzz, 0.28),
    "mcp": (mcp.fuzz, 0.28),
    "grpc": (grpc_messages.fuzz, 0.20),
    "rest": (rest.fuzz, 0.04),
}
SHORT_WAY = 0.20
"""Of the differential test, which needs no gateway."""
