"""The shape of a trajectory: one run as one line of JSON. docs/trajectories.md describes it for readers,
docs/trajectory.schema.json is its JSON Schema (`json_schema`); a test holds both against this file.

Times are Unix milliseconds, durations milliseconds. A field may be added under the same `schema`; any other change
is another one. Words that were erased read as `[erased]`.
"""

from typing import Any, Literal

import msgspec

from gateway.agent.definition import AgentDefinition
from gateway.core.ports import StopReason
from toolward.types import JsonObject, Label, RequestKind, RunState, TurnMessage, TurnTool, TurnToolUse

SCHEMA = "toolward.trajectory/1"


class About(msgspec.Struct, frozen=True):
    """The run itself. `parent` is the run that it retries from an event; tokens are what it used itself, and `cost`
    what its replies with a price took, in billionths of a US dollar."""

    id: str
    agent: str
    owner: str
    tenant: str
    state: RunState
    created_at: int
    updated_at: int
    turns: int
    calls: int
    input_tokens: int
    output_tokens: int
    parent: str = ""
    cost: int = 0
    unpriced: bool = False


class Answered(msgspec.Struct, frozen=True):
    """What a person answered, or that nobody did (`expired`, `void`). `arguments_json` are the arguments that were
    sent instead, where people changed them."""

    at: int
    by: str = ""
    approve: bool | None = None
    text: str | None = None
    choice: str = ""
    reason: str = ""
    expired: bool = False
    void: str = ""
    again: bool = False
    handed_back: bool = False
    arguments_json: str = ""
    edited_by: tuple[str, ...] = ()


class Asked(msgspec.Struct, frozen=True):
    """What people were asked. `answer` is null while it waits."""

    seq: int
    at: int
    request_id: str
    kind: RequestKind
    prompt: str
    approvers: tuple[str, ...]
    choices: tuple[str, ...]
    expires_at: int
    answer: Answered | None = None


class Outcome(msgspec.Struct, frozen=True):
    """How a call ended, in the words that the model saw. `code` is `ok`, `tool_error`, or an error's code; `late`:
    it came while a person was asked what had become of the call."""

    at: int
    code: str
    is_error: bool
    text: str
    structured: bool
    trust: str
    duration_ms: int
    late: bool


class Decision(msgspec.Struct, frozen=True):
    """What policy decided, and by which rule."""

    effect: str
    rule: str


class OriginOf(msgspec.Struct, frozen=True):
    """Where one value of the arguments came from: `path` is its JSON Pointer."""

    path: str
    label: Label
    where: str


class Called(msgspec.Struct, frozen=True):
    """One call of a turn, `index` being its place among the turn's tool uses. `sent_at` has a time for each time
    that it was made; `tool` is empty where the model named none that it had. `origins` says of the model's
    arguments where each value came from; `untrusted` whether the model had read anything untrusted by then.
    `outcome` is null while it is under way or waits."""

    call_id: str
    index: int
    use_id: str
    tool: str
    alias: str
    arguments_json: str
    key: str
    sent_at: tuple[int, ...]
    origins: tuple[OriginOf, ...]
    untrusted: bool
    asked: tuple[Asked, ...]
    decision: Decision | None
    outcome: Outcome | None


class Prompt(msgspec.Struct, frozen=True):
    """Exactly what the model was asked: the first `keep` messages of the prompt of turn `base` (0: of none), then
    `add`; and the list of tools `tools`. `add` is null where words of it were erased. `digest` is that of the
    event."""

    base: int
    keep: int
    add: tuple[TurnMessage, ...] | None
    tools: str
    digest: str


class Reply(msgspec.Struct, frozen=True):
    text: str
    tool_uses: tuple[TurnToolUse, ...]
    stop: StopReason


class TurnTold(msgspec.Struct, frozen=True):
    """One reply of the model and the calls that it made. On the `last` one no tools were offered. `at` is when the
    reply was recorded, `duration_ms` how long it took. `prompt` is null in runs from before it was recorded.
    `endpoint` answered after those that were `passed_over`; `cost` is null where it has no price."""

    turn: int
    seq: int
    at: int
    prompt: Prompt | None
    reply: Reply
    model: str
    input_tokens: int
    output_tokens: int
    duration_ms: int
    last: bool
    calls: tuple[Called, ...]
    reasoning: str = ""
    endpoint: str = ""
    passed_over: tuple[str, ...] = ()
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost: int | None = None


class Wrote(msgspec.Struct, frozen=True):
    """What somebody wrote after the run's input."""

    seq: int
    at: int
    by: str
    text: str


class Stopped(msgspec.Struct, frozen=True):
    """A pause; `resumed_at` is 0 while it lasts."""

    seq: int
    at: int
    by: str
    reason: str
    resumed_at: int = 0
    resumed_by: str = ""


class EffectBehind(msgspec.Struct, frozen=True):
    call_id: str
    tool: str
    arguments_json: str
    code: str


class Branched(msgspec.Struct, frozen=True):
    """Where the run branched off another one, whose first `after` events it shares; `effects` are what that one did
    behind them."""

    seq: int
    at: int
    parent: str
    after: int
    by: str
    effects: tuple[EffectBehind, ...]


class Rated(msgspec.Struct, frozen=True):
    seq: int
    at: int
    by: str
    score: float
    comment: str


class Noted(msgspec.Struct, frozen=True):
    """What was decided beside the turns: results of turns up to `turn` folded, a summary in their place, a label
    for what turn `turn` begins with, a limit outside the run. `text` is the summary, the label or what was
    reached."""

    seq: int
    at: int
    type: Literal["results_folded", "turns_summarised", "input_classified", "limit_reached"]
    turn: int = 0
    text: str = ""
    endpoint: str = ""
    cost: int | None = None


class End(msgspec.Struct, frozen=True):
    """How it ended last. `code` and `message` are empty where it is complete."""

    seq: int
    at: int
    state: RunState
    answer: str = ""
    code: str = ""
    message: str = ""


class TrajectoryLine(msgspec.Struct, frozen=True):
    """A run as data. `tools` has each list of tools by the digest that prompts name it by; `asked` is what the run
    itself waited for; `reward` is the score of the newest rating, from -1 to 1; `event_versions` has the versions
    of the events that it was made of; `end` is null for a run that has not ended; `erased`: words may be gone."""

    schema: Literal["toolward.trajectory/1"]
    toolward: str
    run: About
    definition: AgentDefinition
    input: str
    tools: dict[str, tuple[TurnTool, ...]]
    turns: tuple[TurnTold, ...]
    messages: tuple[Wrote, ...]
    asked: tuple[Asked, ...]
    pauses: tuple[Stopped, ...]
    retries: tuple[Branched, ...]
    ratings: tuple[Rated, ...]
    reward: float | None
    end: End | None
    event_versions: dict[str, int]
    erased: bool
    notes: tuple[Noted, ...] = ()


def json_schema() -> JsonObject:
    """The JSON Schema of a line. A reader must let pass what it does not know."""
    schema: dict[str, Any] = msgspec.json.schema(TrajectoryLine)
    for shape in schema["$defs"].values():
        if "description" in shape:
            shape["description"] = " ".join(shape["description"].split())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA} | schema
