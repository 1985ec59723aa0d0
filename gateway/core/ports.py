"""What the gateway's decisions need from the world. Every port has a real adapter in a room of its own and an
in-memory twin in `tests/twins.py`; neither this module nor anything in `core` or `agent` does I/O itself.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from toolward.errors import Conflict, Denied
from toolward.types import (
    Answer,
    CallContext,
    InputRequest,
    JsonObject,
    Outcome,
    Principal,
    Run,
    RunEvent,
    RunPage,
    RunScope,
    RunState,
    Tool,
    ToolCall,
    ToolResult,
)


class Clock(Protocol):
    def now_ms(self) -> int:
        """Unix time in milliseconds, for records."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for durations."""
        ...


class Ids(Protocol):
    def new(self, kind: str) -> str:
        """A fresh id that sorts by time: `run_…`, `call_…`, `req_…`."""
        ...


# --- tool servers ---------------------------------------------------------------------------------------


class Listing(msgspec.Struct, frozen=True):
    """What discovery knows of one backend: its tools, or why it has none."""

    backend: str
    transport: Literal["stdio", "http", "grpc"]
    address: str  # command line or URL, for people
    tools: tuple[Tool, ...] = ()
    problem: str = ""  # empty = it answered
    warning: str = ""  # what people should know of one that answers


class BackendPort(Protocol):
    def listings(self) -> tuple[Listing, ...]:
        """Every configured backend as it is known now, in the order of the configuration."""
        ...

    async def call(
        self, backend: str, principal: Principal, call: ToolCall, context: CallContext
    ) -> ToolResult:
        """One round trip for `principal`, whom a backend of ours is told; `call.name` is the backend's own name for
        the tool. Raises Unavailable, DeadlineExceeded, InvalidResult, or the ToolwardError that the backend
        answered."""
        ...


# --- calling --------------------------------------------------------------------------------------------


class Called(msgspec.Struct, frozen=True):
    """A call that policy did not deny: the rule that decided, and what came of it. A denial is raised. `note`
    tells the caller that a person changed the arguments, and what was sent."""

    effect: Literal["allow", "ask"]
    rule: str
    outcome: Outcome
    note: str = ""


Store = Callable[["RunAppend"], Awaitable[None]]
"""Stores what it is given of a run's log, and with it whatever else it is made for: a call's intent."""

Joining = Callable[[Store], Awaitable[None]]
"""How a run has its log and a call's intent stored at once: it calls the Store, with its part."""


class Caller(Protocol):
    """The one road to the tools, for those who want to know what was decided too."""

    async def call(
        self, principal: Principal, call: ToolCall, context: CallContext, *, joining: Joining | None = None
    ) -> Called: ...

    async def answer(self, principal: Principal, spec: "RequestSpec", answer: Answer) -> InputRequest:
        """What a person's answer makes of an input request, decided by the policy in force."""
        ...


class Authorize(Protocol):
    """Whether policy lets a caller do what is not a tool call. Asked wherever such a thing is done."""

    def __call__(self, principal: Principal, operation: str, resource: Mapping[str, str], /) -> Denied | None:
        """None = it may be done; otherwise the error to raise, which names the rule. `operation` is one of
        `gateway.core.operations`, `resource` has the attributes that are listed for it there."""
        ...


# --- the ledger -----------------------------------------------------------------------------------------


class CallRecord(msgspec.Struct, frozen=True):
    """One call as the ledger keeps it: who, what, what was decided and by which rule. With its arguments it can be
    decided again."""

    id: str
    at: int  # Unix ms
    principal: str
    tenant: str
    tool: str  # qualified
    effect: Literal["allow", "ask", "deny"]
    rule: str
    version: str  # of policy and catalog
    changes: bool  # whether the tool may change something
    roles: tuple[str, ...] = ()  # of the principal
    tool_digest: str = ""  # of all that the tool's server said of it
    run_id: str = ""
    agent: str = ""  # of the run
    idempotency_key: str = ""
    trace_id: str = ""  # 32 hexadecimal digits, where the caller traces


class CallOutcome(msgspec.Struct, frozen=True):
    """How a call ended. `code` is `ok`, `tool_error`, or the stable code of an error."""

    call_id: str
    at: int
    code: str
    duration_us: int
    message: str = ""


class Spend(msgspec.Struct, frozen=True):
    """What one call takes of one budget (`gateway.core.limits`). Calls with the same rule, measure, scope and day
    draw on the same."""

    rule: str
    measure: str  # `calls` or `sum:ARGUMENT`
    scope: str  # who shares it
    day: int  # since 1970, UTC
    amount: int
    at_most: int
    per: Literal["principal", "tenant", "rule"] = "principal"


Binding = tuple[str, str, str, str, str]
"""Which call an input request is about: tenant, principal, tool, digest of the arguments as asked for, run.
The tool's digest is bound too, and compared by itself, so that a change of it can be told."""


class RequestSpec(msgspec.Struct, frozen=True):
    """An input request, and the one call that it is bound to. `roles` and `run` are the caller's, for a later
    decision with the same rights; `version` (of policy and catalog) is only recorded. `sent_digest` is of the
    arguments that a person put in place of those asked for; empty where nobody did."""

    request: InputRequest
    principal: str
    tenant: str
    tool: str
    arguments_digest: str
    tool_digest: str = ""
    roles: tuple[str, ...] = ()
    run: RunScope | None = None
    version: str = ""
    sent_digest: str = ""

    @property
    def binding(self) -> Binding:
        return self.tenant, self.principal, self.tool, self.arguments_digest, self.request.run_id

    @property
    def caller(self) -> Principal:
        """Who asked, with the rights of that moment."""
        return Principal(self.principal, self.roles, self.tenant)


class RunAppend(msgspec.Struct, frozen=True):
    """Events to store behind sequence number `after` of a run, and what its row is then."""

    run_id: str
    after: int
    events: tuple["StoredEvent", ...]
    run: Run


class ApprovalGone(Conflict):
    """The approval that a call was to use up is not there any more; nothing was stored."""


class LedgerPort(Protocol):
    async def intend(
        self,
        record: CallRecord,
        arguments_json: bytes,
        *,
        approval: str = "",
        joining: RunAppend | None = None,
        spends: Sequence[Spend] = (),
    ) -> None:
        """Record that a call will be made. `approval` is the id of an approved input request, used up in the same
        transaction; `joining` what its run's log says of the call; `spends` what it takes of budgets, counted once
        for each call id. All of it is stored, or nothing is.

        Returns when the record is durable if the tool changes things or there is something beside the record;
        otherwise at once. Raises ApprovalGone; Overloaded where a budget is exceeded
        (`gateway.core.limits.exceeded`); Conflict when another writer of the run was first or the call's id belongs
        to another call.
        """
        ...

    def settle(self, outcome: CallOutcome, result: ToolResult | None = None) -> None:
        """Record how it ended, and what the tool said; batched."""
        ...

    def refuse(self, record: CallRecord, arguments_json: bytes, outcome: CallOutcome) -> None:
        """Record a call that was not made; batched."""
        ...

    async def find_request(self, binding: Binding) -> RequestSpec | None:
        """The newest open, approved or denied, not expired request that is bound to this call."""
        ...

    async def open_request(self, spec: RequestSpec, at_most: int = 0) -> InputRequest:
        """Open it, or give the one already open for the same call. Closes those of the same principal that have
        expired. Raises Overloaded where the principal has `at_most` open ones already (0: any number)."""
        ...

    async def get_request(self, request_id: str) -> RequestSpec:
        """Raises NotFound."""
        ...

    async def list_requests(self, tenant: str, run_id: str | None = None) -> tuple[RequestSpec, ...]:
        """The open ones, oldest first."""
        ...

    async def close_request(
        self, request_id: str, request: InputRequest, answered_by: str, sent_digest: str = ""
    ) -> None:
        """Store the request in its next state. Raises Conflict when the stored one cannot go there any more
        (`gateway.core.requests.SOURCES`), NotFound when there is none."""
        ...

    async def replace_request(
        self, request_id: str, void: InputRequest, spec: RequestSpec, answered_by: str
    ) -> None:
        """Void an open request and open another in its place, in one transaction. Raises as `close_request`."""
        ...

    async def expire_requests(self) -> tuple[RequestSpec, ...]:
        """Close those whose time is over; which they were."""
        ...

    async def live_requests(self) -> tuple[RequestSpec, ...]:
        """The open and the approved ones of all tenants, not expired, oldest first."""
        ...


# --- models ---------------------------------------------------------------------------------------------


class ToolUse(msgspec.Struct, frozen=True):
    """A model's wish to call a tool. `name` is the alias that it was given."""

    id: str
    name: str
    arguments_json: str


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a conversation, in no wire's format."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    tool_uses: tuple[ToolUse, ...] = ()  # of an assistant's message
    tool_use_id: str = ""  # what a tool's message answers
    is_error: bool = False


class ModelTool(msgspec.Struct, frozen=True):
    """A tool as a model is told of it."""

    name: str  # alias
    description: str
    input_schema: JsonObject


class Usage(msgspec.Struct, frozen=True):
    input_tokens: int = 0
    output_tokens: int = 0


class ModelRequest(msgspec.Struct, frozen=True):
    messages: tuple[Message, ...]
    tools: tuple[ModelTool, ...] = ()
    timeout: float = 120.0  # seconds


StopReason = Literal["final", "tool_use", "length", "refusal"]


class ModelReply(msgspec.Struct, frozen=True):
    """What a model said: text, calls, or both."""

    text: str
    tool_uses: tuple[ToolUse, ...] = ()
    stop: StopReason = "final"
    usage: Usage = Usage()
    model: str = ""  # the endpoint's own name for what answered


class ModelPort(Protocol):
    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """One reply; `on_text` gets pieces of the text as they come. Raises Unavailable, DeadlineExceeded,
        Overloaded, InvalidResult, Unauthenticated, ConfigurationError (no such model), InvalidRequest, TooLarge;
        always naming the endpoint."""
        ...


# --- runs -----------------------------------------------------------------------------------------------


class StoredEvent(msgspec.Struct, frozen=True):
    """A run event on its way to the log: its type, the version of its fields, and the fields as JSON text."""

    type: str
    version: int
    data_json: bytes


class RunRecord(msgspec.Struct, frozen=True):
    """The row that lists find; always what folding the events gives. `key` is the caller's idempotency key."""

    run: Run
    tenant: str
    roles: tuple[str, ...]  # the owner's, as they were when it started
    key: str = ""


class RunLogPort(Protocol):
    async def create(self, record: RunRecord, events: Sequence[StoredEvent]) -> RunRecord:
        """Store a new run and its first events; with a key that the owner used before, give that run instead."""
        ...

    async def append(
        self, run_id: str, after: int, events: Sequence[StoredEvent], run: Run
    ) -> tuple[RunEvent, ...]:
        """Append behind sequence number `after`, and replace the row, in one transaction. Raises Conflict when
        another writer was first."""
        ...

    async def events(self, run_id: str, after: int = 0) -> tuple[RunEvent, ...]: ...

    async def get(self, run_id: str) -> RunRecord:
        """Raises NotFound."""
        ...

    async def find(
        self, owner: str, tenant: str, *, size: int, cursor: str | None, state: RunState | None
    ) -> RunPage:
        """Newest first. Raises InvalidRequest for a cursor that is none of ours."""
        ...

    async def unfinished(self) -> tuple[str, ...]:
        """Ids of the runs that have not ended, oldest first."""
        ...
