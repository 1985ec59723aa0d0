"""Tools, their calls and results, and whatever has tools."""

from collections.abc import AsyncIterator, Callable, Mapping
from functools import cached_property
from typing import Any, Literal, Protocol, cast

import msgspec

from toolward.types.content import Content, TextContent
from toolward.types.requests import Answer, InputRequest
from toolward.types.values import EMPTY_OBJECT, Json, JsonObject, Principal


class Tool(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A tool as it is offered. Schemas are JSON Schema 2020-12; annotations are its server's own hints."""

    name: str
    description: str = ""
    input_schema: JsonObject = msgspec.field(default_factory=lambda: {"type": "object"})
    output_schema: JsonObject | None = None
    title: str | None = None
    annotations: JsonObject | None = None


class ToolPage(msgspec.Struct, frozen=True, dict=True):
    tools: tuple[Tool, ...]
    next_cursor: str | None = None

    @cached_property
    def written(self) -> dict[str, bytes]:
        """As it stands on wires, by the name of each: whoever gives out one page again and again has it written
        down once."""
        return {}


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

    @property
    def is_parsed(self) -> bool:
        """Whether the arguments are known to be JSON."""
        return "arguments" in self.__dict__

    @staticmethod
    def parsed(name: str, arguments_json: bytes, arguments: Json, call_id: str, key: str) -> "ToolCall":
        """A call whose arguments have been parsed already."""
        call = ToolCall(name, arguments_json, call_id, key)
        cast(dict[str, Json], call.__dict__)["arguments"] = arguments  # where `cached_property` keeps it
        return call


Trust = Literal["trusted", "untrusted"]


class ToolResult(msgspec.Struct, frozen=True, dict=True):
    """What a tool said. `structured_json` is any JSON value as text; `is_error` means that the tool ran and
    reports that it failed; `trust_said` that `trust` is its server's own word, which goes out over MCP, and not
    what is taken for granted where nobody says anything."""

    content: tuple[Content, ...] = ()
    structured_json: bytes | None = None
    is_error: bool = False
    trust: Trust = "untrusted"
    trust_said: bool = False

    @cached_property
    def structured(self) -> Json:
        return None if self.structured_json is None else msgspec.json.decode(self.structured_json)

    @property
    def text(self) -> str:
        """The text pieces, one under the other."""
        return "\n".join(piece.text for piece in self.content if isinstance(piece, TextContent))


def text_result(text: str, *, is_error: bool = False) -> ToolResult:
    return ToolResult(content=(TextContent(text),), is_error=is_error)


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
    approved_by: tuple[str, ...] = ()  # labels of the person who approved this very call, proven
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
