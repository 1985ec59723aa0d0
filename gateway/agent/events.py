"""The events of a run: versioned, and readable for ever. `stored.py` says how they lie in the log.

A field may be added with a default under the same version. Any other change is a new version, and a reader in
`stored.py` that makes today's event of the old fields.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.agent.definition import AgentDefinition
from gateway.agent.model_requests import RequestChange
from gateway.core.ports import StopReason, ToolUse, Usage
from toolward.types import RequestKind, Said


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What all have in common. `version` is that of the fields."""

    version: int = 1


class RunStarted(Event, frozen=True, kw_only=True):
    """The run exists. It keeps the agent's definition, so that what the model saw can be rebuilt although the
    agent's file has changed since; which tools it may call is looked up anew each time. `before` is what was said
    before the input, elsewhere: the caller's word for it. `scopes` narrow the run as they narrowed who started it
    (None = not at all), proven by the key of the prefix `api_key`, where it was one. `hops` are the gateways
    that the call which started it had passed: its own calls count on from there."""

    agent: str
    owner: str
    tenant: str
    input: str
    definition: AgentDefinition
    before: tuple[Said, ...] = ()
    scopes: tuple[str, ...] | None = None
    api_key: str = ""
    hops: int = 0


class RunTakenUp(Event, frozen=True, kw_only=True):
    """Work on it begins, or goes on after an answer, a message or a pause."""


class MessageReceived(Event, frozen=True, kw_only=True):
    """The conversation goes on: what somebody wrote after the run's input. `key` is theirs: it is told twice
    apart from sent twice. `hops` as of a run that is started."""

    text: str
    by: str
    key: str = ""
    hops: int = 0


class ModelReplied(Event, frozen=True, kw_only=True):
    """One reply of the model begins turn `turn` (1, 2, 3 …). On the `last` turn no tools were offered.

    `request` is what it was asked; `heard` says how much of what came beside the turns was in it (messages and
    late outcomes, in the order of the log). `endpoint` answered, after those that were `passed_over`; `native` is
    the reply as it wrote it, where that holds more than the other fields, and goes back to `native_source` alone.
    `cost` is in billionths of a US dollar."""

    turn: int
    text: str
    tool_uses: tuple[ToolUse, ...]
    stop: StopReason
    usage: Usage
    model: str
    duration_ms: int
    last: bool = False
    heard: int = 0
    request: RequestChange | None = None
    endpoint: str = ""
    passed_over: tuple[str, ...] = ()
    reasoning: str = ""
    native: str = ""
    native_source: str = ""
    response_id: str = ""
    cost: int | None = None


class ToolCalled(Event, frozen=True, kw_only=True):
    """A tool is about to be called; without a ToolReturned the outcome is unknown. It is there again, under
    the same ids, when the call is repeated after an approval, a crash, or where a gateway was asked to end while it
    was under way (`ended`). `tool` is the qualified name, empty when the model asked for one that it does not
    have; `index` is the call's place in its turn, from 0."""

    turn: int
    index: int
    call_id: str
    use_id: str  # the model's own id of this wish
    tool: str
    alias: str
    arguments_json: str
    key: str  # idempotency key
    ended: bool = False


class ToolReturned(Event, frozen=True, kw_only=True):
    """How a call ended, in the words that the model sees. `code` is `ok`, `tool_error`, `outcome_unknown`,
    `limit_reached` or an error's code; `structured` says that the text is JSON; `effect` and `rule` are what
    policy decided, empty where it was not asked. `late`: it was made by a gateway whose lease was over, and came
    while another waited for a person to say what had become of the call. Where the text is cut, `whole` is the
    digest of all of it, `length` characters."""

    call_id: str
    code: str
    is_error: bool
    text: str
    structured: bool = False
    trust: str = "untrusted"
    effect: str = ""
    rule: str = ""
    duration_ms: int = 0
    late: bool = False
    whole: str = ""
    length: int = 0


class InputRequested(Event, frozen=True, kw_only=True):
    """The call waits for a person; without a call, the run itself does."""

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
    the call is made again and decided anew (then often with another request in its place); `handed_back` that who
    answered had taken the case over."""

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


class ResultsFolded(Event, frozen=True, kw_only=True):
    """From now on the model sees of the results of the turns up to `turn` that they were there, and how to read
    them again."""

    turn: int


class TurnsSummarised(Event, frozen=True, kw_only=True):
    """From now on the model sees this `text` in place of the turns up to `turn`, which a model wrote from them
    (none, where `endpoint` is empty). What people said in them it goes on to see."""

    turn: int
    text: str
    usage: Usage
    endpoint: str = ""
    model: str = ""
    cost: int | None = None
    duration_ms: int = 0


class InputClassified(Event, frozen=True, kw_only=True):
    """A small model's word for what turn `turn` begins with; it decides which endpoint answers."""

    turn: int
    label: str
    usage: Usage
    endpoint: str = ""
    cost: int | None = None


class LimitReached(Event, frozen=True, kw_only=True):
    """A limit outside the run's own: `budget` (of its owner's day), or `context`, where an endpoint says that what
    it is sent is too long."""

    limit: Literal["budget", "context"]
    message: str


class RunPaused(Event, frozen=True, kw_only=True):
    """Nothing new is begun until it is resumed; what is under way comes to its end."""

    by: str
    reason: str = ""


class RunResumed(Event, frozen=True, kw_only=True):
    by: str


class EffectMade(msgspec.Struct, frozen=True):
    """A call that changes things, which a run made behind the event from which it is retried."""

    call_id: str
    tool: str
    arguments_json: str
    code: str  # how it ended; `outcome_unknown` where nobody knows


class RunRetried(Event, frozen=True, kw_only=True):
    """The first event of a run that shares another's log up to `after`. `effects` are those that the other made
    behind it: to call such a tool again needs a person's yes. `scopes` and `api_key` are this run's own."""

    parent: str
    after: int
    owner: str
    effects: tuple[EffectMade, ...] = ()
    scopes: tuple[str, ...] | None = None
    api_key: str = ""


class RunRated(Event, frozen=True, kw_only=True):
    """What somebody thinks of it, from -1 to 1."""

    by: str
    score: float
    comment: str = ""


class RunCompleted(Event, frozen=True, kw_only=True):
    answer: str


class RunFailed(Event, frozen=True, kw_only=True):
    """It ended without a full answer: `code` is an error's code, or `limit_reached`, `repeated_failure`,
    `no_progress`, `refusal`, `content_filter`, `truncated`, `context_exceeded`, `empty_reply`, `given_up`.
    `answer` is what there is of one."""

    code: str
    message: str
    answer: str = ""


class RunCancelled(Event, frozen=True, kw_only=True):
    by: str


TYPES: Mapping[str, type[Event]] = {
    "run_started": RunStarted,
    "run_taken_up": RunTakenUp,
    "message_received": MessageReceived,
    "model_replied": ModelReplied,
    "tool_called": ToolCalled,
    "tool_returned": ToolReturned,
    "input_requested": InputRequested,
    "input_answered": InputAnswered,
    "results_folded": ResultsFolded,
    "turns_summarised": TurnsSummarised,
    "input_classified": InputClassified,
    "limit_reached": LimitReached,
    "run_paused": RunPaused,
    "run_resumed": RunResumed,
    "run_retried": RunRetried,
    "run_rated": RunRated,
    "run_completed": RunCompleted,
    "run_failed": RunFailed,
    "run_cancelled": RunCancelled,
}

NAMES: Mapping[type[Event], str] = {kind: name for name, kind in TYPES.items()}
