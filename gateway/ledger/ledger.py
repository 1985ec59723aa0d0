"""The one store of what happened: call records, run events and input requests in one database."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Literal, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.core.ports import (
    Binding,
    CallCount,
    CallFilter,
    CallOutcome,
    CallPage,
    CallRecord,
    RecordedCall,
    RequestSpec,
    RuleHits,
    RunAppend,
    Spend,
    Used,
)
from gateway.ledger import budgets, calls, erasable, leases, looking, reminders, requests, runs, usage
from gateway.ledger.acts import RemovedSegment
from gateway.ledger.batch import Batch
from gateway.ledger.chain import Chain
from gateway.ledger.checkpoints import Checkpoints
from gateway.ledger.days import Days
from gateway.ledger.erasure import Erased, Eraser, What, slices
from gateway.ledger.keys import Keys
from gateway.ledger.reading import recorded_call
from gateway.ledger.run_log import RunLog
from gateway.ledger.schema import prepare
from gateway.ledger.transitions import watch_requests
from gateway.ledger.upkeep import Upkeep
from toolward.errors import ConfigurationError, ToolwardError
from toolward.store import (
    Writer,
    explain,
    open_store,
    place,
    write_transaction,
)
from toolward.types import InputRequest, ToolResult

log = logging.getLogger(__name__)

T = TypeVar("T")


CHECKPOINT_SECONDS = 30.0
"""Between two checkpoints while anything is written: half of what is promised."""


ERASE_SLICE = 100
"""Runs, calls or input requests whose words are erased in one transaction."""


def keys_beside(file: str) -> Keys:
    return Keys(Path(file).parent / "ledger-keys")


def outside(file: str) -> Path:
    """Where checkpoints go unless the configuration says otherwise."""
    return Path(file).parent / "checkpoints.jsonl"


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Ledger(RunLog):
    """The LedgerPort and the RunLogPort of `gateway.core.ports`, over one database.

    All writing goes through one thread, in the order in which it was asked for: when a method that waits
    returns, everything that was recorded before it is durable too. Every method raises Unavailable, with the
    reason, when the database refuses (a full disk, say).
    """

    def __init__(
        self,
        engine: Engine,
        now: Callable[[], int],
        keys: Keys,
        checkpoints: Path,
        lease_clock: ColumnElement[int] = leases.DATABASE_CLOCK,
    ) -> None:
        self._chain = Chain(now)
        batch = Batch(self._chain, now)
        writer = Writer(engine, "toolward-ledger", batch)
        super().__init__(engine, writer, batch, leases.Leases(lease_clock))
        self._keys = keys
        self._checkpoints = Checkpoints(keys, checkpoints)
        self._signed = 0  # the chain's growth that checkpoints know
        self._now = now
        self._days = Days(now)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        where: str | Path,
        *,
        now: Callable[[], int] = _wall_ms,
        busy_timeout: float = 5.0,
        checkpoints: Path | None = None,
        lease_clock: ColumnElement[int] = leases.DATABASE_CLOCK,
    ) -> AsyncGenerator["Ledger"]:
        """The ledger at a path or `sqlite:///PATH`, made where there is none. `now` gives Unix milliseconds;
        `checkpoints` is the file outside, otherwise `checkpoints.jsonl` beside it; the keys lie in `ledger-keys`.
        `lease_clock` is SQL for the time by which leases expire (Unix ms).

        Raises ConfigurationError, naming the file and the remedy, when it cannot be opened, is locked, or was
        written by a newer Toolward or by another program.
        """
        engine = await asyncio.to_thread(_open, where, busy_timeout)
        file = place(engine)
        ledger = cls(engine, now, keys_beside(file), checkpoints or outside(file), lease_clock)
        checkpointing = asyncio.create_task(ledger._checkpoint_always())
        try:
            yield ledger
        finally:
            checkpointing.cancel()
            await asyncio.wait([checkpointing])
            await ledger.close()

    @property
    def lost(self) -> int:
        """Records that could not be stored, and for which no call waited."""
        return self._writer.lost

    async def checkpoint(self) -> None:
        """Sign what is stored, if that is more than at the last time. A failure is told in the log: it stops
        nobody."""
        try:
            await self._writer.write(lambda _: None)  # a checkpoint is of what was committed before it
            grown = await self._writer.write(self._store_checkpoint)
        except ToolwardError as error:
            log.error("no checkpoint of the ledger could be made: %s", error.text)
            return
        self._signed = grown
        await asyncio.to_thread(self._checkpoints.write)

    def _store_checkpoint(self, connection: Connection) -> int:
        if self._chain.growth != self._signed:
            self._checkpoints.store(connection, self._batch, self._now(), self._writer.lost)
        return self._chain.growth

    async def _checkpoint_always(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            await self.checkpoint()

    async def close(self) -> None:
        """Store what is queued, sign it, then refuse more."""
        if not self._closed:
            await self.checkpoint()
            if self._chain.position is not None:
                self._writer.post(self._chain.close)
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._engine.dispose)

    # --- calls

    async def intend(
        self,
        record: CallRecord,
        arguments_json: bytes,
        *,
        approval: str = "",
        joining: RunAppend | None = None,
        spends: Sequence[Spend] = (),
    ) -> None:
        now = self._now()

        def work(connection: Connection) -> None:
            budgets.spend(connection, record.id, tuple(spends), now)
            if joining is not None:
                runs.append(connection, self._batch, joining)
            if approval:
                requests.use_up(connection, approval, now, record.id)
            calls.add_record(connection, self._batch, record, arguments_json)

        if record.changes or approval or joining is not None or spends:
            await self._writer.write(work)
        else:
            self._writer.post(work)

    def settle(self, outcome: CallOutcome, result: ToolResult | None = None) -> None:
        self._writer.post(lambda _: calls.add_outcome(self._batch, outcome, result))

    def refuse(self, record: CallRecord, arguments_json: bytes, outcome: CallOutcome) -> None:
        def work(connection: Connection) -> None:
            calls.add_record(connection, self._batch, record, arguments_json)
            calls.add_outcome(self._batch, outcome)

        self._writer.post(work)

    async def call_record(self, call_id: str) -> RecordedCall:
        """Raises NotFound. Goes through the writer, so that it sees what was recorded a moment ago."""
        await self._writer.write(lambda _: None)
        return await self._read(lambda connection: recorded_call(connection, call_id))

    # --- looking back

    async def find_calls(self, tenant: str, only: CallFilter, *, size: int, cursor: str | None) -> CallPage:
        return await self._read(
            lambda connection: looking.find_calls(connection, tenant, only, size=size, cursor=cursor)
        )

    async def count_calls(self, tenant: str, only: CallFilter) -> tuple[CallCount, ...]:
        return await self._read(lambda connection: looking.count_calls(connection, self._days, tenant, only))

    async def rule_hits(self, tenant: str, since: int, until: int = 0) -> dict[str, RuleHits]:
        return await self._read(lambda connection: looking.rule_hits(connection, tenant, since, until))

    async def used(self, tenant: str, since: int, until: int) -> Used:
        return await self._read(lambda connection: usage.used(connection, self._days, tenant, since, until))

    # --- upkeep

    async def erase(
        self,
        calls: Sequence[str] = (),
        *,
        principal: str = "",
        run: str = "",
        tenant: str = "default",
        reason: str = "",
    ) -> Erased:
        """Erase the payloads of these calls; or all words of one run, with its calls and input requests; or all of
        a principal. What is not over is kept, and named. Raises NotFound, and Conflict for one run that is not
        over."""
        await self._writer.write(lambda _: None)  # what was recorded a moment ago is seen
        now = self._now()
        what = What(calls)
        if run:
            what = await self._read(lambda connection: erasable.of_run(connection, run, now))
        elif principal:
            what = await self._read(
                lambda connection: erasable.of_principal(connection, principal, tenant, now)
            )
        erased = await self._erase(what, reason)
        await asyncio.to_thread(self._empty_log)
        return erased

    async def retain(self, before: int, reason: str = "") -> Erased:
        """Erase the words of everything that ended before this time (Unix ms), a little at a time, so that others
        come in between."""
        erased = Erased()
        while True:
            what = await self._read(
                lambda connection: erasable.ended_before(connection, before, self._now(), ERASE_SLICE)
            )
            some = await self._erase(what, reason)
            if not some.any:
                break
            erased += some
        if erased.any:
            await asyncio.to_thread(self._empty_log)
        return erased

    async def _erase(self, what: What, reason: str) -> Erased:
        erased = Erased(kept=tuple(what.kept))
        for some in slices(what, ERASE_SLICE):
            erased += await self._keep_up(lambda upkeep: Eraser(*upkeep).erase(some, reason))  # noqa: B023 -- done at once
        return erased

    def _empty_log(self) -> None:
        """SQLite's write-ahead log has what was erased until it is emptied. Best effort: a reader may be in it."""
        with closing(self._engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def remove_before(self, before: int, reason: str = "") -> list[RemovedSegment]:
        """Remove the segments that were closed before this time (Unix ms), but for those in which something is not
        over."""
        removed = await self._keep_up(lambda upkeep: upkeep.remove_before(before, reason))
        await asyncio.to_thread(self._empty_log)
        return removed

    async def rotate_key(self, reason: str = "") -> str:
        """Announce it in the ledger, put a new key in force, and sign with it; its id."""
        await self._keep_up(lambda upkeep: upkeep.new_key(reason))
        key_id = await asyncio.to_thread(self._keys.rotate)
        await self.checkpoint()
        return key_id

    async def _keep_up(self, work: Callable[[Upkeep], T]) -> T:
        now = self._now()
        act_id = f"act_{now:012x}{secrets.token_hex(5)}"

        def seeing_all(connection: Connection) -> T:
            self._batch.flush(connection)  # what others of this commit left to be stored
            return work(Upkeep(connection, self._batch, self._keys, now, act_id))

        return await self._writer.write(seeing_all)

    # --- input requests

    async def find_request(self, binding: Binding) -> RequestSpec | None:
        now = self._now()
        return await self._read(lambda connection: requests.find(connection, binding, now))

    async def request_used_by(self, run_id: str, call_id: str) -> RequestSpec | None:
        return await self._read(lambda connection: requests.used_by(connection, run_id, call_id))

    async def open_request(self, spec: RequestSpec, at_most: int = 0) -> InputRequest:
        now = self._now()
        return await self._write_requests(
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
        await self._write_requests(
            lambda connection: requests.close(connection, request_id, request, answered_by, sent_digest)
        )

    async def replace_request(
        self, request_id: str, void: InputRequest, spec: RequestSpec, answered_by: str
    ) -> None:
        await self._write_requests(
            lambda connection: requests.replace(connection, request_id, void, spec, answered_by)
        )

    async def expire_requests(self) -> tuple[RequestSpec, ...]:
        now = self._now()
        return await self._write_requests(lambda connection: requests.expire(connection, now))

    async def left_open(self, run_id: str = "") -> tuple[RequestSpec, ...]:
        return await self._read(lambda connection: requests.left_open(connection, run_id))

    async def live_requests(self) -> tuple[RequestSpec, ...]:
        now = self._now()
        return await self._read(lambda connection: requests.live_ones(connection, now))

    async def claim_reminder(self, request_id: str, hook: str, number: int) -> bool:
        now = self._now()
        return await self._writer.write(
            lambda connection: reminders.claim(connection, request_id, hook, number, now)
        )

    async def settle_reminder(
        self, request_id: str, hook: str, number: int, state: Literal["sent", "failed"]
    ) -> None:
        now = self._now()
        await self._writer.write(
            lambda connection: reminders.settle(connection, request_id, hook, number, state, now)
        )

    async def _write_requests(self, work: Callable[[Connection], T]) -> T:
        def noted(connection: Connection) -> T:
            result = work(connection)
            self._batch.transitions(connection)
            return result

        return await self._writer.write(noted)


def _open(where: str | Path, busy_timeout: float) -> Engine:
    engine = open_store(where, busy_timeout=busy_timeout)
    try:
        with write_transaction(engine) as connection:
            prepare(connection, place(engine))
        watch_requests(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        reason = explain(error, place(engine))
        raise ConfigurationError(f"{reason.text} It is as it was.", hint=reason.hint or "") from error
    except BaseException:
        engine.dispose()
        raise
    return engine
