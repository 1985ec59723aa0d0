"""What flows between a door and what is behind it. Immutable, cheap to make, and no protocol's own types.

JSON that passes through is kept as the bytes that came (`arguments_json`, `structured_json`) and parsed only
when somebody looks inside.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, Protocol

import msgspec

Json = Any  # any value that JSON can hold
JsonObject = dict[str, Any]

EMPTY_OBJECT = b"{}"


class Principal(msgspec.Struct, frozen=True):
    """Who calls: proven at a door, then handed on as an argument, never ambient."""

    id: str
    roles: tuple[str, ...] = ()
    tenant: str = "default"

    @property
    def labels(self) -> tuple[str, ...]:
        """How policy names this caller: `user:ada`, `role:support`, `tenant:default`."""
        return (f"user:{self.id}", *(f"role:{role}" for role in self.roles), f"tenant:{self.tenant}")


class TextContent(msgspec.Struct, frozen=True, tag_field="type", tag="text", omit_defaults=True):
    text: str
    annotations: JsonObject | None = None


class ImageContent(
    msgspec.Struct, frozen=True, tag_field="type", tag="image", omit_defaults=True, rename="camel"
):
    data: bytes  # base64 in JSON, as msgspec and MCP both do
    mime_type: str
    annotations: JsonObject | None = None


class AudioContent(
    msgspec.Struct, frozen=True, tag_field="type", tag="audio", omit_defaults=True, rename="camel"
):
    data: bytes
    mime_type: str
    annotations: JsonObject | None = None


class ResourceLink(
    msgspec.Struct, frozen=True, tag_field="type", tag="resource_link", omit_defaults=True, rename="camel"
):
    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    annotations: JsonObject | None = None


class ResourceBody(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The contents of a resource: text or blob, one of them."""

    uri: str
    mime_type: str | None = None
    text: str | None = None
    blob: bytes | None = None


class EmbeddedResource(msgspec.Struct, frozen=True, tag_field="type", tag="resource", omit_defaults=True):
    resource: ResourceBody
    annotations: JsonObject | None = None


Content = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource


class Tool(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A tool as it is offered. Schemas are JSON Schema 2020-12; annotations are its server's own hints."""

    name: str
    description: str = ""
    input_schema: JsonObject = msgspec.field(default_factory=lambda: {"type": "object"})
    output_schema: JsonObject | None = None
    title: str | None = None
    annotations: JsonObject | None = None


class ToolPage(msgspec.Struct, frozen=True):
    tools: tuple[Tool, ...]
    next_cursor: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """A person's answer: approve or not, the text that was asked for, or one of the request's choices. An approval
    may come with other arguments for the call, as the text of a JSON object: those are then what is approved."""

    approve: bool | None = None
    text: str | None = None
    reason: str = ""
    arguments_json: bytes | None = None
    choice: str = ""


class GivenInput(msgspec.Struct, frozen=True):
    """Answers that come with a repeated call: by the ids of its input requests, with the `state` of its
    InputRequired, unchanged."""

    answers: Mapping[str, Answer]
    state: str


class ToolCall(msgspec.Struct, frozen=True, dict=True):
    """A wish to call a tool. `arguments_json` is the text of a JSON object, as it came; `given` is what the person
    before the caller's client said, when the call is repeated after an InputRequired."""

    name: str
    arguments_json: bytes = EMPTY_OBJECT
    call_id: str = ""
    idempotency_key: str = ""
    given: GivenInput | None = None

    @cached_property
    def arguments(self) -> Json:
        """The parsed arguments. Raises msgspec.DecodeError: check `arguments_json` with `schema.parse` first."""
        return msgspec.json.decode(self.arguments_json)


Trust = Literal["trusted", "untrusted"]


class ToolResult(msgspec.Struct, frozen=True, dict=True):
    """What a tool said. `structured_json` is any JSON value as text; `is_error` means that the tool ran and
    reports that it failed."""

    content: tuple[Content, ...] = ()
    structured_json: bytes | None = None
    is_error: bool = False
    trust: Trust = "untrusted"

    @cached_property
    def structured(self) -> Json:
        return None if self.structured_json is None else msgspec.json.decode(self.structured_json)

    @property
    def text(self) -> str:
        """The text pieces, one under the other."""
        return "\n".join(piece.text for piece in self.content if isinstance(piece, TextContent))


def text_result(text: str, *, is_error: bool = False) -> ToolResult:
    return ToolResult(content=(TextContent(text),), is_error=is_error)


class RequestKind(StrEnum):
    APPROVAL = "approval"
    QUESTION = "question"
    PLAN_REVIEW = "plan_review"
    UNKNOWN_OUTCOME = "unknown_outcome"
    ESCALATION = "escalation"


class RequestState(StrEnum):
    OPEN = "open"
    TAKEN = "taken"  # a person has taken the case over; the run waits until they hand it back
    APPROVED = "approved"
    DENIED = "denied"
    ANSWERED = "answered"
    EXPIRED = "expired"
    VOID = "void"
    CONSUMED = "consumed"  # approved, and the one call that it allowed was made


class InputRequest(msgspec.Struct, frozen=True):
    """What a person must answer before work goes on. Times are Unix milliseconds. Where there are `choices`, the
    answer is one of them."""

    id: str
    kind: RequestKind
    state: RequestState
    prompt: str
    run_id: str = ""
    detail: JsonObject = msgspec.field(default_factory=dict[str, Any])
    approvers: tuple[str, ...] = ()
    created_at: int = 0
    expires_at: int = 0
    choices: tuple[str, ...] = ()


class InputRequired(msgspec.Struct, frozen=True):
    """Instead of a result: people must answer these first; the same call goes through afterwards.

    With a `state` the caller itself is one of them: its own client may ask the person before it, and make the
    same call again with what they said (`ToolCall.given`).
    """

    requests: tuple[InputRequest, ...]
    state: str = ""


class Deferred(msgspec.Struct, frozen=True):
    """Instead of a result: a child run was started that will have it."""

    run_id: str


Outcome = ToolResult | InputRequired | Deferred


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    progress: float
    total: float | None = None
    message: str | None = None


LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


class LogEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a tool says of its work while it works; `fields` are JSON."""

    level: LogLevel
    message: str
    fields: JsonObject = msgspec.field(default_factory=dict[str, Any])


Label = Literal["user", "trusted", "untrusted", "model"]
"""Whose word something in a run is (`gateway.core.provenance`)."""


class Origin(msgspec.Struct, frozen=True):
    """Where one single value of a call's arguments came from. `path` is its JSON Pointer in them; `where` is for
    people, and tells nothing of the content there."""

    path: str
    label: Label
    where: str


class Origins(Protocol):
    """What is known of where a call's values came from."""

    def of(self, path: str, value: Json) -> Origin | None:
        """The origin of one single value; `path` is its JSON Pointer in the arguments. None = not known."""
        ...


class RunScope(msgspec.Struct, frozen=True):
    """What a run tells dispatch about a call: whose run, which agent, and which tools that agent has. `untrusted`
    is whether the run had read anything untrusted by then, `origins` where the call's values came from, as it was
    recorded when people were asked about it; None = not known."""

    run_id: str
    agent: str
    tools: tuple[str, ...]  # globs over qualified names
    epoch: int = 0  # the lease under which the call is made
    people: tuple[str, ...] = ()  # labels of those who answer what the agent asks; `self` is the run's owner
    untrusted: bool | None = None
    origins: tuple[Origin, ...] | None = None
    made: tuple[
        str, ...
    ] = ()  # tools that a retried run's parent has called, and that this one may not simply repeat


class CallContext(msgspec.Struct, frozen=True):
    """The circumstances of one call. A call is cancelled by cancelling its task."""

    timeout: float | None = None  # seconds that are left for it
    progress: Callable[[Progress], None] | None = None
    log: Callable[[LogEntry], None] | None = None  # only where the caller listens
    traceparent: str = ""
    on_behalf_of: str = ""  # as it came, not checked yet (`toolward.auth.on_behalf`)
    hops: int = 0  # gateways that it has passed
    run: RunScope | None = None
    in_force: Callable[[], bool] | None = None  # asked in the last moment: whether it may still go out
    origins: Origins | None = None  # of a call in a run, looked up only when a rule asks


NO_CONTEXT = CallContext()


class ToolProvider(Protocol):
    """Anything that has tools: a server's functions, the gateway's dispatch, a client of either."""

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage: ...

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome: ...

    def watch(self) -> AsyncIterator[None]:
        """Yields whenever the list of tools has changed."""
        ...


class ServerInfo(msgspec.Struct, frozen=True):
    """What a server says of itself."""

    name: str
    version: str
    title: str = ""
    instructions: str = ""


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"  # for a child run
    INPUT_REQUIRED = "input_required"  # for a person
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)


class Agent(msgspec.Struct, frozen=True):
    name: str
    title: str = ""
    description: str = ""
    model: str = ""


class Run(msgspec.Struct, frozen=True):
    """A run as its clients see it. Times are Unix milliseconds."""

    id: str
    agent: str
    owner: str
    state: RunState
    input: str
    answer: str = ""
    error_code: str = ""
    error_message: str = ""
    turns: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    created_at: int = 0
    updated_at: int = 0
    last_seq: int = 0  # of the newest event
    parent: str = ""  # the run that this one retries from an event


class RunFilter(msgspec.Struct, frozen=True):
    """Which runs a list has: those that fit all of it. Empty and 0 mean any; times are Unix milliseconds."""

    agent: str = ""
    owner: str = ""
    state: RunState | None = None
    tool: str = ""  # qualified name of one that the run called
    since: int = 0  # started at or after
    until: int = 0  # started before
    min_tokens: int = 0  # input and output together


EVERY_RUN = RunFilter()


class RunEvent(msgspec.Struct, frozen=True):
    """One row of a run's log; `seq` counts 1, 2, 3 … without gaps."""

    run_id: str
    seq: int
    type: str
    at: int
    data: JsonObject


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of the model's text as it comes. It is not stored, and may be left out: the whole text is in the
    turn's `model_replied` event. `offset` counts the characters (Unicode code points) of this turn's text
    before it; at 0 the text begins, also once more where the model was asked again."""

    turn: int
    offset: int
    text: str


class RunPage(msgspec.Struct, frozen=True):
    runs: tuple[Run, ...]
    next_cursor: str | None = None


class TurnToolUse(msgspec.Struct, frozen=True):
    """A model's wish to call a tool, under the name that it was given."""

    id: str
    name: str
    arguments_json: str


class TurnMessage(msgspec.Struct, frozen=True):
    """One message that a model was sent, in no endpoint's format."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    tool_uses: tuple[TurnToolUse, ...] = ()  # of an assistant's message
    tool_use_id: str = ""  # what a tool's message answers
    is_error: bool = False


class TurnTool(msgspec.Struct, frozen=True):
    """A tool that a model was offered as `alias`; its qualified name, which the model was not told, is `name`."""

    alias: str
    name: str
    description: str
    input_schema: JsonObject


class TurnRequest(msgspec.Struct, frozen=True):
    """What the model was asked in one turn of a run, rebuilt from the run's log: exactly what its event names by
    `digest`, and by `tools_digest` the list of tools."""

    run_id: str
    turn: int
    digest: str
    tools_digest: str
    messages: tuple[TurnMessage, ...]
    tools: tuple[TurnTool, ...]


class AgentProvider(Protocol):
    """Anything that runs agents: the gateway, or a client of it."""

    async def list_agents(self, principal: Principal) -> tuple[Agent, ...]: ...

    async def start_run(self, principal: Principal, agent: str, text: str, key: str = "") -> Run: ...

    def watch_run(
        self, principal: Principal, run_id: str, after: int = 0, deltas: bool = False
    ) -> AsyncIterator[RunEvent | TextDelta]:
        """Every event behind `after`, then each new one as it comes, to the end of the run; with `deltas` pieces of
        the model's text between them."""
        ...

    async def get_run(self, principal: Principal, run_id: str) -> Run: ...

    async def list_runs(
        self,
        principal: Principal,
        *,
        size: int = 50,
        cursor: str | None = None,
        only: RunFilter = EVERY_RUN,
    ) -> RunPage:
        """Newest first, of those that the caller may read: their own where `only` names no owner, anybody's for
        `*`."""
        ...

    async def cancel_run(self, principal: Principal, run_id: str) -> Run: ...

    async def pause_run(self, principal: Principal, run_id: str) -> Run: ...

    async def resume_run(self, principal: Principal, run_id: str) -> Run: ...

    async def retry_run(self, principal: Principal, run_id: str, after: int, key: str = "") -> Run:
        """A new run that shares the events up to `after`; a repeat with the same key gives the same run."""
        ...

    async def send_message(self, principal: Principal, run_id: str, text: str, key: str = "") -> Run:
        """Go on with the conversation; a repeat with the same key adds nothing."""
        ...

    async def rate_run(self, principal: Principal, run_id: str, score: float, comment: str = "") -> Run:
        """`score` is -1 (bad) to 1 (good)."""
        ...

    async def get_model_request(self, principal: Principal, run_id: str, turn: int) -> TurnRequest:
        """What the model was asked in this turn (1, 2, 3 …)."""
        ...

    async def list_input_requests(
        self, principal: Principal, run_id: str | None = None
    ) -> tuple[InputRequest, ...]: ...

    async def get_input_request(self, principal: Principal, request_id: str) -> InputRequest: ...

    async def answer_input_request(
        self, principal: Principal, request_id: str, answer: Answer
    ) -> InputRequest: ...

    async def withdraw_input_request(self, principal: Principal, request_id: str) -> InputRequest: ...

    async def take_input_request(self, principal: Principal, request_id: str) -> InputRequest:
        """Take the case over: nobody else answers it then, and the run waits until it is handed back by an
        answer."""
        ...


Headers = Mapping[str, str]  # lower-case names
