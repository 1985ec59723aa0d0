"""How long the HTTP door waits for whom, and how many it lets connect.

A clock for each connection would cost every request; so each notes when it was last heard of, and one look at all
of them now and then ends those that took too long. Pure but for what a connection does when it is told to end.
"""

import time
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, Protocol

from toolward.doors.admittance import Clock, peer_of
from toolward.doors.limits import Limits

Verdict = Literal["", "late", "idle", "unread"]
"""`late`: the request does not come. `idle`: nothing is asked. `unread`: the answer is not taken."""

Full = Literal["", "door", "peer"]
"""Who has as many connections as it may have."""

TAKEN = 64 * 1024
"""Bytes of its answer that a slow reader must take within `unread_seconds`."""


class Seen(NamedTuple):
    """A connection at one look. `unread` are bytes of its answer that wait for it: only where that is more than it
    is given without waiting, or where the connection is to end."""

    busy: bool = False
    """A request is in work."""
    has_head: bool = False
    """The head of the request that comes in is there."""
    held_back: bool = False
    """We do not read it for now, so that nobody is late but us."""
    unread: int = 0


class Patience:
    """With one connection, which says when a request begins to come and when the whole of it is there."""

    __slots__ = ("_asked", "_clock", "_idle_since", "_least", "_reading", "_since", "_unread_since")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked = False
        self._reading = False
        self._since = 0.0
        self._idle_since: float | None = None
        self._least: int | None = None
        self._unread_since = 0.0

    def begins(self) -> None:
        self._reading = True
        self._since = self._clock()

    def whole(self) -> None:
        self._reading = False
        self._asked = True
        self._idle_since = None

    def judge(self, seen: Seen, limits: Limits) -> Verdict:
        now = self._clock()
        if self._takes_nothing(now, seen.unread, limits.unread_seconds):
            return "unread"
        if self._reading:
            if seen.held_back:
                self._since = now
            bound = limits.request_seconds if seen.has_head else limits.head_seconds
            return "late" if now - self._since > bound else ""
        if seen.busy or seen.unread:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        else:
            bound = limits.idle_seconds if self._asked else min(limits.head_seconds, limits.idle_seconds)
            return "idle" if now - self._idle_since > bound else ""
        return ""

    def _takes_nothing(self, now: float, unread: int, bound: float) -> bool:
        if not unread:
            self._least = None
        elif self._least is None or unread <= self._least - TAKEN:
            self._least, self._unread_since = unread, now
        else:
            return now - self._unread_since > bound
        return False


class Connection(Protocol):
    """What the look at all needs of each."""

    patience: Patience

    def seen(self) -> Seen: ...

    def end(self, why: Verdict) -> None: ...


class Connections:
    """Those of one door. `refused` is told the code of whatever is turned away or ended."""

    def __init__(
        self,
        limits: Limits,
        clock: Clock = time.monotonic,
        refused: Callable[[str], None] = lambda code: None,
    ) -> None:
        self.limits, self.clock, self.refused = limits, clock, refused
        self._open: dict[Connection, str] = {}
        self._of_peer: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, connection: Connection, address: str) -> Full:
        """It is let in where nothing is full; then `leave` must follow. Otherwise `leave` does no harm."""
        if len(self._open) >= self.limits.connections:
            return "door"
        peer = peer_of(address)
        count = self._of_peer.get(peer, 0)
        if self.limits.connections_per_peer and count >= self.limits.connections_per_peer:
            return "peer"
        self._of_peer[peer] = count + 1
        self._open[connection] = peer
        return ""

    def leave(self, connection: Connection) -> None:
        peer = self._open.pop(connection, None)
        if peer is None:
            return
        left = self._of_peer[peer] - 1
        if left:
            self._of_peer[peer] = left
        else:
            del self._of_peer[peer]

    @property
    def interval(self) -> float:
        """Seconds between two looks: at most a quarter of what anybody is waited for."""
        of = self.limits
        bounds = (of.head_seconds, of.request_seconds, of.idle_seconds, of.unread_seconds)
        return min(1.0, min(bounds) / 4)

    def look(self) -> None:
        """At all, once: those that took too long are ended."""
        for connection, verdict in list(self._judged()):
            connection.end(verdict)

    def _judged(self) -> Iterator[tuple[Connection, Verdict]]:
        for connection in self._open:
            if verdict := connection.patience.judge(connection.seen(), self.limits):
                yield connection, verdict
