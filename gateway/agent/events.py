"""The events of a run, as they are stored: versioned, and readable for ever.

A field may be added with a default under the same version. Any other change is a new version, and a reader in
`_READERS` that makes today's event of the old fields.
"""

from collections.abc import Callable, Mapping

import msgspec

from gateway.agent.definition import AgentDefinition
from gateway.core.ports import StopReason, StoredEvent, ToolUse, Usage
from toolward.errors import Internal
from toolward.types import JsonObject, RequestKind, RunEvent


class UnreadableEvent(Internal):
    """An event of a type or version that this Toolward does not know, or whose fields are damaged."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What all have in common. `version` is that of the fields."""

    version: int = 1


class RunStarted(Event, frozen=True, kw_only=True):
    """The run exists. It keeps the agent's definition, so that what the model saw can be rebuilt although the
    agent's file has changed since; which tools it may call is looked up anew each time."""

    agent: str
    owner: str
    tenant: str
    input: str
    definition: AgentDefinition


class RunTakenUp(Event, frozen=True, kw_only=True):
    """Work on it begins, or goes on after an answer."""


class ModelReplied(Event, frozen=True, kw_only=True):
    """One reply of the model begins turn `turn` (1, 2, 3 …). On the `last` turn no tools were offered."""

    turn: int
    text: str
    tool_uses: tuple[ToolUse, ...]
    stop: StopReason
    usage: Usage
    model: str
    duration_ms: int
    last: bool = False


class ToolCalled(Event, frozen=True, kw_only=True):
    """A tool is about to be called; without a ToolReturned the outcome is unknown. It is there again, under
    the same ids, when the call is repeated after an approval or a crash. `tool` is the qualified name, empty
    when the model asked for one that it does not have; `index` is the call's place in its turn, from 0."""

    turn: int
    index: int
    call_id: str
    use_id: str  # the model's own id of this wish
    tool: str
    alias: str
    arguments_json: str
    key: str  # idempotency key


class ToolReturned(Event, frozen=True, kw_only=True):
    """How a call ended, in the words that the model sees. `code` is `ok`, `tool_error`, `outcome_unknown`,
    `limit_reached` or an error's code; `structured` says that the text is JSON; `effect` and `rule` are what
    policy decided, empty where it was not asked."""

    call_id: str
    code: str
    is_error: bool
    text: str
    structured: bool = False
    trust: str = "untrusted"
    effect: str = ""
    rule: str = ""
    duration_ms: int = 0


class InputRequested(Event, frozen=True, kw_only=True):
    """The call waits for a person."""

    call_id: str
    request_id: str
    kind: RequestKind
    prompt: str
    approvers: tuple[str, ...] = ()
    expires_at: int = 0
    choices: tuple[str, ...] = ()


class InputAnswered(Event, frozen=True, kw_only=True):
    """A person answered, or nobody did in time (`expired`). `arguments_json` is set where a person changed the
    arguments: those are sent. `void` says why the request does not count any more; `again` that nobody said no, so
    the call is made again and decided anew (then often with another request in its place). `choice` is one of the
    request's choices; `handed_back` says that the person had taken the case over before."""

    request_id: str
    approve: bool | None = None
    text: str | None = None
    reason: str = ""
    by: str = ""
    expired: bool = False
    arguments_json: str = ""
    edited_by: tuple[str, ...] = ()
    void: str = ""
    again: bool = False
    choice: str = ""
    handed_back: bool = False


class RunCompleted(Event, frozen=True, kw_only=True):
    answer: str


class RunFailed(Event, frozen=True, kw_only=True):
    """It ended without a full answer: `code` is an error's code, or `limit_reached`, `repeated_failure`,
    `refusal`, `truncated`, `empty_reply`. `answer` is what there is of one."""

    code: str
    message: str
    answer: str = ""


class RunCancelled(Event, frozen=True, kw_only=True):
    by: str


TYPES: Mapping[str, type[Event]] = {
    "run_started": RunStarted,
    "run_taken_up": RunTakenUp,
    "model_replied": ModelReplied,
    "tool_called": ToolCalled,
    "tool_returned": ToolReturned,
    "input_requested": InputRequested,
    "input_answered": InputAnswered,
    "run_completed": RunCompleted,
    "run_failed": RunFailed,
    "run_cancelled": RunCancelled,
}

NAMES: Mapping[type[Event], str] = {kind: name for name, kind in TYPES.items()}


def _reader(kind: type[Event]) -> Callable[[JsonObject], Event]:
    return lambda data: msgspec.convert(data, kind)


_READERS: Mapping[tuple[str, int], Callable[[JsonObject], Event]] = {
    (name, 1): _reader(kind) for name, kind in TYPES.items()
}


def encode(event: Event) -> StoredEvent:
    return StoredEvent(NAMES[type(event)], event.version, msgspec.json.encode(event))


def decode(event: RunEvent) -> Event:
    """Raises UnreadableEvent, naming the run and the event."""
    where = f"Event {event.seq} of the run {event.run_id}"
    version = event.data.get("version")
    read = _READERS.get((event.type, version)) if isinstance(version, int) else None
    if read is None:
        raise UnreadableEvent(
            f"{where} is of type {event.type!r}, version {version!r}, which this Toolward cannot read.",
            hint="Use the Toolward that wrote it, or a newer one.",
        )
    try:
        return read(event.data)
    except msgspec.ValidationError as error:
        raise UnreadableEvent(
            f"{where} ({event.type}) is damaged: {error}.", hint="Restore the ledger from a copy."
        ) from None
