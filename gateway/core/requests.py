"""Input requests: what a person is asked before a call goes on, who may answer, and what an answer makes of it.

Pure transitions; the ledger stores them (`docs/approvals.md` says the same for people).

    from        to
    open        taken, approved, denied, answered, expired, void
    taken       answered (by whoever has it), void, taken (by somebody else of those who may answer)
    approved    consumed (its one call was made), expired, void

An approval is bound to one call: principal, tool and what its server says of it, the digest of the arguments, run.
Whoever changed the arguments is a requester like the caller: neither approves it, unless the approvers name `self`.

What is not a yes or a no (questions, escalations, unknown outcomes: `gateway.core.questions`) is answered by a text
or by one of the request's choices, and can be taken over first. What is taken does not expire: somebody is at it.
"""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from gateway.core.binding import Decision
from gateway.core.catalog import CatalogTool
from gateway.core.digests import arguments_digest, canonical
from gateway.core.globs import globs
from gateway.core.ports import RequestSpec
from gateway.core.rules import SELF
from toolward.errors import Conflict, Denied, InvalidRequest, TooLarge
from toolward.names import closest
from toolward.types import (
    Answer,
    InputRequest,
    JsonObject,
    Principal,
    RequestKind,
    RequestState,
    RunScope,
)

_APPROVALS = (RequestKind.APPROVAL, RequestKind.PLAN_REVIEW)
_OPEN = frozenset({RequestState.OPEN})
_LIVE = frozenset({RequestState.OPEN, RequestState.APPROVED})
_PENDING = frozenset({RequestState.OPEN, RequestState.TAKEN})

SOURCES: Mapping[RequestState, frozenset[RequestState]] = {
    RequestState.OPEN: frozenset(),
    RequestState.TAKEN: _PENDING,
    RequestState.APPROVED: _OPEN,
    RequestState.DENIED: _OPEN,
    RequestState.ANSWERED: _PENDING,
    RequestState.EXPIRED: _LIVE,
    RequestState.VOID: _LIVE | _PENDING,
    RequestState.CONSUMED: frozenset({RequestState.APPROVED}),
}
"""From which states a request may come into each. There is no other transition."""

MAX_SAID = 20_000
"""Characters of an answer's text, and of its reason: the model gets no more of them."""


def approval_request(
    request_id: str,
    principal: Principal,
    tool: CatalogTool,
    arguments: JsonObject,
    decision: Decision,
    run: RunScope | None,
    *,
    now: int,
    lifetime: float,
) -> RequestSpec:
    """The request for one call that policy asks about. `now` is in Unix ms, `lifetime` in seconds."""
    request = InputRequest(
        id=request_id,
        kind=RequestKind.APPROVAL,
        state=RequestState.OPEN,
        prompt=_prompt(principal.id, run, tool.name, decision),
        run_id=run.run_id if run else "",
        detail={
            "tool": tool.name,
            "changes": tool.facts.changes,
            "arguments": arguments,
            "rule": decision.rule,
            "principal": principal.id,
            "tenant": principal.tenant,
        },
        approvers=decision.approvers,
        created_at=now,
        expires_at=now + round(lifetime * 1000),
    )
    return RequestSpec(
        request,
        principal.id,
        principal.tenant,
        tool.name,
        arguments_digest(arguments),
        tool.digest,
        principal.roles,
        run,
        decision.version,
    )


def edited(
    spec: RequestSpec, editor: Principal, arguments: JsonObject, decision: Decision, request_id: str, now: int
) -> RequestSpec:
    """The request with other arguments, asked about by the rule that decides on those. It is bound to the caller's
    call as before, and lives no longer; its editors are on record, each of them."""
    editors = dict.fromkeys((*editors_of(spec.request), editor.id))
    asked = spec.request.detail
    detail: JsonObject = {
        **{name: value for name, value in asked.items() if name not in ("answer", "void")},
        "arguments": arguments,
        "requested_arguments": asked.get("requested_arguments", asked.get("arguments")),
        "edited_by": list(editors),
        "rule": decision.rule,
    }
    changed = f"{spec.principal} (arguments changed by {', '.join(editors)})"
    request = msgspec.structs.replace(
        spec.request,
        id=request_id,
        prompt=_prompt(changed, spec.run, spec.tool, decision),
        detail=detail,
        approvers=decision.approvers if decision.effect == "ask" else spec.request.approvers,
        created_at=now,
    )
    return msgspec.structs.replace(
        spec, request=request, version=decision.version, sent_digest=arguments_digest(arguments)
    )


def editors_of(request: InputRequest) -> tuple[str, ...]:
    """Who changed the arguments since the caller asked."""
    return tuple(request.detail.get("edited_by", ()))


def approvers_of(request: InputRequest) -> tuple[str, ...]:
    """The labels of the person who approved it, with the roles that they had then; none where nobody did."""
    said: JsonObject = request.detail.get("answer") or {}
    if request.state not in (RequestState.APPROVED, RequestState.CONSUMED) or not said.get("approve"):
        return ()
    return (f"user:{said['by']}", *(f"role:{role}" for role in said.get("roles", ())))


def sent_arguments(spec: RequestSpec) -> bytes | None:
    """The arguments that a person put in place of the caller's; None where nobody did."""
    return canonical(spec.request.detail["arguments"]) if spec.sent_digest else None


def expired(request: InputRequest, now: int) -> bool:
    return 0 < request.expires_at <= now


def may_answer(principal: Principal, request: InputRequest) -> bool:
    """Whether this caller is one of those who may answer.

    An approval needs somebody who neither made the call nor changed it, unless its approvers name `self`: then the
    caller may, and whoever changed it if they are among the approvers anyway. Whoever stores requests hides those
    of other tenants; one that says its tenant is checked here again.
    """
    if request.detail.get("tenant", principal.tenant) != principal.tenant:
        return False
    own = request.detail.get("principal") == principal.id
    if own and SELF in request.approvers:
        return True
    involved = own or principal.id in editors_of(request)
    if involved and request.kind is RequestKind.APPROVAL and (own or SELF not in request.approvers):
        return False
    return globs(request.approvers).matches_any(principal.labels)


def concerns(principal: Principal, spec: RequestSpec) -> bool:
    """Whether the request is there for this caller at all: they made it, changed it, or may answer it."""
    if spec.tenant != principal.tenant:
        return False
    made = principal.id == spec.principal or principal.id in editors_of(spec.request)
    return made or may_answer(principal, spec.request)


def resource_of(spec: RequestSpec) -> dict[str, str]:
    """What policy's rules over `request.read` and `request.answer` may ask of it."""
    return {"kind": spec.request.kind.value, "owner": spec.principal, "tool": spec.tool}


def check_answer(request: InputRequest, principal: Principal, now: int) -> None:
    """Raises Denied when the caller may not answer, Conflict when the request is not open (any more) or
    somebody else has taken it."""
    _check_pending(request, principal, now)
    if (taker := taker_of(request)) and taker != principal.id:
        raise Conflict(
            f"{taker} has taken the request {request.id} over, so nobody else answers it.",
            hint=f"Take it over from them, if that is agreed: toolward inbox take {request.id}",
        )


def taker_of(request: InputRequest) -> str:
    """Who has taken the case over, while they have it."""
    said: JsonObject = request.detail.get("taken") or {}
    return str(said.get("by", "")) if request.state is RequestState.TAKEN else ""


def taken(request: InputRequest, principal: Principal, now: int) -> InputRequest:
    """The request taken over, by whom and from whom under `detail["taken"]`. It does not expire any more.
    Anybody who may answer can take it, also from another who has it: or a run would wait for ever for one who is
    gone. Whoever has it already gets it as it is.

    Raises Denied when the caller may not answer, Conflict when it is over, InvalidRequest for an approval.
    """
    _check_pending(request, principal, now)
    if request.kind in _APPROVALS:
        raise InvalidRequest(
            f"The request {request.id} wants a yes or a no, and cannot be taken over.",
            hint=f"Approve or deny it: toolward inbox approve {request.id}",
        )
    if (before := taker_of(request)) == principal.id:
        return request
    said: JsonObject = {"by": principal.id, "at": now, "from": before}
    detail = {**request.detail, "taken": said}
    return msgspec.structs.replace(request, state=RequestState.TAKEN, detail=detail, expires_at=0)


def _check_pending(request: InputRequest, principal: Principal, now: int) -> None:
    if not may_answer(principal, request):
        raise not_an_approver(principal, request)
    if expired(request, now) or request.state is RequestState.EXPIRED:
        raise Conflict(f"The request {request.id} has expired.", hint="Make the call again to ask anew.")
    if request.state not in _PENDING:
        raise not_open(request)


def answered(
    request: InputRequest, answer: Answer, principal: Principal, now: int, *, denial: float | None = None
) -> InputRequest:
    """The request as this answer leaves it, with who said what under `detail["answer"]`. A denial holds for
    `denial` seconds, and never longer than the request would have lived: `expires_at` says until when.

    Raises what `check_answer` raises, InvalidRequest when the answer is not of the kind that was asked for, and
    TooLarge for one of more than MAX_SAID characters.
    """
    check_answer(request, principal, now)
    state = _state_after(request, answer)
    until = request.expires_at
    if state is RequestState.DENIED and denial is not None:
        end = now + round(denial * 1000)
        until = min(until, end) if until else end
    said: dict[str, Any] = {"by": principal.id, "at": now, "approve": answer.approve}
    said |= {
        "text": None if answer.text is None else _storable(answer.text),
        "reason": _storable(answer.reason),
    }
    said |= {"choice": answer.choice} if answer.choice else {}
    said |= {"roles": list(principal.roles)} if state is RequestState.APPROVED else {}
    detail = {**request.detail, "answer": said}
    return msgspec.structs.replace(request, state=state, detail=detail, expires_at=until)


def voided(
    request: InputRequest, reason: str, now: int, *, by: str = "", again: bool = True, replaced_by: str = ""
) -> InputRequest:
    """The request made void, and why, under `detail["void"]`. `again`: nobody said no, so a run that waits makes
    its call again, and policy decides anew. Raises Conflict when it is over already."""
    if request.state not in SOURCES[RequestState.VOID]:
        raise not_open(request)
    said: JsonObject = {"reason": reason, "at": now, "by": by, "again": again, "replaced_by": replaced_by}
    return msgspec.structs.replace(request, state=RequestState.VOID, detail={**request.detail, "void": said})


def withdrawn(request: InputRequest, principal: Principal, now: int) -> InputRequest:
    """Taken back by who made it. Raises Denied for anybody else, Conflict when it is over already."""
    if request.detail.get("principal") != principal.id:
        raise Denied(f"Only who made the request {request.id} can withdraw it.", hint="Deny it instead.")
    return voided(request, f"{principal.id} withdrew it", now, by=principal.id, again=False)


def _state_after(request: InputRequest, answer: Answer) -> RequestState:
    if max(len(answer.text or ""), len(answer.reason)) > MAX_SAID:
        raise TooLarge(f"The answer to {request.id} has more than {MAX_SAID:,} characters.", hint="Say less.")
    if request.kind in _APPROVALS:
        if answer.approve is None:
            raise InvalidRequest(f"The request {request.id} wants a yes or a no.", hint="Set `approve`.")
        return RequestState.APPROVED if answer.approve else RequestState.DENIED
    if answer.approve is not None:
        raise InvalidRequest(
            f"The request {request.id} is {_KINDS[request.kind]}, which is neither approved nor denied.",
            hint=f"Answer it: toolward inbox answer {request.id} {_example(request)}",
        )
    if request.choices or answer.choice:
        _check_choice(request, answer.choice)
    elif not (answer.text or "").strip():
        raise InvalidRequest(f"The answer to {request.id} is empty.", hint="Set `text`.")
    return RequestState.ANSWERED


_KINDS = {
    RequestKind.QUESTION: "a question",
    RequestKind.ESCALATION: "an escalation",
    RequestKind.UNKNOWN_OUTCOME: "about an unknown outcome",
}


def _example(request: InputRequest) -> str:
    return f"--choice {request.choices[0]}" if request.choices else '"…"'


def _check_choice(request: InputRequest, choice: str) -> None:
    if choice in request.choices:
        return
    if not request.choices:
        raise InvalidRequest(
            f"The request {request.id} has no choices, and {choice[:200]!r} was chosen.",
            hint="Say it as the answer's `text`.",
        )
    said = f", not {choice[:200]!r}" if choice else ""
    near = closest(choice, request.choices) if choice else None
    raise InvalidRequest(
        f"The answer to {request.id} must be one of its choices ({', '.join(request.choices)}){said}.",
        hint=f"Did you mean {near!r}?" if near else "Set `choice`; `text` may say more.",
    )


def _storable(text: str) -> str:
    """JSON can smuggle in halves of surrogate pairs, which no UTF-8 has."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def not_open(request: InputRequest) -> Conflict:
    void = cast(JsonObject, request.detail.get("void") or {})
    why = f" ({void['reason']})" if void.get("reason") else ""
    then = void.get("replaced_by")
    return Conflict(
        f"The request {request.id} is not open any more: it is {request.state.value}{why}.",
        hint=f"Answer {then} instead." if then else "List the requests that are open.",
    )


def not_an_approver(principal: Principal, request: InputRequest) -> Denied:
    rule = str(request.detail.get("rule", ""))
    made = request.detail.get("principal") == principal.id
    if (made or principal.id in editors_of(request)) and request.kind is RequestKind.APPROVAL:
        return Denied(
            f"{principal.id} {'made this request' if made else 'changed the arguments of this request'} and cannot"
            " approve it too.",
            hint=f"Somebody else of {', '.join(request.approvers)} can; or name `{SELF}` among the"
            f" approvers of the rule {rule}.",
            rule=rule,
        )
    return Denied(
        f"{principal.id} may not answer the request {request.id}.",
        hint=f"Those who may are {', '.join(request.approvers) or 'nobody'}.",
        rule=rule,
    )


def _prompt(who: str, run: RunScope | None, tool: str, decision: Decision) -> str:
    asks = f"{who}, through the agent {run.agent}," if run else who
    return f"May {asks} call {tool}? {_sentence(decision.reason)}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"
