"""On which terms a process's doors are open: limits, names, encryption, and how it leaves."""

from typing import Literal

import msgspec

from toolward.doors.entrance import Entrance
from toolward.doors.limits import DEFAULT, Limits
from toolward.doors.protected_resource import ProtectedResource
from toolward.doors.tls import Tls
from toolward.types import Headers

DRAIN_SECONDS = 10

LAST_WORDS = 1
"""Seconds that what is no tool call has to end, when all calls have ended or their time is over."""


class Readiness:
    """Whether new work is welcome: not before every door is open, and not any more once the process is to stop."""

    def __init__(self) -> None:
        self.state: Literal["starting", "ready", "draining"] = "starting"


class Terms(msgspec.Struct, frozen=True):
    """`hosts` are names that the HTTP door answers for beside its address and loopback's; `sessions` gives one to
    every MCP client of the handshake eras over HTTP, and with `shared`, where other processes answer at the same
    address, none of them gets one: its next request may come to another process. Once it is to stop, a
    process goes on for `drain_delay` seconds while it says that it is not ready, for balancers to notice; then
    calls in work have `drain` seconds."""

    entrance: Entrance = msgspec.field(default_factory=Entrance)
    readiness: Readiness = msgspec.field(default_factory=Readiness)
    tls: Tls | None = None
    hosts: tuple[str, ...] = ()
    sessions: bool = False
    shared: bool = False
    limits: Limits = DEFAULT
    drain: int = DRAIN_SECONDS
    drain_delay: int = 0
    protected: ProtectedResource | None = None

    @property
    def max_body(self) -> int:
        return self.limits.body_bytes

    def challenge(self, headers: Headers) -> str:
        """The `WWW-Authenticate` for a request with these headers."""
        return "Bearer" if self.protected is None else self.protected.challenge(headers)
