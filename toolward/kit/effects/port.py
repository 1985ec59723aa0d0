"""What the kit asks of a database that keeps calls with a key, and the row that it keeps."""

from typing import NamedTuple, Protocol, TypeVar

import msgspec

from toolward.errors import Unavailable

ConnectionT = TypeVar("ConnectionT")

MAX_KEY = 255
"""Characters of an idempotency key."""


class CallKey(NamedTuple):
    """Which call a repeat repeats: the same key of another caller, or for another tool, is another call."""

    tenant: str
    principal: str
    tool: str
    key: str


class Kept(msgspec.Struct, frozen=True):
    """What is known of a call with a key. `digest` is of its arguments; `expires_at` is in Unix milliseconds.

    `result` is its outcome; while that is not known, there is `evidence` (JSON) that an effect outside the
    database may have begun, noted by the one `attempt`.
    """

    digest: str
    expires_at: int
    result: bytes | None = None
    evidence: bytes | None = None
    attempt: str = ""


class EffectStore(Protocol[ConnectionT]):
    """A server's database. All methods block; the kit calls them from one thread, one transaction at a time."""

    def begin(self) -> ConnectionT:
        """A connection in a new transaction that holds the write lock from its start (BEGIN IMMEDIATE): what is
        read in it still holds when it commits, whichever process writes beside it."""
        ...

    def commit(self, connection: ConnectionT) -> None:
        """Everything that was done in the transaction is on the disk when this returns. What raises was rolled
        back."""
        ...

    def rollback(self, connection: ConnectionT) -> None: ...

    def find(self, connection: ConnectionT, call: CallKey) -> Kept | None:
        """Also when it has expired and is still there."""
        ...

    def keep(self, connection: ConnectionT, call: CallKey, kept: Kept) -> None:
        """In the place of whatever is there for this call."""
        ...

    def forget(self, connection: ConnectionT, call: CallKey) -> None: ...

    def expire(self, connection: ConnectionT, now_ms: int, at_most: int) -> int:
        """Remove at most so many rows that have expired by now; how many were removed."""
        ...

    def unavailable(self, error: Exception) -> Unavailable | None:
        """The word for an error that this database is to blame for (locked, full, unreadable); None for others."""
        ...

    def close(self) -> None:
        """No transaction is open any more."""
        ...
