"""The real ledger, with a point before and after everything that it writes, and one in each transaction."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from sqlalchemy import Connection, Engine, event

from gateway.core.ports import (
    CallOutcome,
    CallRecord,
    Lease,
    RequestSpec,
    RunAppend,
    RunRecord,
    Spend,
    StoredEvent,
)
from gateway.ledger.ledger import Ledger
from tests.chaos.points import Points
from toolward.types import InputRequest, ToolResult


class PointedLedger(Ledger):
    points: ClassVar[Points]  # of this process
    hears: ClassVar[Callable[[InputRequest], Awaitable[None]] | None] = None  # of what is asked, first of all

    async def create(self, record: RunRecord, events: Sequence[StoredEvent]) -> RunRecord:
        with _around("create", events):
            return await super().create(record, events)

    async def append(self, more: RunAppend) -> None:
        with _around("append", more.events):
            await super().append(more)

    async def intend(
        self,
        record: CallRecord,
        arguments_json: bytes,
        *,
        approval: str = "",
        joining: RunAppend | None = None,
        spends: Sequence[Spend] = (),
    ) -> None:
        with _around(f"intend {record.tool}", joining.events if joining else ()):
            await super().intend(record, arguments_json, approval=approval, joining=joining, spends=spends)

    def settle(self, outcome: CallOutcome, result: ToolResult | None = None) -> None:
        with _around("settle"):  # after it, what was told is queued and not stored
            super().settle(outcome, result)

    def refuse(self, record: CallRecord, arguments_json: bytes, outcome: CallOutcome) -> None:
        with _around("refuse"):
            super().refuse(record, arguments_json, outcome)

    async def open_request(self, spec: RequestSpec, at_most: int = 0) -> InputRequest:
        with _around(f"open {spec.request.kind.value}"):
            request = await super().open_request(spec, at_most)
        if PointedLedger.hears is not None:
            await PointedLedger.hears(request)
        return request

    async def close_request(
        self, request_id: str, request: InputRequest, answered_by: str, sent_digest: str = ""
    ) -> None:
        with _around(f"close {request.kind.value} as {request.state.value}"):
            await super().close_request(request_id, request, answered_by, sent_digest)

    async def replace_request(
        self, request_id: str, void: InputRequest, spec: RequestSpec, answered_by: str
    ) -> None:
        with _around("replace request"):
            await super().replace_request(request_id, void, spec, answered_by)

    async def take(self, run_id: str, holder: str, seconds: float) -> Lease | None:
        with _around("take lease"):
            return await super().take(run_id, holder, seconds)

    async def release(self, lease: Lease, *, undone: bool = False) -> int:
        with _around("release lease"):
            return await super().release(lease, undone=undone)

    async def bury(self, holder: str) -> None:
        with _around("bury"):
            await super().bury(holder)


class _around:  # noqa: N801 -- it is used as a function; a generator's context manager costs a frame in each trace
    def __init__(self, what: str, events: Sequence[StoredEvent] = ()) -> None:
        types = ", ".join(event.type for event in events)
        self._what = f"{what} [{types}]" if types else what

    def __enter__(self) -> None:
        PointedLedger.points.at(f"{self._what}: before")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            PointedLedger.points.at(f"{self._what}: after")


def watch_commits() -> None:
    """From now on there is a point in each transaction of this process, when all is written but not committed."""

    def committing(_: Connection) -> None:
        PointedLedger.points.at("transaction: before its commit")

    listen: Any = event.listen
    listen(Engine, "commit", committing)
