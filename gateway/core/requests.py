"""Input requests: what a person is asked before a call goes on, who may answer, and what an answer makes of it.

Pure transitions; the ledger stores them. An approval is bound to one call: principal, tool, and the digest of
the arguments.
"""

from typing import Any, cast

import msgspec

from gateway.core.binding import Decision
from gateway.core.catalog import CatalogTool
from gateway.core.digests import arguments_digest
from gateway.core.globs import globs
from gateway.core.ports import RequestSpec
from gateway.core.rules import SELF
from toolward.errors import Conflict, Denied, InvalidRequest
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
    asks = f"{principal.id}, through the agent {run.agent}," if run else principal.id
    request = InputRequest(
        id=request_id,
        kind=RequestKind.APPROVAL,
        state=RequestState.OPEN,
        prompt=f"May {asks} call {tool.name}? {_sentence(decision.reason)}",
        run_id=run.run_id if run else "",
        detail={
            "tool": tool.name,
            "arguments": arguments,
            "rule": decision.rule,
            "principal": principal.id,
            "tenant": principal.tenant,
        },
        approvers=decision.approvers,
        created_at=now,
        expires_at=now + round(lifetime * 1000),
    )
    return RequestSpec(request, principal.id, principal.tenant, tool.name, arguments_digest(arguments))


def expired(request: InputRequest, now: int) -> bool:
    return 0 < request.expires_at <= now


def may_answer(principal: Principal, request: InputRequest) -> bool:
    """Whether this caller is one of those who may answer.

    An approval needs somebody other than the requester, unless its approvers name `self`. Whoever stores
    requests hides those of other tenants; one that says its tenant is checked here again.
    """
    if request.detail.get("tenant", principal.tenant) != principal.tenant:
        return False
    requester = request.detail.get("principal") == principal.id
    if requester and SELF in request.approvers:
        return True
    if requester and request.kind is RequestKind.APPROVAL:
        return False
    return globs(request.approvers).matches_any(principal.labels)


def answered(request: InputRequest, answer: Answer, principal: Principal, now: int) -> InputRequest:
    """The request as this answer leaves it, with who said what under `detail["answer"]`.

    Raises Denied when the caller may not answer, Conflict when the request is not open any more,
    InvalidRequest when the answer is not of the kind that was asked for.
    """
    if not may_answer(principal, request):
        raise _not_an_approver(principal, request)
    if expired(request, now):
        raise Conflict(f"The request {request.id} has expired.", hint="Make the call again to ask anew.")
    if request.state is not RequestState.OPEN:
        raise Conflict(f"The request {request.id} is not open any more: it is {request.state.value}.")
    said: dict[str, Any] = {"by": principal.id, "at": now}
    said |= cast(dict[str, Any], msgspec.to_builtins(answer))
    return msgspec.structs.replace(
        request, state=_state_after(request, answer), detail={**request.detail, "answer": said}
    )


def _state_after(request: InputRequest, answer: Answer) -> RequestState:
    if request.kind in _APPROVALS:
        if answer.approve is None:
            raise InvalidRequest(f"The request {request.id} wants a yes or a no.", hint="Set `approve`.")
        return RequestState.APPROVED if answer.approve else RequestState.DENIED
    if answer.approve is None and not (answer.text or "").strip():
        raise InvalidRequest(f"The answer to {request.id} is empty.", hint="Set `text`.")
    return RequestState.ANSWERED


def _not_an_approver(principal: Principal, request: InputRequest) -> Denied:
    rule = str(request.detail.get("rule", ""))
    if request.detail.get("principal") == principal.id and request.kind is RequestKind.APPROVAL:
        return Denied(
            f"{principal.id} made this request and cannot approve it too.",
            hint=f"Somebody else of {', '.join(request.approvers)} can; or name `{SELF}` among the"
            f" approvers of the rule {rule}.",
            rule=rule,
        )
    return Denied(
        f"{principal.id} may not answer the request {request.id}.",
        hint=f"Those who may are {', '.join(request.approvers) or 'nobody'}.",
        rule=rule,
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"
