"""What a person's answer makes of an input request: decided by the policy in force, with the caller's rights."""

from msgspec.structs import replace

from gateway.core.admission import Bounds
from gateway.core.binding import Decision
from gateway.core.catalog import CatalogTool
from gateway.core.digests import arguments_digest
from gateway.core.ports import Clock, Ids, LedgerPort, RequestSpec
from gateway.core.provenance import Edited, Recorded
from gateway.core.repeats import guarded
from gateway.core.requests import (
    answered,
    check_answer,
    edited,
    may_answer,
    not_an_approver,
    voided,
)
from gateway.core.snapshot import Snapshot
from toolward.errors import Conflict, Denied, InvalidRequest, Unavailable
from toolward.schema import check_arguments, parse_object
from toolward.types import Answer, InputRequest, JsonObject, Origins, Principal, RequestKind

CHANGED_TOOL = "the tool is not what it was when this was asked"


class Answering:
    def __init__(self, ledger: LedgerPort, clock: Clock, ids: Ids, bounds: Bounds) -> None:
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._bounds = bounds

    async def answer(
        self, snapshot: Snapshot, principal: Principal, spec: RequestSpec, answer: Answer
    ) -> InputRequest:
        """The request after it: closed, or another open one in its place, about the arguments of the answer, when
        those need somebody else's yes.

        Raises Denied where this caller may not answer or policy denies the call; InvalidRequest, InvalidArguments,
        TooLarge for an answer that does not fit; Unavailable for changed arguments of a tool that is not there;
        Conflict when the request is not open any more. It stays open, unless the tool or the policy has made it
        void.
        """
        now = self._clock.now_ms()
        check_answer(spec.request, principal, now)
        if answer.arguments_json is not None:
            tool, arguments = await self._checked(snapshot, spec, answer)
            if arguments_digest(arguments) != (spec.sent_digest or spec.arguments_digest):
                return await self._edit(snapshot, principal, spec, tool, arguments, answer.reason)
        if answer.approve and spec.request.kind is RequestKind.APPROVAL:
            await self._decide_again(snapshot, principal, spec)
        request = answered(spec.request, answer, principal, now, denial=self._bounds.denial_lifetime)
        await self._ledger.close_request(request.id, request, principal.id)
        return request

    async def _decide_again(self, snapshot: Snapshot, principal: Principal, spec: RequestSpec) -> None:
        """An approval that the policy in force would not take is none. A tool that is not there just now is no
        reason: the call is decided once more when it is made."""
        tool = snapshot.catalog.find(spec.tool)
        if tool is None:
            return
        await self._check_tool(tool, spec)
        decision = _decide(snapshot, spec, tool, spec.request.detail["arguments"])
        if decision.effect == "deny":
            await self.void(spec, f"policy denies it now: {decision.reason}")
            raise _denied("this call", spec, decision)
        if decision.effect == "ask":
            asked = _asked_by(spec.request, decision)
            if not may_answer(principal, asked):
                raise not_an_approver(principal, asked)

    async def _edit(
        self,
        snapshot: Snapshot,
        principal: Principal,
        spec: RequestSpec,
        tool: CatalogTool,
        arguments: JsonObject,
        reason: str,
    ) -> InputRequest:
        decision = _decide(snapshot, spec, tool, arguments)
        if decision.effect == "deny":
            raise _denied("the call with these arguments", spec, decision)
        now = self._clock.now_ms()
        changed = edited(spec, principal, arguments, decision, spec.request.id, now)
        if decision.effect == "ask" and not may_answer(principal, changed.request):
            return await self._ask_another(spec, principal, arguments, decision)
        approval = answered(
            _asked_by(spec.request, decision), Answer(approve=True, reason=reason), principal, now
        )
        detail = changed.request.detail | {"answer": approval.detail["answer"]}
        request = replace(approval, prompt=changed.request.prompt, detail=detail)
        await self._ledger.close_request(request.id, request, principal.id, changed.sent_digest)
        return request

    async def _ask_another(
        self, spec: RequestSpec, editor: Principal, arguments: JsonObject, decision: Decision
    ) -> InputRequest:
        """Under an id of its own, so that nobody approves what they have not seen."""
        now = self._clock.now_ms()
        asked = edited(spec, editor, arguments, decision, self._ids.new("req"), now)
        reason = f"{editor.id} changed the arguments, and somebody else must agree"
        void = voided(spec.request, reason, now, by=editor.id, replaced_by=asked.request.id)
        await self._ledger.replace_request(spec.request.id, void, asked, editor.id)
        return asked.request

    async def _checked(
        self, snapshot: Snapshot, spec: RequestSpec, answer: Answer
    ) -> tuple[CatalogTool, JsonObject]:
        request = spec.request
        if request.kind is not RequestKind.APPROVAL or not answer.approve:
            raise InvalidRequest(
                "Only an approval can come with other arguments.", hint="Set `approve`, or leave them out."
            )
        tool = snapshot.catalog.find(spec.tool)
        if tool is None:
            raise Unavailable(
                f"{spec.tool} is not there now, so its arguments cannot be changed.",
                hint="Try again when its backend runs.",
            )
        await self._check_tool(tool, spec)
        raw = answer.arguments_json or b""
        arguments = parse_object(raw, f"arguments of {spec.tool}", max_bytes=self._bounds.argument_bytes)
        check_arguments(tool.input_schema, arguments, spec.tool)
        return tool, arguments

    async def _check_tool(self, tool: CatalogTool, spec: RequestSpec) -> None:
        if tool.digest != spec.tool_digest:
            await self.void(spec, CHANGED_TOOL)
            raise Conflict(
                f"{spec.tool} has changed since this was asked, so the request {spec.request.id} is void.",
                hint="Make the call again to ask anew.",
            )

    async def void(self, spec: RequestSpec, reason: str) -> None:
        """Raises Conflict when it is over already."""
        request = voided(spec.request, reason, self._clock.now_ms())
        await self._ledger.close_request(request.id, request, "")


def _decide(snapshot: Snapshot, spec: RequestSpec, tool: CatalogTool, arguments: JsonObject) -> Decision:
    decision = snapshot.policy.decide(spec.caller, tool, arguments, spec.run, origins_of(spec))
    return guarded(decision, tool, spec.run)


def origins_of(spec: RequestSpec) -> Origins | None:
    """Where the values of a call came from that people were asked about, whatever they put in their place; None
    outside a run."""
    if spec.run is None:
        return None
    detail = spec.request.detail
    asked: JsonObject = detail["requested_arguments" if "requested_arguments" in detail else "arguments"]
    return Edited(Recorded(spec.run.origins or ()), asked, "a person")


def _asked_by(request: InputRequest, decision: Decision) -> InputRequest:
    """The request as the rule that asks now would put it: other people may be named than when it was made."""
    if decision.effect != "ask":
        return request
    return replace(request, approvers=decision.approvers, detail=request.detail | {"rule": decision.rule})


def _denied(what: str, spec: RequestSpec, decision: Decision) -> Denied:
    return Denied(
        f"Policy denies {what} of {spec.tool}: {decision.reason.rstrip('.')}.",
        rule=decision.rule,
        request_id=spec.request.id,
    )
