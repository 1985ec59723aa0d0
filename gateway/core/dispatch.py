"""Dispatch: the one road from any caller to any tool.

find -> bound -> validate -> decide (`admission`) -> ask where policy says so (`approvals`) -> limits, and the
intent on record (`recording`) -> backend -> check the result -> record the outcome (`performing`). A call by which
an agent turns to people goes to them in place of a backend (`asking`). `list_tools` asks the same policy that
`call_tool` asks.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

from msgspec.structs import replace

from gateway.core.admission import Admission, Admitted, Bounds
from gateway.core.approvals import Approvals, Passed
from gateway.core.asking import Asking
from gateway.core.binding import Decision
from gateway.core.catalog import Catalog, CatalogTool, build_catalog
from gateway.core.offering import Offering
from gateway.core.operation_policy import refusal
from gateway.core.people import PEOPLE
from gateway.core.performing import Performer
from gateway.core.policy import BoundPolicy, Policy, bind
from gateway.core.ports import BackendPort, Called, Clock, Ids, Joining, LedgerPort, RequestSpec
from gateway.core.recording import Recorder
from gateway.core.retrying import Retries
from gateway.core.snapshot import Snapshot
from toolward.errors import Denied, InvalidRequest
from toolward.offers import PromptProvider, ResourceProvider
from toolward.types import (
    Answer,
    CallContext,
    InputRequest,
    InputRequired,
    Outcome,
    Principal,
    RunScope,
    TextContent,
    ToolCall,
    ToolPage,
    ToolResult,
)

__all__ = ["Bounds", "Dispatch"]


class Dispatch:
    """A ToolProvider over all backends, with their resources and prompts (OffersMore). Before the first `replace`
    it has nothing. `draw` gives random numbers from 0 up to 1, which spread retries."""

    def __init__(
        self,
        backends: BackendPort,
        ledger: LedgerPort,
        clock: Clock,
        ids: Ids,
        bounds: Bounds | None = None,
        *,
        draw: Callable[[], float] = lambda: 0.5,
        state_key: bytes = b"",
    ) -> None:
        """Without a `state_key` no caller's own client is asked for approval."""
        self._bounds = bounds or Bounds()
        self._admission = Admission(clock, ids, self._bounds)
        self._recorder = Recorder(ledger, clock)
        self._approvals = Approvals(
            ledger,
            clock,
            ids,
            self._bounds,
            admission=self._admission,
            recorder=self._recorder,
            state_key=state_key,
        )
        self._asking = Asking(ledger, clock, self._bounds, recorder=self._recorder)
        self._performer = Performer(backends, self._recorder, clock, self._bounds, Retries(draw))
        self._offering = Offering(lambda: self._now, backends, ledger, clock, ids, self._bounds)
        nothing = build_catalog(())
        self._now = Snapshot(nothing, bind(Policy(), nothing))
        self._generation = 0
        self._changed = asyncio.Event()

    @property
    def in_force(self) -> Snapshot:
        return self._now

    @property
    def catalog(self) -> Catalog:
        return self._now.catalog

    @property
    def policy(self) -> BoundPolicy:
        return self._now.policy

    def replace(self, catalog: Catalog, policy: BoundPolicy) -> None:
        """Put another catalog and the policy bound to it in force. A call under way keeps what it began with."""
        self._now = Snapshot(catalog, policy)
        self._generation += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def watch(self) -> AsyncIterator[None]:
        """Yields after each replacement since this was called; several at once may be one."""
        return self._watch(self._generation)

    async def _watch(self, seen: int) -> AsyncIterator[None]:
        while True:
            while seen == self._generation:
                await self._changed.wait()
            seen = self._generation
            yield

    def authorize(self, principal: Principal, operation: str, resource: Mapping[str, str]) -> Denied | None:
        """The `Authorize` of `gateway.core.ports`, by the policy in force."""
        decision = self._now.policy.decide_operation(principal, operation, resource)
        return refusal(decision, principal, operation)

    # --- what there is beside tools ----------------------------------------------------------------------

    offers_change = True
    """`watch` tells of them, too."""

    @property
    def resources(self) -> ResourceProvider:
        return self._offering

    @property
    def prompts(self) -> PromptProvider:
        return self._offering

    # --- listing -----------------------------------------------------------------------------------------

    def visible(self, principal: Principal, run: RunScope | None = None) -> Iterator[CatalogTool]:
        """Every tool of which some call could be allowed or asked for, in the catalog's order."""
        return self._now.visible(principal, run)

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        """One page. The cursor is the name of the last tool of the page before. Raises InvalidRequest."""
        start = 0 if cursor is None else self._after(principal, cursor)
        return self._now.page(principal, start, self._bounds.page)

    def _after(self, principal: Principal, cursor: str) -> int:
        catalog, policy = self._now.catalog, self._now.policy
        position = catalog.position(cursor)
        # A name that this caller cannot see is no cursor either, or cursors would tell what exists.
        if position is None or not policy.listable(principal, catalog.tools[position]):
            raise InvalidRequest(
                "The cursor is not one of this list, or the list has changed since.",
                hint="List again from the start.",
            )
        return position + 1

    # --- calling -----------------------------------------------------------------------------------------

    def decide_call(self, principal: Principal, call: ToolCall, context: CallContext) -> Decision:
        """What policy says about a call, without making it. Raises what `call_tool` raises before deciding."""
        return self._admission.admit(self._now, principal, call, context).decision

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        """`call`, without what was decided; the result says what a person changed."""
        made = await self.call(principal, call, context)
        if made.note and isinstance(made.outcome, ToolResult):
            return replace(made.outcome, content=(*made.outcome.content, TextContent(made.note)))
        return made.outcome

    async def call(
        self, principal: Principal, call: ToolCall, context: CallContext, *, joining: Joining | None = None
    ) -> Called:
        """Make one call if policy lets it through. `joining` has the intent stored with a run's part of it.

        Of `call.call_id` only a run's is kept, since a run makes unique ones. Raises UnknownTool, Unavailable,
        TooLarge, InvalidRequest, InvalidArguments, Denied, Overloaded where a limit of the rule is reached or the
        caller has too many open input requests, Conflict for a request state that was used, DeadlineExceeded,
        InvalidResult, and what the backend answers.
        """
        snapshot = self._now
        admitted = self._admission.admit(snapshot, principal, call, context, joining)
        effect, rule = admitted.decision.effect, admitted.decision.rule
        asked = self._approvals.know(admitted)
        if effect == "deny":
            if asked:
                await self._approvals.void(admitted)
            raise self._denied(admitted)
        if admitted.tool.backend == PEOPLE:
            return Called(effect, rule, await self._asking.ask(admitted))
        if effect == "allow" and not asked:
            passed = Passed(admitted, await self._recorder.begin(admitted))
        else:
            passed = await self._approvals.take(snapshot, admitted)
            if isinstance(passed, InputRequired):
                return Called(effect, rule, passed)
        with passed.hold:
            result = await self._performer.perform(passed.admitted)
        return Called(effect, rule, result, passed.note)

    async def answer(self, principal: Principal, spec: RequestSpec, answer: Answer) -> InputRequest:
        """What a person's answer makes of an input request. Raises as `Answering.answer`."""
        return await self._approvals.answering.answer(self._now, principal, spec, answer)

    async def recall(self) -> None:
        """Call once before the first call: what was asked before this process began is known again."""
        await self._approvals.recall()

    def _denied(self, admitted: Admitted) -> Denied:
        decision = admitted.decision
        said, lasting = (
            Denied(
                f"Policy denies this call of {admitted.tool.name}: {reason.rstrip('.')}.", rule=decision.rule
            )
            for reason in (decision.reason, decision.lasting_reason)
        )
        self._recorder.refuse(admitted, lasting)
        return said
