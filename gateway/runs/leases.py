"""The runs that this process has a right to work on, for as long as it says so again and again."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from gateway.core.ports import Clock, Lease, RunLogPort
from toolward.errors import ToolwardError

log = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
"""After this long without a word another gateway takes over."""

Notice = Callable[[str, int], None]
"""Hears that the log of a run, by its id, has come to this sequence number."""


class Leases:
    """`holder` names this process among all that share the ledger."""

    def __init__(self, runs: RunLogPort, clock: Clock, holder: str, seconds: float = LEASE_SECONDS) -> None:
        self._runs = runs
        self._clock = clock
        self._holder = holder
        self._seconds = seconds
        self._held: dict[str, Lease] = {}
        self._sure: dict[str, float] = {}  # run -> until when it is ours, on the monotonic clock

    async def take(self, run_id: str) -> Lease | None:
        """None when somebody has it."""
        until = self._clock.monotonic() + self._seconds
        taking = asyncio.ensure_future(self._runs.take(run_id, self._holder, self._seconds))
        try:
            lease = await asyncio.shield(taking)
        except asyncio.CancelledError:
            with suppress(ToolwardError):  # what is taken all the same is given back: else it must expire
                if (taken := await taking) is not None:
                    await self._runs.release(taken, undone=True)
            raise
        if lease is not None:
            self._held[run_id], self._sure[run_id] = lease, until
        return lease

    async def release(self, lease: Lease, *, undone: bool = False) -> int:
        """How long the log is then. A ledger that fails now lets it expire instead (0)."""
        if self._held.get(lease.run_id) == lease:
            del self._held[lease.run_id], self._sure[lease.run_id]
        releasing = asyncio.ensure_future(self._runs.release(lease, undone=undone))
        try:
            return await asyncio.shield(releasing)
        except asyncio.CancelledError:
            await asyncio.gather(releasing, return_exceptions=True)
            raise
        except ToolwardError as error:
            log.warning("the lease on %s could not be given up: %s", lease.run_id, error.text)
            return 0

    def in_force(self, lease: Lease) -> bool:
        """Whether it surely is, by this process's own clock: nobody else can have taken it."""
        until = self._sure.get(lease.run_id, 0.0)
        return self._held.get(lease.run_id) == lease and self._clock.monotonic() < until

    async def keep(self, notice: Notice) -> None:
        """Renew them until cancelled, and tell how far their logs have come."""
        while True:
            await asyncio.sleep(self._seconds / 3)
            try:
                for run_id, seq in (await self.renew()).items():
                    notice(run_id, seq)
            except ToolwardError as error:
                log.error("leases could not be renewed: %s", error.text)

    async def renew(self) -> dict[str, int]:
        """The lengths of the logs of the runs that are still ours. Raises Unavailable."""
        if not self._held:
            return {}
        until = self._clock.monotonic() + self._seconds
        held = dict(self._held)
        lengths = await self._runs.renew(self._holder, self._seconds)
        for run_id, lease in held.items():
            if self._held.get(run_id) != lease:
                continue  # given up meanwhile
            if run_id in lengths:
                self._sure[run_id] = until
            else:
                log.warning("another gateway has taken over the run %s", run_id)
                del self._held[run_id], self._sure[run_id]
        return {run_id: seq for run_id, seq in lengths.items() if run_id in self._held}
