"""Agents and their runs, as clients see them, and whatever runs agents."""

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Literal, Protocol

import msgspec

from toolward.types.requests import Answer, InputRequest
from toolward.types.turns import TurnRequest
from toolward.types.values import JsonObject, Principal


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
    """A run as its clients see it. Times are Unix milliseconds. `cost` is in billionths of a US dollar, of the
    replies that have a price; `unpriced` says that some have none."""

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
    cost: int = 0
    unpriced: bool = False
    created_at: int = 0
    updated_at: int = 0
    last_seq: int = 0  # of the newest event
    parent: str = ""  # the run that this one retries from an event


SaidBy = Literal["user", "assistant"]


class Said(msgspec.Struct, frozen=True):
    """One message of a conversation that was held elsewhere, as the caller tells it."""

    role: SaidBy
    text: str


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


TextKind = Literal["text", "reasoning", "call"]
"""What a piece is of: the answer's text, the model's reasoning, or the qualified names of tools whose calls it
begins to write, each with a line feed behind it."""


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of the model's text as it comes. It is not stored, and may be left out: the whole text is in the
    turn's `model_replied` event. `offset` counts the characters (Unicode code points) of this turn's text of this
    `kind` before it; at 0 that begins, also once more where the model was asked again, then maybe with nothing."""

    turn: int
    offset: int
    text: str
    kind: TextKind = "text"


class RunPage(msgspec.Struct, frozen=True):
    runs: tuple[Run, ...]
    next_cursor: str | None = None


class AgentProvider(Protocol):
    """Anything that runs agents: the gateway, or a client of it."""

    async def list_agents(self, principal: Principal) -> tuple[Agent, ...]: ...

    async def start_run(
        self, principal: Principal, agent: str, text: str, key: str = "", before: Sequence[Said] = ()
    ) -> Run:
        """`before` is the conversation that `text` goes on with; a repeat with the same key gives the same run."""
        ...

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
