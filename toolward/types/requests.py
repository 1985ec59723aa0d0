"""Input requests: what a person must answer, and their answers."""

from enum import StrEnum
from typing import Any

import msgspec

from toolward.types.values import JsonObject


class Answer(msgspec.Struct, frozen=True):
    """A person's answer: approve or not, the text that was asked for, or one of the request's choices. An approval
    may come with other arguments for the call, as the text of a JSON object: those are then what is approved."""

    approve: bool | None = None
    text: str | None = None
    reason: str = ""
    arguments_json: bytes | None = None
    choice: str = ""


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
