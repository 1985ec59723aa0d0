"""Input requests that are no approvals: questions, escalations, calls whose outcome nobody knows, parked runs.

Built here and answered as `gateway.core.requests` says: by a text, or by one of the choices. Who may answer are
the `people` of the agent; where it names none, the run's owner. Times are in Unix ms, lifetimes in seconds (0: no
end).
"""

from collections.abc import Sequence

from gateway.core.digests import arguments_digest, digest
from gateway.core.ports import RequestSpec
from gateway.core.rules import SELF
from toolward.types import InputRequest, JsonObject, Principal, RequestKind, RequestState, RunScope

HAPPENED, DID_NOT_HAPPEN, CANCEL, GO_ON = "happened", "did_not_happen", "cancel", "go_on"
OUTCOME_CHOICES = (HAPPENED, DID_NOT_HAPPEN, CANCEL)
PARKED_CHOICES = (GO_ON, CANCEL)

_HEADLINE = 300  # characters of a summary in a prompt
_DIGITS = 20  # of a request's id, as many as those that are drawn have


def place_id(run_id: str, *place: str | int) -> str:
    """The id of what is asked at this place of a run. Where somebody has answered, and the gateway stops before the
    run has recorded that it asks, it is found again by it, and nobody is asked twice."""
    return f"req_{digest([run_id, *place])[:_DIGITS]}"


def question_request(
    request_id: str,
    principal: Principal,
    run: RunScope,
    question: str,
    *,
    now: int,
    lifetime: float,
    tool: str = "",
    call_id: str = "",
    arguments: JsonObject | None = None,
    rule: str = "",
    choices: Sequence[str] = (),
) -> RequestSpec:
    """A question of the agent's, bound to the call of `tool` by which it asks."""
    asked: JsonObject = {"question": question}
    prompt = f"The agent {run.agent}, working for {principal.id}, asks: {question}"
    return _spec(
        RequestKind.QUESTION, request_id, principal, run, prompt,
        detail=asked | _of_call(tool, call_id, rule), bound_to=arguments if arguments is not None else asked,
        tool=tool, choices=choices, now=now, lifetime=lifetime,
    )  # fmt: skip


def escalation_request(
    request_id: str,
    principal: Principal,
    run: RunScope,
    summary: str,
    *,
    now: int,
    lifetime: float,
    facts: Sequence[JsonObject] = (),
    tried: Sequence[str] = (),
    tool: str = "",
    call_id: str = "",
    arguments: JsonObject | None = None,
    rule: str = "",
) -> RequestSpec:
    """The agent hands its case to a person: what it is about, what was found (`fact` and `source` each), what was
    tried. The person answers, or takes the case over and hands it back."""
    case: JsonObject = {"summary": summary, "facts": list(facts), "tried": list(tried)}
    prompt = (
        f"The agent {run.agent}, working for {principal.id}, hands its case to a person: {_headline(summary)}"
    )
    return _spec(
        RequestKind.ESCALATION, request_id, principal, run, prompt,
        detail=case | _of_call(tool, call_id, rule), bound_to=arguments if arguments is not None else case,
        tool=tool, now=now, lifetime=lifetime,
    )  # fmt: skip


def unknown_outcome_request(
    request_id: str,
    principal: Principal,
    run: RunScope,
    *,
    tool: str,
    arguments: JsonObject,
    call_id: str,
    since: int,
    known: str,
    now: int,
    lifetime: float = 0,
) -> RequestSpec:
    """Whether a call took effect, which only somebody who looks can say. `since` is when it was begun; `known` is a
    sentence of what is known of it. It is bound to this very call, and not to others with the same arguments."""
    detail: JsonObject = {"arguments": arguments, "since": since, "known": known, "changes": True}
    prompt = (
        f"Did this call of {tool} take effect? The agent {run.agent}, working for {principal.id}, made it, and it"
        f" is not known how it ended. {known}"
    ).rstrip()
    return _spec(
        RequestKind.UNKNOWN_OUTCOME, request_id, principal, run, prompt,
        detail=detail | _of_call(tool, call_id, ""), bound_to={"outcome of": call_id, "arguments": arguments},
        tool=tool, choices=OUTCOME_CHOICES, now=now, lifetime=lifetime,
    )  # fmt: skip


def parked_request(
    request_id: str,
    principal: Principal,
    run: RunScope,
    *,
    reason: str,
    now: int,
    lifetime: float = 0,
    attempts: int = 0,
) -> RequestSpec:
    """A run that does not get on, and waits for a person to say whether it shall be tried again. It has no call."""
    tried = [f"{attempts} attempts, none of which got further"] if attempts else []
    detail: JsonObject = {"summary": reason, "facts": [], "tried": tried, "parked": True}
    prompt = (
        f"The run of the agent {run.agent} for {principal.id} does not get on: {_headline(reason)} Go on?"
    )
    return _spec(
        RequestKind.ESCALATION, request_id, principal, run, prompt,
        detail=detail, bound_to={"parked": run.run_id}, choices=PARKED_CHOICES, now=now, lifetime=lifetime,
    )  # fmt: skip


def _spec(
    kind: RequestKind,
    request_id: str,
    principal: Principal,
    run: RunScope,
    prompt: str,
    *,
    detail: JsonObject,
    bound_to: JsonObject,
    now: int,
    lifetime: float,
    tool: str = "",
    choices: Sequence[str] = (),
) -> RequestSpec:
    request = InputRequest(
        id=request_id,
        kind=kind,
        state=RequestState.OPEN,
        prompt=prompt,
        run_id=run.run_id,
        detail=detail | {"agent": run.agent, "principal": principal.id, "tenant": principal.tenant},
        approvers=run.people or (SELF,),
        created_at=now,
        expires_at=now + round(lifetime * 1000) if lifetime else 0,
        choices=tuple(choices),
    )
    return RequestSpec(
        request,
        principal.id,
        principal.tenant,
        tool,
        arguments_digest(bound_to),
        roles=principal.roles,
        run=run,
    )


def _of_call(tool: str, call_id: str, rule: str) -> JsonObject:
    found = {"tool": tool, "call_id": call_id, "rule": rule}
    return {name: value for name, value in found.items() if value}


def _headline(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _HEADLINE else f"{flat[: _HEADLINE - 1]}…"
