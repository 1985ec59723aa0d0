"""What the gateway's decisions need from the world. Every port has a real adapter in a room of its own and an
in-memory twin in `tests/twins.py`; neither this module nor anything in `core` or `agent` does I/O itself.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol

import msgspec

from toolward.errors import Conflict
from toolward.types import (
    CallContext,
    InputRequest,
    JsonObject,
    Outcome,
    Principal,
    Run,
    RunEvent,
    RunPage,
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
    """A call that policy did not deny: the rule that decided, and what came of it. A denial is raised."""

    effect: Literal["allow", "ask"]
    rule: str
    outcome: Outcome


Store = Callable[["RunAppend"], Awaitable[None]]
"""Stores what it is given of a run's log, and with it whatever else it is made for: a call's intent."""

Joining = Callable[[Store], Awaitable[None]]
"""How a run has its log and a call's intent stored at once: it calls the Store, with its part."""


class Caller(Protocol):
    """The one road to the tools, for those who want to know what was decided too."""

    async def call(
        self, principal: Principal, call: ToolCall, context: CallContext, *, joining: Joining | None = None
    ) -> Called: ...


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


class RequestSpec(msgspec.Struct, frozen=True):
    """An input request to open, bound to exactly one call: principal, tool, digest of the arguments."""

    request: InputRequest
    principal: str
    tenant: str
    tool: str
    arguments_digest: str


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
    ) -> None:
        """Record that a call will be made. `approval` is the id of an approved input request, used up in the same
        transaction, and `joining` what its run's log says of the call: all of it is stored, or nothing is.

        Returns when the record is durable if the tool changes things or there is something to join; otherwise at
        once. Raises ApprovalGone, and Conflict when another writer of the run was first or the call's id belongs
        to another call.
        """
        ...

    def settle(self, outcome: CallOutcome, result: ToolResult | None = None) -> None:
        """Record how it ended, and what the tool said; batched."""
        ...

    def refuse(self, record: CallRecord, arguments_json: bytes, outcome: CallOutcome) -> None:
        """Record a call that was not made; batched."""
        ...

    async def find_request(self, spec: RequestSpec) -> InputRequest | None:
        """The newest open or approved, not expired request that is bound to the same call."""
        ...

    async def open_request(self, spec: RequestSpec) -> InputRequest:
        """Open it, or give the one already open for the same call."""
        ...

    async def get_request(self, request_id: str) -> RequestSpec:
        """Raises NotFound."""
        ...

    async def list_requests(self, tenant: str, run_id: str | None = None) -> tuple[RequestSpec, ...]:
        """The open ones, oldest first."""
        ...

    async def close_request(self, request_id: str, request: InputRequest, answered_by: str) -> None:
        """Store the answered request. Raises Conflict when it is not open any more."""
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
