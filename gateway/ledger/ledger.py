"""The one store of what happened: call records, run events and input requests in one database."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.core.ports import Binding, CallOutcome, CallRecord, RequestSpec, RunRecord, StoredEvent
from gateway.ledger import calls, requests, runs
from gateway.ledger.calls import RecordedCall
from gateway.ledger.tables import prepare
from toolward.store import Writer, closed, explain, open_store, place, write_transaction
from toolward.types import InputRequest, Run, RunEvent, RunPage, RunState

T = TypeVar("T")


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Ledger:
    """The LedgerPort and the RunLogPort of `gateway.core.ports`, over one database.

    All writing goes through one thread, in the order in which it was asked for: when a method that waits
    returns, everything that was recorded before it is durable too. Every method raises Unavailable, with the
    reason, when the database refuses (a full disk, say).
    """

    def __init__(self, engine: Engine, now: Callable[[], int]) -> None:
        self._engine = engine
        self._writer = Writer(engine, "toolward-ledger")
        self._now = now
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls, where: str | Path, *, now: Callable[[], int] = _wall_ms, busy_timeout: float = 5.0
    ) -> AsyncGenerator["Ledger"]:
        """The ledger at a path or `sqlite:///PATH`, made where there is none. `now` gives Unix milliseconds.

        Raises ConfigurationError, naming the file and the remedy, when it cannot be opened, is locked, or was
        written by a newer Toolward or by another program.
        """
        engine = await asyncio.to_thread(_open, where, busy_timeout)
        ledger = cls(engine, now)
        try:
            yield ledger
        finally:
            await ledger.close()

    async def close(self) -> None:
        """Store what is queued, then refuse more."""
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._engine.dispose)

    # --- calls

    async def intend(self, record: CallRecord, arguments_json: bytes, *, approval: str = "") -> None:
        now = self._now()

        def work(connection: Connection) -> None:
            if approval:
                requests.use_up(connection, approval, now, record.id)
            calls.insert_record(connection, record, arguments_json)

        if record.changes or approval:
            await self._writer.write(work)
        else:
            self._writer.post(work)

    def settle(self, outcome: CallOutcome) -> None:
        self._writer.post(lambda connection: calls.insert_outcome(connection, outcome))

    def refuse(self, record: CallRecord, arguments_json: bytes, outcome: CallOutcome) -> None:
        def work(connection: Connection) -> None:
            calls.insert_record(connection, record, arguments_json)
            calls.insert_outcome(connection, outcome)

        self._writer.post(work)

    async def call_record(self, call_id: str) -> RecordedCall:
        """Raises NotFound. Goes through the writer, so that it sees what was recorded a moment ago."""
        return await self._writer.write(lambda connection: calls.recorded_call(connection, call_id))

    # --- input requests

    async def find_request(self, binding: Binding) -> RequestSpec | None:
        now = self._now()
        return await self._read(lambda connection: requests.find(connection, binding, now))

    async def open_request(self, spec: RequestSpec, at_most: int = 0) -> InputRequest:
        now = self._now()
        return await self._writer.write(
            lambda connection: requests.open_or_get(connection, spec, now, at_most)
        )

    async def get_request(self, request_id: str) -> RequestSpec:
        return await self._read(lambda connection: requests.get(connection, request_id))

    async def list_requests(self, tenant: str, run_id: str | None = None) -> tuple[RequestSpec, ...]:
        now = self._now()
        return await self._read(lambda connection: requests.open_ones(connection, tenant, run_id, now))

    async def close_request(
        self, request_id: str, request: InputRequest, answered_by: str, sent_digest: str = ""
    ) -> None:
        await self._writer.write(
            lambda connection: requests.close(connection, request_id, request, answered_by, sent_digest)
        )

    async def replace_request(
        self, request_id: str, void: InputRequest, spec: RequestSpec, answered_by: str
    ) -> None:
        await self._writer.write(
            lambda connection: requests.replace(connection, request_id, void, spec, answered_by)
        )

    async def expire_requests(self) -> tuple[RequestSpec, ...]:
        now = self._now()
        return await self._writer.write(lambda connection: requests.expire(connection, now))

    async def live_requests(self) -> tuple[RequestSpec, ...]:
        now = self._now()
        return await self._read(lambda connection: requests.live_ones(connection, now))

    # --- runs

    async def create(self, record: RunRecord, events: Sequence[StoredEvent]) -> RunRecord:
        return await self._writer.write(lambda connection: runs.create(connection, record, events))

    async def append(
        self, run_id: str, after: int, events: Sequence[StoredEvent], run: Run
    ) -> tuple[RunEvent, ...]:
        return await self._writer.write(
            lambda connection: runs.append(connection, run_id, after, events, run)
        )

    async def events(self, run_id: str, after: int = 0) -> tuple[RunEvent, ...]:
        return await self._read(lambda connection: runs.events(connection, run_id, after))

    async def get(self, run_id: str) -> RunRecord:
        return await self._read(lambda connection: runs.get(connection, run_id))

    async def find(
        self, owner: str, tenant: str, *, size: int, cursor: str | None, state: RunState | None
    ) -> RunPage:
        return await self._read(
            lambda connection: runs.find(connection, owner, tenant, size=size, cursor=cursor, state=state)
        )

    async def unfinished(self) -> tuple[str, ...]:
        return await self._read(runs.unfinished)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        """Reading needs no turn at the writer: it sees the last commit."""
        return await asyncio.to_thread(self._read_now, work)

    def _read_now(self, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise closed(self._engine)
        try:
            with self._engine.connect() as connection:
                return work(connection)
        except SQLAlchemyError as error:
            raise explain(error, place(self._engine)) from error


def _open(where: str | Path, busy_timeout: float) -> Engine:
    engine = open_store(where, busy_timeout=busy_timeout)
    try:
        with write_transaction(engine) as connection:
            prepare(connection, place(engine))
    except BaseException:
        engine.dispose()
        raise
    return engine
