"""Who is let in, how often and how many at once: bounds for one caller, so that nobody takes a door from others.

Pure: the clock is an argument, and whom it remembers is bounded. What it costs a call that is let in is measured in
docs/decisions/0021.
"""

import ipaddress
import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from toolward.doors.limits import Limits
from toolward.errors import Overloaded
from toolward.types import Headers, Principal

REMEMBERED = 20_000
"""Callers, and addresses, whose rate is remembered at most."""

KNOWN = 20_000
"""Credentials remembered as good ones at most."""

_DRIFT = 1e-9  # of sums of fractions, in seconds

PEER = ":peer"
"""The pseudo header by which a door says from which address a request comes. No client can send one: its name is
no header's (RFC 9110, section 5.1)."""

Clock = Callable[[], float]


class Pace:
    """A rate for each key, by the generic cell rate algorithm (ITU-T I.371): one number a key.

    At most `most` keys are remembered, in two generations: when the younger one is full, the older one, whose keys
    have not come since, is forgotten, and their next burst begins anew.
    """

    def __init__(self, per_second: float, burst: int, clock: Clock, most: int = REMEMBERED) -> None:
        self._step = 1 / per_second
        self._slack = (max(burst, 1) - 1) * self._step
        self._clock = clock
        self._half = max(most // 2, 1)
        self._due: dict[Hashable, float] = {}
        """When each key would be due if it kept to its rate."""
        self._older: dict[Hashable, float] = {}

    def __len__(self) -> int:
        return len(self._due) + len(self._older)

    def take(self, key: Hashable) -> float:
        """0.0 and one is taken, or after how many seconds one can be."""
        now = self._clock()
        due = self._due.get(key)
        if due is None:
            due = self._recalled(key)
        wait = due - self._slack - now
        if wait > _DRIFT:
            return wait
        self._due[key] = (due if due > now else now) + self._step
        return 0.0

    def wait(self, key: Hashable) -> float:
        """The same, and nothing is taken."""
        due = self._due.get(key) or self._older.get(key, 0.0)
        return max(due - self._slack - self._clock(), 0.0)

    def _recalled(self, key: Hashable) -> float:
        due = self._older.pop(key, 0.0)
        if len(self._due) >= self._half:
            self._older, self._due = self._due, {}
        self._due[key] = due
        return due


class Caller:
    """What is remembered of one principal: calls in work, and when it would be due if it kept to its rate."""

    __slots__ = ("due", "running")

    def __init__(self) -> None:
        self.running = 0
        self.due = 0.0


class Admittance:
    """Of principals, at all doors of a process together. As many are remembered as `Pace` remembers, and those with
    calls in work beside."""

    def __init__(self, limits: Limits, clock: Clock, most: int = REMEMBERED) -> None:
        self._rate = rate = limits.requests_per_second
        self._most = limits.calls_per_principal or math.inf
        self._step = 1 / rate if rate else 0.0
        self._slack = (max(limits.burst or math.ceil(rate), 1) - 1) * self._step
        self._limited = bool(rate or limits.calls_per_principal)
        self._clock = clock
        self._half = max(most // 2, 1)
        self._callers: dict[tuple[str, str], Caller] = {}
        self._older: dict[tuple[str, str], Caller] = {}

    def __len__(self) -> int:
        return len(self._callers) + len(self._older)

    def ask(self, principal: Principal) -> None:
        """One request of any kind. Raises Overloaded."""
        if self._step:
            self._take(self._caller(principal), principal)

    def enter(self, principal: Principal) -> Caller | None:
        """One call, which is a request, too. Raises Overloaded; otherwise its end is told to `leave`, with what
        this gave."""
        if not self._limited:
            return None
        caller = self._callers.get((principal.tenant, principal.id)) or self._caller(principal)
        if caller.running >= self._most:
            raise Overloaded(
                f"{principal.id} has {caller.running} calls in work here, and nobody may have more at once.",
                hint="Try again when one of them has ended.",
                retry_after=1.0,
            )
        if self._step:
            self._take(caller, principal)
        caller.running += 1
        return caller

    def leave(self, caller: Caller | None) -> None:
        if caller is not None:
            caller.running -= 1

    def _take(self, caller: Caller, principal: Principal) -> None:
        now = self._clock()
        due = caller.due
        wait = due - self._slack - now
        if wait > _DRIFT:
            raise Overloaded(
                f"{principal.id} asks more often than {self._rate:g} times a second.",
                hint=f"Try again in {wait:.3g} s.",
                retry_after=round(wait, 3) or 0.001,
            )
        caller.due = (due if due > now else now) + self._step

    def _caller(self, principal: Principal) -> Caller:
        key = (principal.tenant, principal.id)
        found = self._callers.get(key) or self._older.pop(key, None) or Caller()
        if len(self._callers) >= self._half and key not in self._callers:
            busy = {one: caller for one, caller in self._older.items() if caller.running}
            self._older, self._callers = self._callers, busy
        self._callers[key] = found
        return found


class Suspects:
    """Addresses that failed to prove who they are. One that fails too often is not listened to for a while, but for
    credentials that were good before: many may share an address, and none of them can lock the others out."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._pace = Pace(per_minute / 60, per_minute, clock) if per_minute else None
        self.alert = False
        """Whether anybody failed yet; if not, there is nothing to check."""
        self._known: dict[int, None] = {}
        """Hashes of good credentials, keyed by this process; so nothing is kept from which one could be told."""

    def check(self, headers: Headers) -> None:
        """Raises Overloaded for what comes from an address that failed too often."""
        if self._pace is None:
            return
        peer = peer_of(headers.get(PEER, ""))
        if peer and (wait := self._pace.wait(peer)) and _shown(headers) not in self._known:
            raise Overloaded(
                "From this address too many did not prove who they are.",
                hint=f"Try again in {wait:.3g} s, with a token that is good here.",
                retry_after=round(wait, 3) or 0.001,
            )

    def failed(self, headers: Headers) -> None:
        if self._pace is not None and (peer := peer_of(headers.get(PEER, ""))):
            self._known.pop(_shown(headers), None)
            self._pace.take(peer)
            self.alert = True

    def good(self, headers: Headers) -> None:
        if self._pace is None or (shown := _shown(headers)) in self._known:
            return
        if len(self._known) >= KNOWN:
            self._known.clear()
        self._known[shown] = None


def _shown(headers: Headers) -> int:
    return hash(headers.get("authorization", ""))


def address_of(scope: Mapping[str, Any]) -> str:
    """From where an ASGI request comes; empty where that is not known."""
    client = scope.get("client")
    return client[0] if client else ""


def peer_of(host: str) -> str:
    """An address as those of one sender are counted: IPv6 by its network of 64 bits, which one host has whole; IPv4
    written in IPv6 as IPv4."""
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
