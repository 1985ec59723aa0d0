"""In-memory twins of the gateway's ports, and of the kit's: real behaviour without disks, sockets or clocks.

They keep the promises that `gateway/core/ports.py` and `toolward/kit/effects/port.py` make, so a test over a twin
says something about the part.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.core.limits import DAY_MS, exceeded
from gateway.core.ports import (
    ApprovalGone,
    Binding,
    CallOutcome,
    CallRecord,
    Lease,
    Listing,
    ModelPort,
    ModelReply,
    ModelRequest,
    OnPiece,
    Piece,
    RequestSpec,
    RunAppend,
    RunRecord,
    Spend,
    StoredEvent,
    Superseded,
    Taken,
)
from gateway.core.requests import SOURCES, expired
from toolward.errors import (
    Conflict,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    Overloaded,
    ToolwardError,
    Unavailable,
)
from toolward.kit.effects import CallKey, Kept
from toolward.offers import PromptText
from toolward.types import (
    CallContext,
    InputRequest,
    JsonObject,
    Principal,
    RequestState,
    ResourceBody,
    RunEvent,
    RunFilter,
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
        self.offered: dict[str, tuple[ResourceBody, ...] | PromptText | ToolwardError] = {}
        """By `BACKEND+URI` and by `backend.prompt`."""
        self.asked: list[tuple[str, CallContext]] = []  # of the same

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
        if isinstance(answer, ToolResult):
            return answer
        deadline = asyncio.timeout(context.timeout)
        try:
            async with deadline:
                return await answer(call, context)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise DeadlineExceeded(f"{backend} did not answer {call.name} in time.") from None

    async def read_resource(
        self, backend: str, principal: Principal, uri: str, context: CallContext
    ) -> tuple[ResourceBody, ...]:
        name = f"{backend}+{uri}"
        found = self._offered(name, context)
        return found if isinstance(found, tuple) else (ResourceBody(uri, text=name),)

    async def get_prompt(
        self,
        backend: str,
        principal: Principal,
        name: str,
        arguments: Mapping[str, str],
        context: CallContext,
    ) -> PromptText:
        found = self._offered(f"{backend}.{name}", context)
        return found if isinstance(found, PromptText) else PromptText(())

    def _offered(self, name: str, context: CallContext) -> tuple[ResourceBody, ...] | PromptText | None:
        self.asked.append((name, context))
        found = self.offered.get(name)
        if isinstance(found, ToolwardError):
            raise found
        return found


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
        self.used: dict[str, str] = {}  # the approval that a call has used up
        self.budgets: dict[tuple[str, str, str, int], int] = {}  # rule, measure, scope, day
        self.counted: set[str] = set()  # calls
        self.journal: list[str] = []

    async def intend(
        self,
        record: CallRecord,
        arguments_json: bytes,
        *,
        approval: str = "",
        joining: RunAppend | None = None,
        spends: Sequence[Spend] = (),
    ) -> None:
        spent = self._spent(record.id, spends)
        found = self.requests.get(approval)
        if approval and (found is None or self._state(found) is not RequestState.APPROVED):
            raise ApprovalGone(f"The approval {approval} cannot be used any more.")
        if joining is not None and self._run_log is not None:  # raises before anything is changed
            await self._run_log.append(joining)
        if found is not None:
            self._put(found, RequestState.CONSUMED)
            self.used[record.id] = found.request.id
        self.budgets |= spent
        self.counted |= {record.id} if spends else set()
        self.intents[record.id] = record
        self.payloads[record.id] = arguments_json
        self.journal.append(f"intend {record.id}")

    def _spent(self, call_id: str, spends: Sequence[Spend]) -> dict[tuple[str, str, str, int], int]:
        """The budgets after a call, without changing any."""
        after: dict[tuple[str, str, str, int], int] = {}
        for spend in () if call_id in self.counted else spends:
            budget = (spend.rule, spend.measure, spend.scope, spend.day)
            used = self.budgets.get(budget, 0)
            if used + spend.amount > spend.at_most:
                raise exceeded(spend, used, self._clock.now_ms())
            after[budget] = used + spend.amount
        return after

    def settle(self, outcome: CallOutcome, result: ToolResult | None = None) -> None:
        self.outcomes[outcome.call_id] = outcome
        if result is not None:
            self.results[outcome.call_id] = result
        self.journal.append(f"settle {outcome.call_id} {outcome.code}")

    def refuse(self, record: CallRecord, arguments_json: bytes, outcome: CallOutcome) -> None:
        self.refused.append((record, outcome))
        self.payloads[record.id] = arguments_json
        self.journal.append(f"refuse {record.id} {outcome.code}")

    async def find_request(self, binding: Binding) -> RequestSpec | None:
        told = (RequestState.OPEN, RequestState.APPROVED, RequestState.DENIED)
        return self._newest(binding, told)

    async def request_used_by(self, run_id: str, call_id: str) -> RequestSpec | None:
        return self.requests.get(self.used.get(call_id, ""))

    async def open_request(self, spec: RequestSpec, at_most: int = 0) -> InputRequest:
        if (opened := self.requests.get(spec.request.id)) is not None:
            return opened.request
        waiting, told = (RequestState.OPEN, RequestState.TAKEN), (RequestState.APPROVED, RequestState.DENIED)
        found = self._newest(spec.binding, (*waiting, *told))
        if found is not None and (found.request.state in waiting or found.tool_digest == spec.tool_digest):
            return found.request
        mine = [known for known in self.requests.values() if known.caller.id == spec.principal]
        await self.expire_requests()
        opened = [known for known in mine if self._state(known) is RequestState.OPEN]
        if at_most and sum(known.tenant == spec.tenant for known in opened) >= at_most:
            raise Overloaded(f"{spec.principal} has {at_most} open input requests.")
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
            and self._state(spec) in (RequestState.OPEN, RequestState.TAKEN)
            and run_id in (None, spec.request.run_id)
        )

    async def close_request(
        self, request_id: str, request: InputRequest, answered_by: str, sent_digest: str = ""
    ) -> None:
        spec = await self.get_request(request_id)
        if spec.request.state not in SOURCES[request.state]:
            raise Conflict(f"The request {request_id} is {spec.request.state} already.")
        sent_digest = sent_digest or spec.sent_digest
        self.requests[request_id] = msgspec.structs.replace(spec, request=request, sent_digest=sent_digest)

    async def replace_request(
        self, request_id: str, void: InputRequest, spec: RequestSpec, answered_by: str
    ) -> None:
        await self.close_request(request_id, void, answered_by)
        self.requests[spec.request.id] = spec

    async def expire_requests(self) -> tuple[RequestSpec, ...]:
        late = [spec for spec in self._live() if self._state(spec) is RequestState.EXPIRED]
        for spec in late:
            self._put(spec, RequestState.EXPIRED)
        return tuple(late)

    async def left_open(self, run_id: str = "") -> tuple[RequestSpec, ...]:
        return ()  # it knows of no runs

    async def live_requests(self) -> tuple[RequestSpec, ...]:
        return tuple(spec for spec in self._live() if self._state(spec) is not RequestState.EXPIRED)

    def _live(self) -> list[RequestSpec]:
        return [spec for spec in self.requests.values() if spec.request.state in SOURCES[RequestState.VOID]]

    def _newest(self, binding: Binding, states: Collection[RequestState]) -> RequestSpec | None:
        for known in reversed(self.requests.values()):
            if known.binding == binding and self._state(known) in states:
                return known
        return None

    def _state(self, spec: RequestSpec) -> RequestState:
        late = expired(spec.request, self._clock.now_ms()) and spec.request.state is not RequestState.TAKEN
        return RequestState.EXPIRED if late else spec.request.state

    def _put(self, spec: RequestSpec, state: RequestState) -> None:
        request = msgspec.structs.replace(spec.request, state=state)
        self.requests[request.id] = msgspec.structs.replace(spec, request=request)


class TwinModel(ModelPort):
    """Says the scripted replies, one a request, and keeps the requests."""

    def __init__(self, replies: Iterable[ModelReply | ToolwardError]) -> None:
        self._replies = list(replies)
        self.requests: list[ModelRequest] = []

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        self.requests.append(request)
        if len(self.requests) > len(self._replies):
            raise AssertionError(f"the script has {len(self._replies)} replies, and one more was asked for")
        reply = self._replies[len(self.requests) - 1]
        if isinstance(reply, ToolwardError):
            raise reply
        if on_piece is not None and reply.text:
            on_piece(Piece("text", reply.text))
        return reply


class TwinRunLog:
    """Runs and their events in memory, with the same conflicts as the real log."""

    def __init__(self, clock: TwinClock | None = None) -> None:
        self._clock = clock or TwinClock()
        self._records: dict[str, RunRecord] = {}
        self._events: dict[str, list[RunEvent]] = {}  # a run's own
        self._texts: dict[str, dict[str, bytes]] = {}
        self._leases: dict[str, _TwinLease] = {}
        self._taken: dict[tuple[str, int], Taken] = {}  # by scope and day

    async def create(self, record: RunRecord, events: Sequence[StoredEvent]) -> RunRecord:
        for known in self._records.values():
            same_owner = (known.run.owner, known.tenant) == (record.run.owner, record.tenant)
            if record.key and same_owner and known.key == record.key:
                return known
        if record.run.id in self._records:
            raise Conflict(f"There is a run {record.run.id} already.")
        if record.run.parent and not 0 < record.parent_seq <= self._length(await self.get(record.run.parent)):
            raise Conflict(f"The run {record.run.parent} has no event {record.parent_seq}.")
        self._records[record.run.id] = record
        self._events[record.run.id] = []
        self._texts[record.run.id] = {}
        await self.append(RunAppend(record.run.id, record.parent_seq, tuple(events), record.run))
        return record

    async def append(self, more: RunAppend) -> None:
        for one in more.before:
            await self.append(one)
        record = await self.get(more.run_id)
        log = self._events[more.run_id]
        lease = self._leases.get(more.run_id)
        if more.epoch and (lease is None or lease.epoch != more.epoch or not lease.holder):
            raise Superseded(f"Another works on the run {more.run_id}.")
        if self._length(record) != more.after:
            raise Conflict(f"The run {more.run_id} has {self._length(record)} events, not {more.after}.")
        for seq, event in enumerate(more.events, more.after + 1):
            self._texts[more.run_id] |= event.texts
            kept = {**await self._texts_of(record), **event.texts}
            data = restored(event, {digest: body.decode() for digest, body in kept.items()})
            log.append(RunEvent(more.run_id, seq, event.type, more.run.updated_at, data))
        if more.use is not None:
            for scope in more.use.scopes:
                budget = (scope, more.run.updated_at // DAY_MS)
                tokens, cost = self._taken.get(budget, Taken())
                self._taken[budget] = Taken(tokens + more.use.tokens, cost + more.use.cost)
        if lease is not None:
            lease.attempts = 1 if lease.holder else 0
        run = msgspec.structs.replace(more.run, parent=record.run.parent)
        self._records[more.run_id] = msgspec.structs.replace(record, run=run)

    async def events(self, run_id: str, after: int = 0) -> tuple[RunEvent, ...]:
        record = self._records.get(run_id)
        if record is None:
            return ()
        before = (await self.events(record.run.parent))[: record.parent_seq] if record.run.parent else ()
        log = (*before, *self._events[run_id])
        return tuple(msgspec.structs.replace(event, run_id=run_id) for event in log if event.seq > after)

    async def texts(self, run_id: str, digests: Sequence[str]) -> Mapping[str, bytes]:
        known = await self._texts_of(await self.get(run_id))
        return {digest: known[digest] for digest in digests if digest in known}

    async def _texts_of(self, record: RunRecord) -> Mapping[str, bytes]:
        own = self._texts[record.run.id]
        if not record.run.parent:
            return own
        return {**await self._texts_of(await self.get(record.run.parent)), **own}

    def _length(self, record: RunRecord) -> int:
        return record.parent_seq + len(self._events[record.run.id])

    async def load(self, run_id: str) -> tuple[RunRecord, tuple[RunEvent, ...]]:
        return await self.get(run_id), await self.events(run_id)

    async def get(self, run_id: str) -> RunRecord:
        if (found := self._records.get(run_id)) is None:
            raise NotFound(f"There is no run {run_id}.")
        return found

    async def find(self, tenant: str, only: RunFilter, *, size: int, cursor: str | None) -> RunPage:
        runs = [
            record.run
            for record in reversed(self._records.values())
            if record.tenant == tenant
            and only.agent in ("", record.run.agent)
            and only.owner in ("", record.run.owner)
            and only.state in (None, record.run.state)
            and only.since <= record.run.created_at
            and (only.until == 0 or record.run.created_at < only.until)
            and record.run.input_tokens + record.run.output_tokens >= only.min_tokens
        ]
        start = 0
        if cursor is not None:
            ids = [run.id for run in runs]
            if cursor not in ids:
                raise InvalidRequest("The cursor is not one of this list.")
            start = ids.index(cursor) + 1
        page = tuple(runs[start : start + size])
        return RunPage(page, page[-1].id if start + size < len(runs) else None)

    async def taken(self, scopes: Sequence[str], day: int) -> Mapping[str, Taken]:
        found = {scope: self._taken.get((scope, day), Taken()) for scope in scopes}
        return {scope: taken for scope, taken in found.items() if any(taken)}

    async def take(self, run_id: str, holder: str, seconds: float) -> Lease | None:
        known = self._leases.get(run_id) or _TwinLease()
        if run_id not in self._records or self._in_force(known):
            return None
        lasts = round(seconds * 1000)
        taken = _TwinLease(holder, known.epoch + 1, self._clock.now_ms() + lasts, lasts, known.attempts + 1)
        self._leases[run_id] = taken
        return Lease(run_id, taken.epoch, taken.attempts, self._length(self._records[run_id]))

    async def renew(self, holder: str, seconds: float) -> Mapping[str, int]:
        mine = {run_id: lease for run_id, lease in self._leases.items() if lease.holder == holder}
        for lease in mine.values():
            lease.lasts = round(seconds * 1000)
            lease.until = self._clock.now_ms() + lease.lasts
        return {run_id: self._length(self._records[run_id]) for run_id in mine}

    async def release(self, lease: Lease, *, undone: bool = False) -> int:
        known = self._leases.get(lease.run_id)
        if known is not None and known.epoch == lease.epoch and known.holder:
            known.holder = ""
            known.attempts -= undone
        return self._length(self._records[lease.run_id])

    async def holders(self) -> tuple[str, ...]:
        held = (lease for lease in self._leases.values() if self._in_force(lease))
        return tuple(dict.fromkeys(lease.holder for lease in held))

    async def bury(self, holder: str) -> None:
        for lease in self._leases.values():
            if lease.holder == holder:
                lease.holder = ""

    async def lengths(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        return {one: self._records[one].run.last_seq for one in run_ids if one in self._records}

    async def ready(self) -> tuple[str, ...]:
        return tuple(
            run_id
            for run_id, record in self._records.items()
            if record.run.state in (RunState.QUEUED, RunState.RUNNING, RunState.INPUT_REQUIRED)
            and not self._in_force(self._leases.get(run_id) or _TwinLease())
        )

    def _in_force(self, lease: "_TwinLease") -> bool:
        return bool(lease.holder) and 0 < lease.until - self._clock.now_ms() <= lease.lasts


@dataclass
class _TwinLease:
    holder: str = ""
    epoch: int = 0
    until: int = 0
    lasts: int = 0
    attempts: int = 0


def restored(event: StoredEvent, texts: Mapping[str, str]) -> JsonObject:
    """The fields of an event with its words in their places."""
    data: JsonObject = msgspec.json.decode(event.data_json)
    for name, digest in event.shared.items():
        data[name] = msgspec.json.decode(texts[digest])
    for path, digest in event.words.items():
        *parents, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
        place: Any = data
        for step in parents:
            place = place[step]
        place[last] = texts[digest]
    return data


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
