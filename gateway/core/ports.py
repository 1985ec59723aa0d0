"""What the gateway's decisions need from the world. Every port has a real adapter in a room of its own and an
in-memory twin in `tests/twins.py`; neither this module nor anything in `core` or `agent` does I/O itself.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

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
    RunFilter,
    RunPage,
    RunScope,
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
    transport: Literal["stdio", "http", "grpc", "built-in"]
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
    """Events to store behind sequence number `after` of a run, and what its row is then. `epoch` is that of the
    lease under which the run is worked on; 0 for what does not come from that work: an answer, a message, a
    cancel."""

    run_id: str
    after: int
    events: tuple["StoredEvent", ...]
    run: Run
    epoch: int = 0


class Superseded(Conflict):
    """The lease under which something was to be stored is not in force any more: another works on the run. Nothing
    was stored."""


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
        (`gateway.core.limits.exceeded`); Superseded; Conflict when another writer of the run was first or the
        call's id belongs to another call.
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

    async def request_used_by(self, run_id: str, call_id: str) -> RequestSpec | None:
        """The approval that this call of a run has used up: it is known here where the call is made again because
        nobody knows how it ended."""
        ...

    async def open_request(self, spec: RequestSpec, at_most: int = 0) -> InputRequest:
        """Open it, or give the one that is open or taken for the same call, or approved and not used, or freshly
        denied, of the same tool: somebody may have answered in this moment. Closes those of the same principal that
        have expired. Raises Overloaded where the principal has `at_most` open ones already (0: any number)."""
        ...

    async def get_request(self, request_id: str) -> RequestSpec:
        """Raises NotFound."""
        ...

    async def list_requests(self, tenant: str, run_id: str | None = None) -> tuple[RequestSpec, ...]:
        """The open and the taken ones, oldest first."""
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

    async def left_open(self, run_id: str = "") -> tuple[RequestSpec, ...]:
        """What is still open, taken or approved of runs that were cancelled, or of this one: nobody needs it any
        more."""
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
    """A run event on its way to the log: its type, the version of its fields, and the fields as the text of a JSON
    object.

    What people, models and tools said does not stand in `data_json`: `words` has the digest of each such text by
    its path in the fields (`text`, `tool_uses.0.arguments_json`), `shared` that of a JSON value from the
    configuration by the name of its field. `texts` are the contents by digest, of both and of whatever else the
    fields name by digest; the log keeps each once a run, what is shared once at all.
    """

    type: str
    version: int
    data_json: bytes
    words: Mapping[str, str] = {}
    shared: Mapping[str, str] = {}
    texts: Mapping[str, bytes] = {}


class RunRecord(msgspec.Struct, frozen=True):
    """The row that lists find; always what folding the events gives. `key` is the caller's idempotency key.

    A run with a `run.parent` begins with that one's events up to `parent_seq`, which its own log does not repeat:
    its first own event has the number after that.
    """

    run: Run
    tenant: str
    roles: tuple[str, ...]  # the owner's, as they were when it started
    key: str = ""
    parent_seq: int = 0


class Lease(NamedTuple):
    """The right to work on a run: whoever has the newest `epoch`. `attempts` counts how often work began where the
    log ends now, this time included."""

    run_id: str
    epoch: int
    attempts: int


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

    async def get(self, run_id: str) -> RunRecord:
        """Raises NotFound."""
        ...

    async def find(self, tenant: str, only: RunFilter, *, size: int, cursor: str | None) -> RunPage:
        """Newest first. Raises InvalidRequest for a cursor that is none of ours."""
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

    async def release(self, lease: Lease, *, undone: bool = False) -> None:
        """Give it up, if it is still in force. `undone`: what began does not count as an attempt."""
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


ERASED = "[erased]"
"""What stands where a person's words were."""
