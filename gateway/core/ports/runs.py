"""The ledger as runs need it: their logs, and the leases of those who work on them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.core.ports.records import Lease, RunAppend, RunRecord, StoredEvent, Taken
from toolward.types import (
    RunEvent,
    RunFilter,
    RunPage,
)


class RunLogPort(Protocol):
    async def create(self, record: RunRecord, events: Sequence[StoredEvent]) -> RunRecord:
        """Store a new run and its first events (of a retry: those behind `parent_seq`); with a key that the owner
        used before, give that run instead."""
        ...

    async def append(self, more: RunAppend) -> None:
        """Append, and replace the row, in one transaction. Raises Conflict when another writer was first,
        Superseded when `epoch` is not that of the lease in force."""
        ...

    async def events(self, run_id: str, after: int = 0) -> tuple[RunEvent, ...]:
        """Those behind `after`, oldest first, a parent's among them; `words` and `shared` are back in their places.
        Erased words read as ERASED."""
        ...

    async def texts(self, run_id: str, digests: Sequence[str]) -> Mapping[str, bytes]:
        """What the run's log keeps by digest; without those that there are not (any more)."""
        ...

    async def load(self, run_id: str) -> tuple[RunRecord, tuple[RunEvent, ...]]:
        """The row and all events, of one moment. Raises NotFound."""
        ...

    async def get(self, run_id: str) -> RunRecord:
        """Raises NotFound."""
        ...

    async def find(self, tenant: str, only: RunFilter, *, size: int, cursor: str | None) -> RunPage:
        """Newest first. Raises InvalidRequest for a cursor that is none of ours."""
        ...

    async def taken(self, scopes: Sequence[str], day: int) -> Mapping[str, Taken]:
        """What the appends of a day (since 1970, UTC) took of models in these scopes, whichever process made them;
        without those in which nothing was taken."""
        ...

    # Leases expire by the ledger's clock. One that would last longer than leases do was given before the clock was
    # set back, and has expired.

    async def take(self, run_id: str, holder: str, seconds: float) -> Lease | None:
        """The lease on a run that nobody has; None when somebody has it, be it this holder."""
        ...

    async def renew(self, holder: str, seconds: float) -> Mapping[str, int]:
        """Make all leases of this holder last longer; the runs on which it still has one, and the length of each
        one's log."""
        ...

    async def release(self, lease: Lease, *, undone: bool = False) -> int:
        """Give it up, if it is still in force; how long the log is then. `undone`: what began does not count as an
        attempt."""
        ...

    async def holders(self) -> tuple[str, ...]:
        """Who has a lease in force."""
        ...

    async def bury(self, holder: str) -> None:
        """End all leases of a holder that is known to be gone."""
        ...

    async def lengths(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        """How long the logs of these runs are."""
        ...

    async def ready(self) -> tuple[str, ...]:
        """Ids of the runs that may be worked on and on which nobody has a lease, oldest first: queued and running
        ones; and those that wait for people, when a request of theirs was closed at or after their last event, or
        none is open or taken."""
        ...
