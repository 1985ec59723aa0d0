"""The step of a call that policy asks about: a person's approval, found, asked for, or used up.

A call that policy lets through costs no look at the ledger, unless people were asked about that very call.
"""

from contextlib import suppress
from typing import NamedTuple

from msgspec.structs import replace

from gateway.core.admission import Admission, Admitted, Bounds
from gateway.core.answering import CHANGED_TOOL, Answering, origins_of
from gateway.core.digests import arguments_digest
from gateway.core.limits import Hold
from gateway.core.operation_policy import refusal
from gateway.core.ports import ApprovalGone, Binding, Clock, Ids, LedgerPort, RequestSpec
from gateway.core.recording import Recorder
from gateway.core.request_state import Seal
from gateway.core.requests import (
    approval_request,
    approvers_of,
    editors_of,
    may_answer,
    not_open,
    resource_of,
    sent_arguments,
)
from gateway.core.snapshot import Snapshot
from toolward.errors import Conflict, Denied, InvalidRequest, NotFound
from toolward.types import (
    GivenInput,
    InputRequired,
    JsonObject,
    Principal,
    RequestState,
    ToolCall,
)

_SHOWN = 2_000  # characters of changed arguments in a note


class Passed(NamedTuple):
    """A call that may be made, as it is to be sent: its intent is on record. `note` tells the caller of what a
    person changed."""

    admitted: Admitted
    hold: Hold  # of its limits; to be left when the call has ended
    note: str = ""


class _Asked:
    """Which calls people were asked about, as far as this process knows: by binding, until when (Unix ms)."""

    def __init__(self) -> None:
        self._until: dict[Binding, int] = {}
        self._room = 1024

    def add(self, spec: RequestSpec, now: int) -> None:
        if len(self._until) >= self._room:
            self._until = {one: end for one, end in self._until.items() if end == 0 or end > now}
            self._room = max(1024, 2 * len(self._until))
        self._until[spec.binding] = spec.request.expires_at

    def forget(self, binding: Binding) -> None:
        self._until.pop(binding, None)

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, binding: Binding) -> bool:
        return binding in self._until


class Approvals:
    def __init__(
        self,
        ledger: LedgerPort,
        clock: Clock,
        ids: Ids,
        bounds: Bounds,
        *,
        admission: Admission,
        recorder: Recorder,
        state_key: bytes = b"",
    ) -> None:
        self._ledger, self._clock, self._ids, self._bounds = ledger, clock, ids, bounds
        self._admission, self._recorder = admission, recorder
        self._seal = Seal(state_key)
        self._asked = _Asked()
        self.answering = Answering(ledger, clock, ids, bounds)

    async def recall(self) -> None:
        """Close what has expired, and know again what was asked before this process began."""
        await self._ledger.expire_requests()
        for spec in await self._ledger.live_requests():
            self._asked.add(spec, self._clock.now_ms())

    def know(self, admitted: Admitted) -> bool:
        """Whether people were asked about this very call."""
        return bool(self._asked) and _binding(admitted) in self._asked

    async def void(self, admitted: Admitted) -> None:
        """Policy denies the call: nothing that people said of it holds any more."""
        binding = _binding(admitted)
        spec = await self._ledger.find_request(binding)
        if spec is not None and spec.request.state is not RequestState.DENIED:
            await self._void(spec, f"policy denies it now: {admitted.decision.reason}")
        self._asked.forget(binding)

    async def take(self, snapshot: Snapshot, admitted: Admitted) -> Passed | InputRequired:
        """For a call that policy asks about, or that people were asked about: an approval is used up, whatever of
        both it is now, and what a person changed is sent. Raises Denied while a person's denial is fresh, or when
        policy denies what a person made of the arguments; Overloaded where the caller has too much open."""
        if (given := admitted.call.given) is not None:
            await self._take_given(snapshot, admitted, given)
        if (used := await self._used(admitted)) is not None:
            return await self._use(snapshot, admitted, used)
        spec = await self._current(admitted)
        if spec is not None and spec.request.state is RequestState.APPROVED:
            try:
                return await self._use(snapshot, admitted, spec)
            except ApprovalGone:  # another call took it in this moment
                spec = None
        if admitted.decision.effect == "allow":
            if spec is not None and spec.request.state is RequestState.OPEN:
                await self._void(spec, "policy allows it now without a yes")
            self._asked.forget(_binding(admitted))
            return Passed(admitted, await self._recorder.begin(admitted))
        if spec is not None and spec.request.state is RequestState.DENIED:
            raise self._denied_before(admitted, spec)
        return await self._ask(snapshot, admitted)

    async def _current(self, admitted: Admitted) -> RequestSpec | None:
        """The request of this call that is open, approved, or freshly denied. One about a tool that is not the
        same any more is void."""
        spec = await self._ledger.find_request(_binding(admitted))
        if spec is None or spec.tool_digest == admitted.tool.digest:
            return spec
        if spec.request.state is not RequestState.DENIED:
            await self._void(spec, CHANGED_TOOL)
        return None

    async def _used(self, admitted: Admitted) -> RequestSpec | None:
        """The approval of this very call, where a gateway stopped after it had used it up: the yes was to a call
        that has not come to its end, and nobody is asked again."""
        run = admitted.context.run
        if run is None:
            return None
        spec = await self._ledger.request_used_by(run.run_id, admitted.record.id)
        holds = spec is not None and spec.binding == _binding(admitted)
        return spec if spec is not None and holds and spec.tool_digest == admitted.tool.digest else None

    async def _ask(self, snapshot: Snapshot, admitted: Admitted) -> InputRequired:
        principal, context = admitted.principal, admitted.context
        now = self._clock.now_ms()
        spec = approval_request(
            self._ids.new("req"),
            principal,
            admitted.tool,
            admitted.arguments,
            admitted.decision,
            context.run,
            now=now,
            lifetime=self._bounds.approval_lifetime,
        )
        request = await self._ledger.open_request(spec, self._bounds.open_requests)
        if request.id != spec.request.id:  # it was open already
            spec = await self._ledger.get_request(request.id)
        self._asked.add(spec, now)
        own = context.run is None and may_answer(principal, request)
        if not own or _refuses_answer(snapshot, principal, spec):
            return InputRequired((request,))
        return InputRequired((request,), self._seal.of(spec))

    async def _use(self, snapshot: Snapshot, admitted: Admitted, spec: RequestSpec) -> Passed:
        """Raises ApprovalGone when the approval cannot be used any more. One that this call has used up before is
        not used up again."""
        sent, note = admitted, ""
        if (changed := sent_arguments(spec)) is not None:
            sent, note = self._changed(snapshot, admitted, spec, changed), _note(spec, changed)
            if sent.decision.effect == "deny":
                reason = sent.decision.lasting_reason.rstrip(".")
                await self._void(spec, f"policy denies it now: {reason}")
                raise self._refused(
                    sent,
                    f"A person changed the arguments of this call of {sent.tool.name}, and policy denies them now:"
                    f" {reason}.",
                )
        used = spec.request.state is RequestState.CONSUMED
        hold = await self._recorder.begin(sent, approval="" if used else spec.request.id)
        self._asked.forget(spec.binding)
        approved_by = tuple(dict.fromkeys((*sent.context.approved_by, *approvers_of(spec.request))))
        return Passed(sent._replace(context=replace(sent.context, approved_by=approved_by)), hold, note)

    def _changed(
        self, snapshot: Snapshot, admitted: Admitted, spec: RequestSpec, arguments_json: bytes
    ) -> Admitted:
        """The call with what a person put in place of its arguments."""
        call = admitted.call
        sent = ToolCall(call.name, arguments_json, call.call_id, call.idempotency_key)
        # Who approved the call at a gateway before this one has not seen these arguments.
        context = replace(admitted.context, origins=origins_of(spec), approved_by=())
        return self._admission.admit(snapshot, admitted.principal, sent, context, admitted.joining)

    async def _take_given(self, snapshot: Snapshot, admitted: Admitted, given: GivenInput) -> None:
        """What the person before the caller's client said. Raises InvalidRequest for a state that is not ours or is
        another call's, Conflict for one that was used, Denied where policy lets the caller answer no more, and what
        `Answering.answer` raises."""
        for request_id, answer in given.answers.items():
            spec = await self._ledger.find_request(_binding(admitted))
            if spec is None or spec.request.id != request_id:
                spec = await self._known(request_id)
            if spec.binding != _binding(admitted):
                raise _foreign_state()
            if spec.request.state is RequestState.DENIED:  # somebody else was first; their reason is told
                continue
            if spec.request.state is not RequestState.OPEN:
                raise not_open(spec.request)
            if not self._seal.holds(given.state, spec):
                raise _foreign_state()
            if denied := _refuses_answer(snapshot, admitted.principal, spec):
                raise denied
            await self.answering.answer(snapshot, admitted.principal, spec, answer)

    async def _known(self, request_id: str) -> RequestSpec:
        try:
            return await self._ledger.get_request(request_id)
        except NotFound:
            raise _foreign_state() from None

    async def _void(self, spec: RequestSpec, reason: str) -> None:
        """One that was used, answered or withdrawn in this moment stays as it is: it allows nothing more."""
        with suppress(Conflict):
            await self.answering.void(spec, reason)

    def _denied_before(self, admitted: Admitted, spec: RequestSpec) -> Denied:
        said: JsonObject = spec.request.detail.get("answer") or {}
        minutes = max(1, -(-(spec.request.expires_at - self._clock.now_ms()) // 60_000))
        reason = str(said.get("reason") or "no reason given").rstrip(".")
        return self._refused(
            admitted,
            f"{said.get('by') or 'A person'} denied this call of {admitted.tool.name}: {reason}.",
            hint=f"The denial holds for {minutes} more min; another run, or other arguments, are asked about anew.",
            request_id=spec.request.id,
        )

    def _refused(self, admitted: Admitted, message: str, *, hint: str = "", request_id: str = "") -> Denied:
        error = Denied(message, hint=hint, rule=admitted.decision.rule, request_id=request_id)
        self._recorder.refuse(admitted, error)
        return error


def _binding(admitted: Admitted) -> Binding:
    record = admitted.record
    digest = arguments_digest(admitted.arguments)
    return record.tenant, record.principal, record.tool, digest, record.run_id


def _refuses_answer(snapshot: Snapshot, principal: Principal, spec: RequestSpec) -> Denied | None:
    """By policy's rules over operations, as for an answer in the inbox."""
    for operation in ("request.read", "request.answer"):
        decision = snapshot.policy.decide_operation(principal, operation, resource_of(spec))
        if denied := refusal(decision, principal, operation):
            return denied
    return None


def _foreign_state() -> InvalidRequest:
    return InvalidRequest(
        "The request state is not one that was given for this call.",
        hint="Make the call again without it, with the same arguments as before.",
    )


def _note(spec: RequestSpec, changed: bytes) -> str:
    text = changed.decode()
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]} [cut here, of {len(text):,} characters]"
    who = ", ".join(editors_of(spec.request)) or "somebody"
    return f"A person ({who}) changed the arguments before this call was made. What was sent: {shown}"
