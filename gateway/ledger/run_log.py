"""The RunLogPort's part of the ledger, and how the ledger reads."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.core.ports import Lease, RunAppend, RunRecord, StoredEvent, Taken
from gateway.ledger import budgets, leases, listing, run_events, runs
from gateway.ledger.batch import Batch
from gateway.ledger.unfinished import unfinished
from toolward.store import Writer, closed, explain, place, read_transaction
from toolward.types import RunEvent, RunFilter, RunPage

T = TypeVar("T")


class RunLog:
    """A base of `Ledger`. Writing takes its turn at the writer; reading sees the last commit."""

    def __init__(self, engine: Engine, writer: Writer, batch: Batch, given: leases.Leases) -> None:
        self._engine = engine
        self._writer = writer
        self._batch = batch
        self._leases = given
        self._closed = False

    async def create(self, record: RunRecord, events: Sequence[StoredEvent]) -> RunRecord:
        return await self._writer.write(
            lambda connection: runs.create(connection, self._batch, record, events)
        )

    async def append(self, more: RunAppend) -> None:
        await self._writer.write(lambda connection: runs.append(connection, self._batch, more))

    async def events(self, run_id: str, after: int = 0) -> tuple[RunEvent, ...]:
        return await self._read(lambda connection: run_events.read_events(connection, run_id, after))

    async def texts(self, run_id: str, digests: Sequence[str]) -> Mapping[str, bytes]:
        return await self._read(lambda connection: run_events.read_texts(connection, run_id, digests))

    async def load(self, run_id: str) -> tuple[RunRecord, tuple[RunEvent, ...]]:
        def both(connection: Connection) -> tuple[RunRecord, tuple[RunEvent, ...]]:
            return runs.get(connection, run_id), run_events.read_events(connection, run_id, 0)

        return await self._read(both)

    async def get(self, run_id: str) -> RunRecord:
        return await self._read(lambda connection: runs.get(connection, run_id))

    async def find(self, tenant: str, only: RunFilter, *, size: int, cursor: str | None) -> RunPage:
        return await self._read(
            lambda connection: listing.find(connection, tenant, only, size=size, cursor=cursor)
        )

    async def taken(self, scopes: Sequence[str], day: int) -> Mapping[str, Taken]:
        return await self._read(lambda connection: budgets.taken(connection, scopes, day))

    # --- leases

    async def take(self, run_id: str, holder: str, seconds: float) -> Lease | None:
        return await self._writer.write(
            lambda connection: self._leases.take(connection, run_id, holder, seconds)
        )

    async def renew(self, holder: str, seconds: float) -> Mapping[str, int]:
        return await self._writer.write(lambda connection: self._leases.renew(connection, holder, seconds))

    async def release(self, lease: Lease, *, undone: bool = False) -> int:
        return await self._writer.write(lambda connection: leases.release(connection, lease, undone=undone))

    async def ready(self) -> tuple[str, ...]:
        return await self._read(self._leases.ready)

    async def holders(self) -> tuple[str, ...]:
        return await self._read(self._leases.holders)

    async def bury(self, holder: str) -> None:
        await self._writer.write(lambda connection: leases.bury(connection, holder))

    async def not_over(self) -> tuple[str, ...]:
        """Every run that has not ended, and those with whose events they begin; of all tenants."""
        return await self._read(lambda connection: tuple(sorted(unfinished(connection))))

    async def lengths(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        return await self._read(lambda connection: runs.lengths(connection, run_ids))

    async def _read(self, work: Callable[[Connection], T]) -> T:
        """Reading needs no turn at the writer: it sees the last commit."""
        return await asyncio.to_thread(self._read_now, work)

    def _read_now(self, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise closed(self._engine)
        try:
            with read_transaction(self._engine) as connection:
                return work(connection)
        except SQLAlchemyError as error:
            raise explain(error, place(self._engine)) from error
