"""In-memory twins of the gateway's ports, and of the kit's: real behaviour without disks, sockets or clocks.

They keep the promises that `gateway/core/ports.py` and `toolward/kit/effects/port.py` make, so a test over a twin
says something about the part.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import msgspec

from gateway.core.ports import (
    ApprovalGone,
    CallOutcome,
    CallRecord,
    Listing,
    ModelReply,
    ModelRequest,
    RequestSpec,
    RunAppend,
    RunRecord,
    StoredEvent,
)
from gateway.core.requests import expired
from toolward.errors import Conflict, InvalidRequest, NotFound, ToolwardError, Unavailable
from toolward.kit.effects import CallKey, Kept
from toolward.types import (
    CallContext,
    InputRequest,
    Principal,
    RequestState,
    Run,
    RunEvent,
    RunPage,
    RunState,
    Tool,
    ToolCall,
    ToolResult,
    text_result,
)

START_MS = 1_780_000_000_000


class TwinClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self._ms = START_MS

    def now_ms(self) -> int:
        return self._ms

    def monotonic(self) -> float:
        return (self._ms - START_MS) / 1000

    def advance(self, seconds: float) -> None:
        self._ms += round(seconds * 1000)


class TwinIds:
    """`call_000001`, `req_000002`, …"""

    def __init__(self) -> None:
        self._count = 0

    def new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count:06d}"


Behaviour = Callable[[ToolCall, CallContext], Awaitable[ToolResult]]
Answering = ToolResult | ToolwardError | Behaviour


class TwinBackends:
    """Backends whose tools answer what the test says: a result, an error to raise, or an async function."""

    def __init__(self, *listings: Listing) -> None:
        self._listings = listings
        self.answers: dict[str, Answering] = {}  # by qualified name
        self.calls: list[tuple[str, ToolCall, CallContext]] = []

    def listings(self) -> tuple[Listing, ...]:
        return self._listings

    async def call(
        self, backend: str, principal: Principal, call: ToolCall, context: CallContext
    ) -> ToolResult:
        self.calls.append((backend, call, context))
        if backend not in {listing.backend for listing in self._listings if not listing.problem}:
            raise Unavailable(f"The backend {backend} is not running.")
        answer = self.answers.get(f"{backend}.{call.name}", text_result("done"))
        if isinstance(answer, ToolwardError):
            raise answer
        return answer if isinstance(answer, ToolResult) else await answer(call, context)


def listing(backend: str, *tools: Tool, problem: str = "") -> Listing:
    return Listing(backend, "stdio", f"toolserver {backend}", tools, problem)


class TwinLedger:
    """Keeps everything in lists. `journal` has what happened in its order: `intend ID`, `settle ID CODE`, …

    What joins an intent goes to `run_log`, where there is one."""

    def __init__(self, clock: TwinClock | None = None, run_log: "TwinRunLog | None" = None) -> None:
        self._clock = clock or TwinClock()
        self._run_log = run_log
        self.intents: dict[str, CallRecord] = {}
        self.outcomes: dict[str, CallOutcome] = {}
        self.results: dict[str, ToolResult] = {}
        self.refused: list[tuple[CallRecord, CallOutcome]] = []
        self.payloads: dict[str, bytes] = {}
        self.requests: dict[str, RequestSpec] = {}
        self.journal: list[str] = []

    async def intend(
        self,
        record: CallRecord,
        arguments_json: bytes,
        *,
        approval: str = "",
        joining: RunAppend | None = None,
    ) -> None:
        found = self.requests.get(approval)
        if approval and (found is None or self._state(found) is not RequestState.APPROVED):
            raise ApprovalGone(f"The approval {approval} cannot be used any more.")
        if joining is not None and self._run_log is not None:  # raises before anything is changed
            await self._run_log.append(joining.run_id, joining.after, joining.events, joining.run)
        if found is not None:
            self._put(found, RequestState.CONSUMED)
        self.intents[record.id] = record
        self.payloads[record.id] = arguments_json
        self.journal.append(f"intend {record.id}")

    def settle(self, outcome: CallOutcome, result: ToolResult | None = None) -> None:
        self.outcomes[outcome.call_id] = outcome
        if result is not None:
            self.results[outcome.call_id] = result
        self.journal.append(f"settle {outcome.call_id} {outcome.code}")

    def refuse(self, record: CallRecord, arguments_json: bytes, outcome: CallOutcome) -> None:
        self.refused.append((record, outcome))
        self.payloads[record.id] = arguments_json
        self.journal.append(f"refuse {record.id} {outcome.code}")

    async def find_request(self, spec: RequestSpec) -> InputRequest | None:
        for known in reversed(self.requests.values()):
            usable = self._state(known) in (RequestState.OPEN, RequestState.APPROVED)
            if usable and _binding(known) == _binding(spec):
                return known.request
        return None

    async def open_request(self, spec: RequestSpec) -> InputRequest:
        found = await self.find_request(spec)
        if found is not None and found.state is RequestState.OPEN:
            return found
        self.requests[spec.request.id] = spec
        return spec.request

    async def get_request(self, request_id: str) -> RequestSpec:
        if (found := self.requests.get(request_id)) is None:
            raise NotFound(f"There is no request {request_id}.")
        return found

    async def list_requests(self, tenant: str, run_id: str | None = None) -> tuple[RequestSpec, ...]:
        return tuple(
            spec
            for spec in self.requests.values()
            if spec.tenant == tenant
            and self._state(spec) is RequestState.OPEN
            and run_id in (None, spec.request.run_id)
        )

    async def close_request(self, request_id: str, request: InputRequest, answered_by: str) -> None:
        spec = await self.get_request(request_id)
        if self._state(spec) is not RequestState.OPEN:
            raise Conflict(f"The request {request_id} is not open any more.")
        self.requests[request_id] = msgspec.structs.replace(spec, request=request)

    def _state(self, spec: RequestSpec) -> RequestState:
        return RequestState.EXPIRED if expired(spec.request, self._clock.now_ms()) else spec.request.state

    def _put(self, spec: RequestSpec, state: RequestState) -> None:
        request = msgspec.structs.replace(spec.request, state=state)
        self.requests[request.id] = msgspec.structs.replace(spec, request=request)


def _binding(spec: RequestSpec) -> tuple[str, ...]:
    return spec.tenant, spec.principal, spec.tool, spec.arguments_digest


class TwinModel:
    """Says the scripted replies, one a request, and keeps the requests."""

    def __init__(self, replies: Iterable[ModelReply | ToolwardError]) -> None:
        self._replies = list(replies)
        self.requests: list[ModelRequest] = []

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        self.requests.append(request)
        if len(self.requests) > len(self._replies):
            raise AssertionError(f"the script has {len(self._replies)} replies, and one more was asked for")
        reply = self._replies[len(self.requests) - 1]
        if isinstance(reply, ToolwardError):
            raise reply
        if on_text is not None and reply.text:
            on_text(reply.text)
        return reply


class TwinRunLog:
    """Runs and their events in memory, with the same conflicts as the real log."""

    def __init__(self, clock: TwinClock | None = None) -> None:
        self._clock = clock or TwinClock()
        self._records: dict[str, RunRecord] = {}
        self._events: dict[str, list[RunEvent]] = {}

    async def create(self, record: RunRecord, events: Sequence[StoredEvent]) -> RunRecord:
        for known in self._records.values():
            same_owner = (known.run.owner, known.tenant) == (record.run.owner, record.tenant)
            if record.key and same_owner and known.key == record.key:
                return known
        if record.run.id in self._records:
            raise Conflict(f"There is a run {record.run.id} already.")
        self._records[record.run.id] = record
        self._events[record.run.id] = []
        await self.append(record.run.id, 0, events, record.run)
        return record

    async def append(
        self, run_id: str, after: int, events: Sequence[StoredEvent], run: Run
    ) -> tuple[RunEvent, ...]:
        record = await self.get(run_id)
        log = self._events[run_id]
        if len(log) != after:
            raise Conflict(f"The run {run_id} has {len(log)} events, not {after}.")
        added = tuple(
            RunEvent(run_id, seq, event.type, self._clock.now_ms(), msgspec.json.decode(event.data_json))
            for seq, event in enumerate(events, after + 1)
        )
        log.extend(added)
        self._records[run_id] = msgspec.structs.replace(record, run=run)
        return added

    async def events(self, run_id: str, after: int = 0) -> tuple[RunEvent, ...]:
        return tuple(self._events.get(run_id, ())[after:])

    async def get(self, run_id: str) -> RunRecord:
        if (found := self._records.get(run_id)) is None:
            raise NotFound(f"There is no run {run_id}.")
        return found

    async def find(
        self, owner: str, tenant: str, *, size: int, cursor: str | None, state: RunState | None
    ) -> RunPage:
        runs = [
            record.run
            for record in reversed(self._records.values())
            if (record.run.owner, record.tenant) == (owner, tenant) and state in (None, record.run.state)
        ]
        start = 0
        if cursor is not None:
            ids = [run.id for run in runs]
            if cursor not in ids:
                raise InvalidRequest("The cursor is not one of this list.")
            start = ids.index(cursor) + 1
        page = tuple(runs[start : start + size])
        return RunPage(page, page[-1].id if start + size < len(runs) else None)

    async def unfinished(self) -> tuple[str, ...]:
        return tuple(run_id for run_id, record in self._records.items() if not record.run.state.ended)


class TwinTransaction:
    """What a TwinStore holds, as one transaction sees and changes it."""

    def __init__(self, rows: Sequence[str], keys: Mapping[CallKey, Kept]) -> None:
        self.rows = list(rows)
        self.keys = dict(keys)


class TwinStore:
    """An EffectStore in memory. What tools change is `rows`."""

    def __init__(self) -> None:
        self.committed = TwinTransaction((), {})
        self._open: TwinTransaction | None = None

    def begin(self) -> TwinTransaction:
        assert self._open is None, "two transactions at once"
        self._open = TwinTransaction(self.committed.rows, self.committed.keys)
        return self._open

    def commit(self, connection: TwinTransaction) -> None:
        self._end(connection)
        self.committed = connection

    def rollback(self, connection: TwinTransaction) -> None:
        self._end(connection)

    def _end(self, connection: TwinTransaction) -> None:
        assert connection is self._open, "another transaction than the open one was ended"
        self._open = None

    def find(self, connection: TwinTransaction, call: CallKey) -> Kept | None:
        return connection.keys.get(call)

    def keep(self, connection: TwinTransaction, call: CallKey, kept: Kept) -> None:
        connection.keys[call] = kept

    def forget(self, connection: TwinTransaction, call: CallKey) -> None:
        connection.keys.pop(call, None)

    def expire(self, connection: TwinTransaction, now_ms: int, at_most: int) -> int:
        expired = [call for call, kept in connection.keys.items() if kept.expires_at <= now_ms][:at_most]
        for call in expired:
            del connection.keys[call]
        return len(expired)

    def unavailable(self, error: Exception) -> Unavailable | None:
        return None

    def close(self) -> None:
        assert self._open is None, "closed within a transaction"
